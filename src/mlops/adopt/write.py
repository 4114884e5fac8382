"""From a plan to a working project: every file is made in a temporary folder first, tried there, and then moved in as one commit."""

from __future__ import annotations

import difflib
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mlops.adopt import bring, card, edits, entry, gates, learnt, notebook, owned, pipelines, readme, repository, windows
from mlops.adopt.layout import Layout
from mlops.adopt.measure import HARMLESS, SCORING, Measured, measure
from mlops.datasets.reading import read
from mlops.datasets.source import read_source
from mlops.errors import UsageError
from mlops.place import PROJECT_FILE
from mlops.settings import read_project

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mlops.adopt.plan import Plan
    from mlops.settings import ModelSettings, Project

STARTER = Path(__file__).parent / "starter"
SHOWN = ("src/project/project.yml", "src/project/columns.yml", "src/pipelines/train.yml", "environments/staging.yml", "README.md")
"""Files whose difference a rehearsal shows; the others are named."""


FEW_ROWS = 160
"""With fewer rows of training than this, a leaf of twenty would leave a tree next to nothing to part."""
MANY_COLUMNS = 100
WIDE = {"importance_rows": (200, "each column is shuffled, and there are many"), "importance_repeats": (1, "")}


@dataclass(frozen=True)
class Changes:
    """What adopting did, or would do."""

    name: str
    replaced: str
    """The model in whose place it came; empty where it came beside."""
    written: tuple[str, ...]
    removed: tuple[str, ...]
    measured: Measured
    gate: gates.Gate
    remarks: tuple[str, ...]
    diff: str
    commit: str
    """Empty where it was a rehearsal."""
    seconds: float


def write(plan: Plan, root: Path, *, beside: bool, dry_run: bool, say: Callable[[str], None] = lambda _: None) -> Changes:
    """Write a plan into the repository `root`, as one commit.

    Args:
        plan: What was decided.
        root: The repository; `repository.ready` has looked at it.
        beside: Whether the model comes beside those that are there; else it takes the place of the one that is, or of the one of its name.
        dry_run: Make and try everything, and change nothing.
        say: Called with a line for each part of the work that is done.

    Raises:
        UsageError: It is not clear which model is replaced, or it still serves.
        JobFailed: A step of the new project says no to the data.
    """
    began = time.monotonic()
    project = read_project(root)
    old = replaced(project, plan.name, beside=beside)
    if old is not None and old.name != plan.name and not dry_run:
        repository.let_go(root, old.name)
    layout = Layout(plan.name, first=old.package == "src/project" if old else False)
    with tempfile.TemporaryDirectory(prefix="mlops-adopt-") as folder:
        stage, out = Path(folder, "stage"), Path(folder, "out")
        stage.mkdir()
        measured, remarks = _made(plan, layout, stage, out, project, old, say)
        removed = (
            tuple(sorted(set(owned.files(project, old)) - {path.relative_to(stage).as_posix() for path in stage.rglob("*")})) if old else ()
        )
        written = tuple(sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file()))
        diff = _diff(root, stage, layout)
        commit = "" if dry_run else repository.apply(root, stage, removed, message(plan, measured, old.name if old else ""))
    replaces, seconds = old.name if old else "", time.monotonic() - began
    return Changes(plan.name, replaces, written, removed, measured, gates.draw(measured), remarks, diff, commit, seconds)


def _made(
    plan: Plan, layout: Layout, stage: Path, out: Path, project: Project, old: ModelSettings | None, say: Callable[[str], None]
) -> tuple[Measured, tuple[str, ...]]:
    """Write all files of the new project into `stage`, try them with outputs in `out`, and return what was measured and what was seen."""
    origin = bring.bring(plan, stage / layout.data)
    say(f"{'data':<10}{origin}")
    source = read_source(stage / layout.data / "source.yml")
    frame = read(source)
    if plan.split.kind == "time":
        plan = replace(plan, facts={**plan.facts, "window": windows.length_of(frame[plan.split.column])})
    remarks = _contract(plan, layout, stage, frame, source.partition)
    _code(plan, layout, stage)
    _settings(plan, layout, stage, project, old, "linear", tuple(HARMLESS))
    measured = measure(plan, layout, stage, out, lambda chosen, trusted: _settings(plan, layout, stage, project, old, chosen, trusted), say)
    _put(stage, f"{layout.data}/README.md", card.text(plan, layout, origin, measured))
    return measured, (*remarks, *_project(plan, layout, stage, project.root, old, measured))


def replaced(project: Project, name: str, *, beside: bool) -> ModelSettings | None:
    """Return the model whose place is taken: that of the same name, or the only one; None beside others.

    Raises:
        UsageError: There are several, and none is named.
    """
    if name in project.models:
        return project.models[name]
    if beside:
        return None
    if len(project.models) > 1:
        hint = f"Name one of them to replace it, or another to come beside: --name (make: NAME=): {', '.join(project.models)}"
        raise UsageError("which model does it replace? There are several", hint=hint)
    return next(iter(project.models.values()))


def _contract(plan: Plan, layout: Layout, stage: Path, frame: pd.DataFrame, partition: str) -> tuple[str, ...]:
    """Write the contract that the data propose, and return what was seen; `partition` is the column that the files' names make, if they do."""
    from mlops.contract.profile import propose

    leakage = [column.name for column in plan.columns if column.role == "leakage"]
    logical = {column.name: column.type for column in plan.columns}
    made = propose(
        layout.table,
        frame,
        keys=plan.keys,
        partition=(partition,) if partition in frame else (),
        leakage=leakage,
        target=plan.target,
        logical=logical,
        owner=f"{plan.name} team",
        licence="unknown",
    )
    _put(stage, layout.contract, made.text)
    return tuple(made.remarks)


def _code(plan: Plan, layout: Layout, stage: Path) -> None:
    """Lay out scripts, components, tests and the notebook."""
    for folder in (STARTER / "every", STARTER / plan.task):
        for path in sorted(folder.glob("*.py")):
            _put(stage, f"{layout.package}/{path.name}", path.read_text(encoding="utf-8"))
    _put(stage, f"{layout.package}/split.py", (STARTER / f"splits/{plan.split.kind}.py").read_text(encoding="utf-8"))
    for path in sorted((STARTER / "tests").glob("*.py")):
        _put(stage, f"{layout.tests}/{path.name}", path.read_text(encoding="utf-8"))
    for name, component in pipelines.components(plan).items():
        _put(stage, f"{layout.pipelines}/components/{name}.yml", pipelines.component_yaml(layout, name, component))
    _put(stage, f"{layout.pipelines}/batch.yml", pipelines.batch_yaml(plan, layout))
    if pipelines.window(plan) != "none":
        _put(stage, f"{layout.pipelines}/monitor.yml", pipelines.monitor_yaml(plan, layout))
    _put(stage, f"{layout.package}/{learnt.FILE}", learnt.text(plan))
    _put(stage, layout.notebook, notebook.text(plan, layout))


def _settings(
    plan: Plan, layout: Layout, stage: Path, project: Project, old: ModelSettings | None, estimator: str, trusted: tuple[str, ...]
) -> None:
    """Write what the choice of an estimator decides: the parameters, and the types that a model file may hold."""
    _put(stage, f"{layout.pipelines}/train.yml", pipelines.train_yaml(plan, layout, parameters(plan, estimator)))
    made = entry.entry(plan, layout, trusted)
    others = [name for name in project.models if old is None or name != old.name]
    text = (project.root / PROJECT_FILE).read_text(encoding="utf-8")
    if old is not None and old.name != plan.name and others:
        text = entry.with_entry(text, "", old.name)
    _put(stage, PROJECT_FILE.as_posix(), entry.with_entry(text, made, plan.name) if others else entry.alone(plan, made))


def parameters(plan: Plan, estimator: str) -> pipelines.Choices:
    """Return the parameters of train.yml: of trees scikit-learn's own, with smaller leaves where there are few rows."""
    rows = plan.rows * (1 - plan.split.share)
    return pipelines.Choices(
        {
            "estimator": (estimator, "trees (boosted) or linear: a cross-validation found this one better"),
            "max_iter": (100, ""),
            "learning_rate": (0.1, ""),
            "max_leaf_nodes": (31, ""),
            "min_samples_leaf": (20 if rows >= FEW_ROWS else max(2, int(rows) // 8), ""),
            "l2_regularization": (0.0, ""),
            "strength": (1.0, "of the linear model; see model.py"),
            "trials": (0, "how many settings of model.py's SEARCH are tried; 0: none, those above are taken"),
            "scoring": (SCORING[plan.metric], "what a search decides by"),
            "seed": (7, ""),
        }
        | (WIDE if len(plan.columns) > MANY_COLUMNS else {})
    )


def _project(plan: Plan, layout: Layout, stage: Path, root: Path, old: ModelSettings | None, measured: Measured) -> list[str]:
    """Write what is about the whole project: environments, README, and the files that name models; return what could not be done."""
    remarks: list[str] = []
    _environments(plan, layout, stage, root, measured)
    found = edits.added(root, plan.name, layout.package) if old is None else edits.renamed(root, old.name, plan.name)
    for name, text in found.items():
        _put(stage, name, text)
    if layout.first and (root / "README.md").is_file():
        told = readme.rewritten((root / "README.md").read_text(encoding="utf-8"), plan, measured)
        if told is None:
            remarks.append("README.md is your own by now and was left as it is: look whether it still tells the truth.")
        else:
            _put(stage, "README.md", told)
    return remarks


def _environments(plan: Plan, layout: Layout, stage: Path, root: Path, measured: Measured) -> None:
    gate, monitor, load = gates.gate_yaml(plan, measured), gates.monitor_yaml(plan, measured), gates.load_ms(measured)
    staging, production = ((root / f"environments/{name}.yml").read_text(encoding="utf-8") for name in ("staging", "production"))
    if layout.first:
        _put(stage, "environments/staging.yml", gates.with_p95(gates.put_section(staging, "gate", gate), load))
        _put(stage, "environments/production.yml", gates.with_p95(gates.put_section(production, "monitor", monitor), load * 2))
        return
    head = f"# What {plan.name} has otherwise than environments/{{}}.yml (yours): whole sections, in the place of those there.\n"
    slower = load > gates.LOAD_MS
    parts = [gate, *([gates.with_p95(_section(staging, "test"), load)] if slower else [])]
    _put(stage, f"{layout.environments}/staging.yml", head.format("staging") + "\n".join(parts))
    parts = [monitor, *([gates.with_p95(_section(production, "watch"), load * 2)] if slower else [])]
    _put(stage, f"{layout.environments}/production.yml", head.format("production") + "\n".join(parts))


def _section(text: str, key: str) -> str:
    found = yaml.safe_load(text).get(key)
    return yaml.safe_dump({key: found}, sort_keys=False, allow_unicode=True) if found else ""


def _put(stage: Path, name: str, text: str) -> None:
    path = stage / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _diff(root: Path, stage: Path, layout: Layout) -> str:
    """Return the differences of the files that are worth reading, as git would show them."""
    shown = [*SHOWN, f"{layout.package}/columns.yml", f"{layout.pipelines}/train.yml", f"{layout.environments}/staging.yml"]
    made: list[str] = []
    for name in dict.fromkeys(shown):
        if (stage / name).is_file():
            old = (root / name).read_text(encoding="utf-8") if (root / name).is_file() else ""
            new = (stage / name).read_text(encoding="utf-8")
            made += difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=1)
    return "\n".join(made)


def message(plan: Plan, measured: Measured, replaced: str) -> str:
    """Return the commit's message: the plan in short, for whoever reads the history."""
    place = f"in the place of {replaced}" if replaced and replaced != plan.name else "again" if replaced else "beside the other models"
    lines = [f"Adopt {plan.name}: {plan.target} ({plan.task}), {place}", "", f"{plan.rows:,} rows, {len(plan.columns):,} columns. Decided:"]
    lines += [f"- {decision.about}: {decision.value} ({decision.sure}: {decision.why})" for decision in plan.decisions]
    lines += [
        f"- left out as a suspect: {suspect.column} ({suspect.why})" for suspect in plan.suspects if suspect.left_out and suspect.column
    ]
    lines += [
        "",
        f"Measured on {measured.rows:,} test rows: {plan.metric} {gates.told(measured.model)}, a guess {gates.told(measured.guess)}.",
    ]
    return "\n".join(lines) + "\n"
