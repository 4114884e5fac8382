"""The pipelines and components of an adopted model, as commented Azure ML v2 YAML: train.yml, batch.yml and, where there is a time, monitor.yml."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.adopt.learnt import FILE as COLUMNS
from mlops.adopt.yamls import flow

if TYPE_CHECKING:
    from mlops.adopt.layout import Layout
    from mlops.adopt.plan import Plan

SCHEMA = "https://azuremlschemas.azureedge.net/latest"
SEED = 7
UNREGISTERED = "not registered"


@dataclass(frozen=True)
class Input:
    """One input of a component."""

    type: str
    what: str
    default: Any = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """One step: its program, what it takes and what it makes."""

    title: str
    what: str
    program: str
    inputs: dict[str, Input]
    outputs: dict[str, tuple[str, str]]


COLUMNS_INPUT = Input("uri_file", "columns.yml: what the model learns from, and as what.")
PROJECT_INPUT = Input("uri_file", "project.yml: the types that a model file may hold.")
TABLE_INPUT = Input("string", "Name of the contract's table.")
NAME_INPUT = Input("string", "The model's name in project.yml.")
SEED_INPUT = Input("integer", "The same seed and data give the same result.", SEED)
SHARE_INPUT = Input("number", "Share of the rows (of the groups) that are tested on.", more={"min": 0.01, "max": 0.9})


def components(plan: Plan) -> dict[str, Component]:
    """Return the steps of a plan by name."""
    made = {
        "import": IMPORT,
        "validate": VALIDATE,
        "clean": CLEAN,
        "split": _split(plan),
        "train": TRAIN,
        "evaluate": EVALUATE,
        "score": SCORE,
    }
    return {name: made[name] for name in made}


IMPORT = Component(
    "Import",
    "The data as they came, digests checked, into one typed Parquet table.",
    "-m mlops.datasets",
    {
        "data": Input("uri_folder", "Folder with the data, their digests and source.yml, which says how they are read."),
        "contract": Input("uri_file", "Data contract (ODCS): its columns and types are what is read."),
    },
    {"raw": ("uri_folder", "One Parquet file for the table.")},
)
VALIDATE = Component(
    "Validate",
    "Check the table against the data contract; rows that break a warning go to quarantine, and a broken stop rule ends the run.",
    "-m mlops.contract",
    {
        "contract": Input("uri_file", "Data contract (Open Data Contract Standard v3)."),
        "raw": Input("uri_folder", "One Parquet file for the table."),
    },
    {
        "valid": ("uri_folder", "The same table, less the rows in quarantine."),
        "quarantine": ("uri_folder", "The rows that broke a warning, with the reasons."),
        "report": ("uri_folder", "Great Expectations' own result (validation.json) and a page for people (report.html)."),
    },
)
CLEAN = Component(
    "Clean",
    "Rows with an answer, each once, with the columns that the model learns from and what a row has besides.",
    "clean.py",
    {
        "valid": Input("uri_folder", "Folder with the table, checked against the contract."),
        "table": TABLE_INPUT,
        "columns": COLUMNS_INPUT,
        "duplicates": Input(
            "string",
            "Of rows that are the same in every column one stays: drop; in all that is learnt from, target and split: twins; or keep.",
        ),
        "window": Input("string", "How the time is cut: year, quarter, month, week, day, value; or none.", "none"),
        "share": Input("number", "Share of the rows that is taken, at random: 1 for all of them.", 1, {"min": 0.001, "max": 1}),
        "seed": SEED_INPUT,
    },
    {"cleaned": ("uri_file", "Parquet file.")},
)
TRAIN = Component(
    "Train",
    "Fit one scikit-learn Pipeline from raw columns to prediction, and save it as an MLflow model.",
    "train.py",
    {
        "train": Input("uri_file", "The rows to learn from."),
        "columns": COLUMNS_INPUT,
        "estimator": Input("string", "trees (boosted) or linear."),
        "max_iter": Input("integer", "trees: how many; of each class, where there are more than two.", 100, {"min": 1, "max": 5000}),
        "learning_rate": Input("number", "trees: how far each moves the prediction.", 0.1, {"min": 0.0001, "max": 1}),
        "max_leaf_nodes": Input("integer", "trees: most leaves of one.", 31, {"min": 2, "max": 1000}),
        "min_samples_leaf": Input("integer", "trees: fewest rows of a leaf.", 20, {"min": 1}),
        "l2_regularization": Input("number", "trees: pull of the leaves towards zero.", 1.0, {"min": 0}),
        "strength": Input("number", "linear: see model.py.", 1.0, {"min": 0}),
        "trials": Input("integer", "How many settings of model.py's SEARCH are tried; 0: none, the parameters given here.", 0, {"min": 0}),
        "scoring": Input("string", "What a search decides by, in scikit-learn's words."),
        "seed": SEED_INPUT,
        "threads": Input("integer", "Threads of the training.", 1, {"min": 1}),
        "requirements": Input(
            "string",
            "Packages the model is served with; pinned as installed where it is trained.",
            "mlflow-skinny,scikit-learn,skops,numpy,pandas",
        ),
        "project": PROJECT_INPUT,
        "name": NAME_INPUT,
    },
    {"model": ("mlflow_model", "MLflow model with a scikit-learn Pipeline in skops format.")},
)
EVALUATE = Component(
    "Evaluate",
    "How good the model is on the test rows, beside a stated baseline; where it is weak; and how it ages.",
    "evaluate.py",
    {
        "model": Input("mlflow_model", "The model to judge."),
        "train": Input("uri_file", "Training rows; the baseline comes from them alone."),
        "test": Input("uri_file", "Rows the model is judged on."),
        "columns": COLUMNS_INPUT,
        "metric": Input("string", "The metric that decides."),
        "importance_rows": Input("integer", "Test rows that permutation importance is measured on.", 2000, {"min": 1}),
        "importance_repeats": Input("integer", "How often each column is shuffled.", 3, {"min": 1}),
        "seed": SEED_INPUT,
        "project": PROJECT_INPUT,
        "name": NAME_INPUT,
    },
    {
        "evaluation": (
            "uri_folder",
            "predictions.parquet, baseline.txt, metrics, slices, monthly, importance and curves as JSON, and plots.",
        )
    },
)
SCORE = Component(
    "Score",
    "What a given model says to each row of a table.",
    "score.py",
    {
        "model": Input("mlflow_model", "The model to score with."),
        "raw": Input("uri_folder", "One Parquet file for the table."),
        "table": TABLE_INPUT,
        "columns": COLUMNS_INPUT,
        "lineage": Input("string", "Which version the model is; written beside what it says.", UNREGISTERED),
        "project": PROJECT_INPUT,
        "name": NAME_INPUT,
    },
    {"scores": ("uri_file", "Parquet file with the keys and what the model says.")},
)
SPLIT_WORDS = {
    "time": "By time: learn from the past, test on what came after it.",
    "group": "By group: rows that belong together are on one side.",
    "stratified": "At random, of each class alike.",
    "random": "At random.",
}


def _split(plan: Plan) -> Component:
    table, share = Input("uri_file", "Parquet file with all rows."), {"share": SHARE_INPUT, "seed": SEED_INPUT}
    until = {"until": Input("string", "The last time that is learnt from.")}
    inputs = (
        {"table": table}
        | ({} if plan.split.kind == "random" else {"columns": COLUMNS_INPUT})
        | (until if plan.split.kind == "time" else share)
    )
    outputs = {"train": ("uri_file", "Parquet file."), "test": ("uri_file", "Parquet file.")}
    return Component("Split", SPLIT_WORDS[plan.split.kind], "split.py", inputs, outputs)


def component_yaml(layout: Layout, name: str, component: Component) -> str:
    """Return a component's file."""
    up = layout.up(f"{layout.pipelines}/components")
    ours = component.program.startswith("-m")
    code = f"{up}/src   # holds the package mlops, which the command runs" if ours else f"{up}/{layout.package}"
    lines = [
        f"$schema: {SCHEMA}/commandComponent.schema.json",
        "type: command",
        f"name: {layout.module}_{name}",
        'version: "1"',
        f"display_name: {component.title}",
        f"description: {flow(component.what)}",
        "is_deterministic: true",
        "",
        "inputs:",
    ]
    for key, given in component.inputs.items():
        lines += [f"  {key}:", f"    type: {given.type}"]
        lines += [f"    default: {flow(given.default)}"] if given.default is not None else []
        lines += [f"    {more}: {flow(value)}" for more, value in given.more.items()]
        lines.append(f"    description: {flow(given.what)}")
    lines += ["", "outputs:"]
    for key, (kind, what) in component.outputs.items():
        lines += [f"  {key}:", f"    type: {kind}", f"    description: {flow(what)}"]
    lines += ["", f"code: {code}", f"environment: file:{up}/environments/images/training/environment.yml", "command: >-"]
    lines += [f"  python {component.program}", *(f"  {word}" for word in _arguments(component))]
    return "\n".join(lines) + "\n"


def _arguments(component: Component) -> list[str]:
    if component is IMPORT:
        return ['--source "${{inputs.data}}/source.yml"', '--contract "${{inputs.contract}}"', '--raw "${{outputs.raw}}"']
    names = {"raw": "data"} if component is VALIDATE else {}
    quote = {key: "'" if given.type == "string" else '"' for key, given in component.inputs.items()}
    taken = [f"--{names.get(key, key)} {quote[key]}${{{{inputs.{key}}}}}{quote[key]}" for key in component.inputs]
    return taken + [f'--{key} "${{{{outputs.{key}}}}}"' for key in component.outputs]


def train_yaml(plan: Plan, layout: Layout, choices: Choices) -> str:
    """Return train.yml."""
    steps = {name: made for name, made in components(plan).items() if name != "score"}
    values: dict[str, dict[str, tuple[str | None, str]]] = {
        "# data": _data(plan, layout) | {"share": (flow(1), "of the rows; a pull request may take less of them")},
        "# the question": {"metric": (flow(plan.metric), "what decides")} | _split_values(plan),
        "# the model": {key: (flow(value), what) for key, (value, what) in choices.settings.items()},
    }
    outputs = {"model": "mlflow_model", "test": "uri_file", "train": "uri_file", "evaluation": "uri_folder"}
    head = [
        "# From the data as they came to a model and its evaluation (yours). Azure ML v2 pipeline YAML: `mlops run` runs it here,",
        f"# `az ml job create --file {layout.pipelines}/train.yml` on Azure ML. One input of it: --set inputs.seed=8",
    ]
    return _pipeline(
        layout, "train", f"{plan.target} of {plan.name}: from the data to a model and its evaluation.", head, values, outputs, steps
    )


@dataclass(frozen=True)
class Choices:
    """What the measurement decided of the parameters: name to value and a word about it."""

    settings: dict[str, tuple[Any, str]]


def batch_yaml(plan: Plan, layout: Layout) -> str:
    """Return batch.yml."""
    values = {
        "": _data(plan, layout, keys=("data", "contract", "columns", "project", "table", "name"))
        | {"model": (None, "type: mlflow_model"), "lineage": (UNREGISTERED, "which version it is: `mlops score` says so")}
    }
    steps = {"import": IMPORT, "validate": VALIDATE, "score": SCORE}
    head = [
        "# What a given model says to every row that the contract lets through (yours); `--set inputs.data=FOLDER` for others, with a source.yml",
        "# in it. Rows whose answers are not known yet need a contract that does not ask for them: `--set inputs.contract=FILE`.",
        f"#   mlops score production{'' if layout.first else f' --model {plan.name}'}   # with the version that serves there, which each row then names",
        f"#   mlops run {layout.pipelines}/batch.yml --set inputs.model=.mlops/runs/1/steps/train/outputs/model",
    ]
    return _pipeline(layout, "batch", f"What a given model says to each row of {plan.name}.", head, values, {"scores": "uri_file"}, steps)


def monitor_yaml(plan: Plan, layout: Layout) -> str:
    """Return monitor.yml."""
    values = {
        "": _data(plan, layout, keys=("data", "contract", "columns", "table", "duplicates", "window"))
        | {"share": (flow(1), ""), "seed": (flow(SEED), "")}
    }
    steps = {name: components(plan)[name] for name in ("import", "validate", "clean")}
    head = [
        "# The newest rows, made as training's rows are (yours): `mlops monitor` holds them, window by window, against what the version in",
        "# production was made from. The components, and what they are given, are those of train.yml.",
    ]
    return _pipeline(
        layout, "monitor", f"The newest rows of {plan.name}.", head, values, {"rows": "uri_file"}, steps, rename={"cleaned": "rows"}
    )


def _data(plan: Plan, layout: Layout, keys: tuple[str, ...] = ()) -> dict[str, tuple[str | None, str]]:
    up = layout.up(layout.pipelines)
    every: dict[str, tuple[str | None, str]] = {
        "data": (f"{up}/{layout.data}", "uri_folder"),
        "contract": (f"{up}/{layout.contract}", "uri_file"),
        "columns": (f"{up}/{layout.package}/{COLUMNS}", "uri_file"),
        "project": (f"{up}/src/project/project.yml", "uri_file"),
        "table": (flow(layout.table), ""),
        "name": (flow(plan.name), "the model's, in project.yml"),
        "duplicates": (flow(plan.facts.get("duplicates", "keep")), "of rows that are there twice: drop, twins or keep; see clean.py"),
        "window": (flow(window(plan)), "how the time is cut into windows"),
    }
    if every["window"][0] == "none":
        del every["window"]
    return {key: every[key] for key in keys or every if key in every}


def window(plan: Plan) -> str:
    """Return how the time of a plan is cut."""
    return str(plan.facts.get("window", "none")) if plan.split.kind == "time" else "none"


def _split_values(plan: Plan) -> dict[str, tuple[str | None, str]]:
    if plan.split.kind == "time":
        return {"until": (flow(str(plan.split.cut)), "learnt from until then, tested on what came after")}
    return {"test_share": (flow(round(plan.split.share, 4)), "of the rows" if plan.split.kind != "group" else "of the groups")}


def _pipeline(
    layout: Layout,
    kind: str,
    what: str,
    head: list[str],
    values: dict[str, dict[str, tuple[str | None, str]]],
    outputs: dict[str, str],
    steps: dict[str, Component],
    rename: dict[str, str] | None = None,
) -> str:
    experiment = layout.name if kind == "train" else f"{layout.name}-{kind}"
    lines = [*head, f"$schema: {SCHEMA}/pipelineJob.schema.json", "type: pipeline", f"display_name: {layout.name}-{kind}"]
    lines += [
        f"experiment_name: {experiment}",
        f"description: {flow(what)}",
        "",
        "settings:",
        "  default_compute: azureml:cpu-cluster",
        "",
        "inputs:",
    ]
    for title, given in values.items():
        lines += [f"  {title}"] if title else []
        for key, (value, note) in given.items():
            lines += _input(key, value, note)
    lines += ["", "outputs:"]
    for key, type_ in outputs.items():
        lines += [f"  {key}:", f"    type: {type_}"]
    lines += ["", "jobs:"]
    known = {key for given in values.values() for key in given}
    for name, component in steps.items():
        lines += [*_job(name, component, steps, known, outputs, rename or {}), ""]
    return "\n".join(lines[:-1]) + "\n"


def _input(key: str, value: str | None, note: str) -> list[str]:
    if value is None:
        return [f"  {key}:", f"    {note}"]
    if note in {"uri_folder", "uri_file"}:
        return [f"  {key}:", f"    type: {note}", f"    path: {value}"]
    return [f"  {key}: {value}" + (f"   # {note}" if note else "")]


def _job(
    name: str, component: Component, steps: dict[str, Component], known: set[str], outputs: dict[str, str], rename: dict[str, str]
) -> list[str]:
    lines = [f"  {name}:", "    type: command", f"    component: ./components/{name}.yml", "    inputs:"]
    made = {out: step for step, other in steps.items() for out in other.outputs}
    for key in component.inputs:
        source = _from(name, key, made, known)
        if source:
            lines.append(f"      {key}: ${{{{{source}}}}}")
    told = [(out, rename.get(out, out)) for out in component.outputs if rename.get(out, out) in outputs]
    if told:
        lines.append("    outputs:")
        lines += [f"      {out}: ${{{{parent.outputs.{as_}}}}}" for out, as_ in told]
    return lines


WIRES = {("split", "table"): ("clean", "cleaned"), ("split", "share"): "test_share", ("score", "raw"): ("validate", "valid")}


def _from(name: str, key: str, made: dict[str, str], known: set[str]) -> str:
    """Return where an input of a step comes from: another step, the pipeline's inputs, or its own default."""
    wire = WIRES.get((name, key))
    if isinstance(wire, tuple):
        return f"parent.jobs.{wire[0]}.outputs.{wire[1]}"
    if wire:
        return f"parent.inputs.{wire}"
    if key in made and made[key] != name and key != "table":
        return f"parent.jobs.{made[key]}.outputs.{key}"
    return f"parent.inputs.{key}" if key in known else ""
