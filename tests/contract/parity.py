"""The pipelines of GitHub and of Azure without the words of their system, so that they can be compared: what starts them, stages, verbs, gates, conditions.

`github` and `azure` read one pipeline each, `facts` says it in words, `ran` says which stages run for a given end of each. `DIFFERENT` holds what must
differ, with the reason. `python -m tests.contract.parity` writes the table into docs/ci.md.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract import azure_expander
from tests.contract.azure_expander import Record, graph
from tests.contract.azure_templates import load, possible
from tests.contract.github_expressions import STATUS, bare, evaluate

from mlops.settings import read_project
from mlops.spec.source import read

ROOT = Path(__file__).parents[2]
NAMES = ("ci", "deliver", "infra", "monitor", "retrain", "rollback")
PAGE, BEGIN, END = ROOT / "docs/ci.md", "<!-- parity: begin -->", "<!-- parity: end -->"
MODEL = next(iter(read_project(ROOT).models))
"""The model whose stages are looked at; those of others are the same."""
OTHER = f"{MODEL}-2"
TOKENS = {"GITHUB_TOKEN", "SYSTEM_ACCESSTOKEN"}


@dataclass(frozen=True)
class Verb:
    name: str
    when: str = ""
    """The condition of its step, such as `always()`; empty where the steps before it must have succeeded."""
    given: tuple[str, ...] = ()
    """NAME=value of its environment, where a value is `model`, `input set`, `output train.ticket` or the text; `token` for the job's own."""


@dataclass(frozen=True)
class Job:
    name: str
    gate: str
    """The environment whose rules let it begin; empty where none does."""
    minutes: int
    history: bool
    """Whether the checkout has all commits."""
    cache: bool
    verbs: tuple[Verb, ...]


@dataclass(frozen=True)
class World:
    """How stages ended, and what they handed on. `cancelled` is about the run."""

    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    cancelled: bool = False


@dataclass(frozen=True)
class Stage:
    name: str
    needs: tuple[str, ...]
    jobs: tuple[Job, ...]
    runs: Callable[[World], bool]


@dataclass(frozen=True)
class Pipeline:
    push: tuple[str, ...]
    pull_request: tuple[str, ...]
    crons: tuple[str, ...]
    asks: tuple[str, ...]
    """What a run by hand is asked for; with `!` what it cannot do without."""
    in_turn: bool
    """Whether runs wait for each other and none is dropped."""
    stages: tuple[Stage, ...]


# GitHub


@dataclass(frozen=True)
class Guard:
    """What one file says of when a job runs. `needs` are the names of its file, each with the stages that they are.

    `success()`, said or not, is about `before`: all that a job needs, and what that needs. Whether this goes on behind the caller of the file is
    documented nowhere, and people report that it does (actions/runner, issue 2205): it is taken to.
    """

    condition: str
    needs: dict[str, tuple[str, ...]]
    before: frozenset[str]
    matrix: str

    def holds(self, world: World) -> bool:
        names = {"needs": {name: _aggregate(world, stages) for name, stages in self.needs.items()}}
        ends = {world.results[name] for name in self.before}
        functions = {
            "always": lambda: True,
            "cancelled": lambda: world.cancelled,
            "failure": lambda: "failure" in ends,
            "success": lambda: not world.cancelled and ends <= {"success"},
        }
        runs = STATUS.search(self.condition) or functions["success"]()
        runs = runs and (not self.condition or evaluate(self.condition, names, functions))
        return bool(runs) and (not self.matrix or MODEL in evaluate(self.matrix, names, functions))


def _aggregate(world, stages):
    ends = [world.results[name] for name in stages]
    result = next((end for end in ("failure", "cancelled", "success") if end in ends), "skipped")
    told = {key: value for name in stages if world.results[name] != "skipped" for key, value in world.outputs.get(name, {}).items()}
    return {"result": result, "outputs": told}


def github(name: str, root: Path = ROOT) -> Pipeline:
    """Read one of GitHub's workflows with all that it calls."""
    tree = _workflow(root, f"./.github/workflows/{name}.yml")
    on = tree["on"]
    asked = (on.get("workflow_dispatch") or {}).get("inputs", {})
    queue = tree.get("concurrency", {})
    return Pipeline(
        push=tuple((on.get("push") or {}).get("branches", ["*"])) if "push" in on else (),
        pull_request=tuple((on["pull_request"] or {}).get("branches", ["*"])) if "pull_request" in on else (),
        crons=tuple(entry["cron"] for entry in on.get("schedule", [])),
        asks=tuple(key + "!" * entry.get("required", False) for key, entry in asked.items()),
        in_turn=queue.get("queue") == "max" and not queue.get("cancel-in-progress"),
        stages=tuple(_github_stages(root, tree, {key: "model" if key == "model" else f"input {key}" for key in asked})),
    )


def _workflow(root, name):
    return read(root / name).value


def _github_stages(root, tree, inputs, guards=(), outer=()):
    """The stages of one file: a job, or the jobs of the file that it calls. `outer` are the stages that its caller needs."""
    stages: list[Stage] = []
    members: dict[str, tuple[str, ...]] = {}
    befores: dict[str, frozenset[str]] = {}
    for name, job in tree["jobs"].items():
        named = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        behind = [guard.before for guard in guards if named]
        before = frozenset().union(*(befores[one] | set(members[one]) for one in named), *behind)
        matrix = (job.get("strategy") or {}).get("matrix", {}).get("model", "")
        guard = Guard(bare(job.get("if", "")), {one: members[one] for one in named}, before, bare(matrix))
        needs = tuple(stage for one in named for stage in members[one]) or outer
        found = list(_github_job(root, tree, name, job, inputs, (*guards, guard), needs))
        stages += found
        members[name], befores[name] = tuple(stage.name for stage in found), before
    return stages


def _github_job(root, tree, name, job, inputs, guards, needs):
    if "uses" not in job:
        yield Stage(name, needs, (_job(name, tree, job, inputs),), lambda world: all(guard.holds(world) for guard in guards))
        return
    called = _workflow(root, job["uses"])
    takes = called["on"]["workflow_call"].get("inputs", {})
    given = {key: entry.get("default", "") for key, entry in takes.items()}
    given |= {key: _value(value, inputs) for key, value in job.get("with", {}).items()}
    inner = list(_github_stages(root, called, given, guards, needs))
    if any(set(stage.needs) & {one.name for one in inner} for stage in inner):
        yield from inner
    else:
        yield Stage(name, needs, tuple(job for stage in inner for job in stage.jobs), inner[0].runs)


def _job(name, tree, job, inputs):
    steps = job["steps"]
    checkout = next((step.get("with", {}) for step in steps if "actions/checkout@" in step.get("uses", "")), {})
    setup = next((step.get("with", {}) for step in steps if step.get("uses") == "./.github/actions/setup"), {})
    env = {**tree.get("env", {}), **job.get("env", {})}
    verbs = tuple(
        Verb(step["run"].removeprefix("make "), bare(step.get("if", "")), _given({**env, **step.get("env", {})}, inputs))
        for step in steps
        if step.get("run", "").startswith("make ")
    )
    cache = str(_value(setup.get("cache", False), inputs)).lower() == "true"
    return Job(name, _value(job.get("environment", ""), inputs), job["timeout-minutes"], checkout.get("fetch-depth") == 0, cache, verbs)


def _value(text, inputs):
    """The value of an input or a variable, in the words of both systems."""
    word = bare(text)
    if word.startswith("inputs."):
        return inputs[word.removeprefix("inputs.")]
    if word == "matrix.model":
        return "model"
    found = re.fullmatch(r"needs\.(\w+)\.outputs\.(\w+)", word)
    return f"output {found[1]}.{found[2]}" if found else text


def _given(env, inputs):
    return _named({key: _value(value, inputs) for key, value in env.items()})


def _named(env):
    """A blank is nothing: Azure's form for a manual run takes no empty value."""
    return tuple(sorted("token" if key in TOKENS else f"{key}={str(value).strip()}" for key, value in env.items() if str(value).strip()))


# Azure


def azure(name: str, root: Path = ROOT) -> Pipeline:
    """Read one of Azure's pipelines with all its templates."""
    file = f".azure-pipelines/{name}.yml"

    def text(path):
        return (root / path).read_text()

    asked = [one.name for one in load(text, file, possible(text, file)).parameters]
    pipeline = load(text, file, {key: MODEL if key == "model" else f"input {key}" for key in asked})
    found = graph(pipeline)
    stages = [pair for pair in zip(pipeline.stages, found.stages, strict=True) if pair[0].name.partition("_")[2] in {"", _ID}]
    return Pipeline(
        push=found.push,
        pull_request=found.pull_request,
        crons=found.crons,
        asks=tuple(one.name + "!" * one.required for one in pipeline.parameters),
        in_turn=found.lock == "sequential",
        stages=tuple(_azure_stage(pipeline, stage, told) for stage, told in stages),
    )


_ID = MODEL.replace("-", "_")


def _short(name):
    """A stage is named after what happens in it and, behind that, the model."""
    return name.removesuffix(f"_{_ID}")


def _azure_stage(pipeline, stage, told):
    jobs = tuple(_azure_job(job, one) for job, one in zip(stage.jobs, told.jobs, strict=True))
    return Stage(_short(stage.name), tuple(map(_short, stage.needs)), jobs, lambda world: _azure_runs(pipeline, stage, world))


def _azure_job(job, told):
    variables = dict(job.variables)
    verbs = tuple(
        Verb(
            verb,
            step.condition.replace("succeeded()", ""),
            _named({key: _azure_value(value, variables) for key, value in step.env.items()}),
        )
        for step in job.steps
        if step.kind == "script"
        for verb in azure_expander.VERB.findall(step.body)
    )
    checkout = next((step.more for step in job.steps if step.kind == "checkout"), {})
    cache = any(step.body.startswith("Cache@") for step in job.steps)
    return Job(_short(job.name), told.gate, int(told.minutes), checkout.get("fetchDepth") == "0", cache, verbs)


def _azure_value(text, variables):
    if text == MODEL:
        return "model"
    found = re.fullmatch(r"\$\((\w+)\)", text)
    output = re.search(r"stageDependencies\.(\w+)\.\w+\.outputs\['\w+\.(\w+)'\]", variables.get(found[1], "")) if found else None
    return f"output {_short(output[1])}.{output[2]}" if output else text


def _azure_runs(pipeline, stage, world):
    words = {"success": "succeeded", "failure": "failed", "cancelled": "canceled", "skipped": "skipped"}
    ended = {
        one.name: Record(one.name, words[world.results[_short(one.name)]]) for one in pipeline.stages if _short(one.name) in world.results
    }
    contexts = {}
    for name in stage.needs:
        short, skipped = _short(name), ended[name].result == "skipped"
        told = {} if skipped else {f"{short}.{short}.{key}": value for key, value in world.outputs.get(short, {}).items()}
        contexts[name] = azure_expander._context(ended[name].result, told)
    status = azure_expander._status(world.cancelled, ended, azure_expander._before(pipeline.stages, stage))
    return azure_expander._holds(stage.condition, {"dependencies": contexts, "variables": {}}, status)


# What happens


def ran(pipeline: Pipeline, ends: dict[str, str], outputs: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return how each stage ends, where `ends` says how it would if it ran; with the first that is cancelled the run is."""
    results: dict[str, str] = {}
    cancelled = False
    for stage in pipeline.stages:
        runs = stage.runs(World(results, outputs, cancelled))
        results[stage.name] = ends.get(stage.name, "success") if runs else "skipped"
        cancelled = cancelled or results[stage.name] == "cancelled"
    return results


def worlds(name: str, stages: list[str]):
    """Every word that the verbs hand on, with every end of the stages; of these at most two do not succeed."""
    everything = [f'["{MODEL}", "{OTHER}"]']
    models = everything if name == "monitor" else [*everything, f'["{OTHER}"]', "[]"]  # by schedule and by hand, the plan names all
    words = {
        "plan": [{"code": code, "models": names} for code in ("true", "false") for names in models],
        "train": [{"outcome": outcome} for outcome in ("promote", "unchanged", "")],
        "monitor": [{"retrain": retrain} for retrain in ("true", "false")],
    }
    speaking = [stage for stage in stages if stage in words]
    for ends in itertools.product(("success", "failure", "cancelled"), repeat=len(stages)):
        if ends.count("success") < len(ends) - 2:
            continue
        for told in itertools.product(*(words[stage] for stage in speaking)):
            yield dict(zip(stages, ends, strict=True)), dict(zip(speaking, told, strict=True))


# In words


def facts(pipeline: Pipeline) -> dict[str, str]:
    """Say all that is compared, each thing by a name."""
    found = {
        "pushes to": _list(pipeline.push),
        "pull requests to": _list(pipeline.pull_request),
        "schedule": _list(pipeline.crons),
        "asks for": _list(pipeline.asks),
        "one after the other, none dropped": _yes(pipeline.in_turn),
        "stages": _list(stage.name for stage in pipeline.stages),
    }
    for stage in pipeline.stages:
        found[f"{stage.name}: after"] = _list(stage.needs)
        found[f"{stage.name}: jobs"] = _list(job.name for job in stage.jobs)
        for job in stage.jobs:
            found |= {f"{stage.name}/{job.name}: {key}": value for key, value in _job_facts(job).items()}
    return found


def _job_facts(job):
    verbs = {f"make {verb.name} is given": " if ".join(filter(None, [_list(verb.given), verb.when])) for verb in job.verbs}
    plain = {"verbs": _list(verb.name for verb in job.verbs), "environment": job.gate or "-", "minutes": str(job.minutes)}
    return {**plain, "all commits": _yes(job.history), "cache": _yes(job.cache), **verbs}


def _list(words):
    return ", ".join(words) or "-"


def _yes(value):
    return "yes" if value else "no"


def differences(name: str, root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """What the two systems say differently, by its name: GitHub's word and Azure's; a dash where one has none."""
    one, other = facts(github(name, root)), facts(azure(name, root))
    return {
        key: (one.get(key, "-"), other.get(key, "-"))
        for key in [*one, *(set(other) - set(one))]
        if one.get(key, "-") != other.get(key, "-")
    }


GITHUB_ONLY = {
    "comment": "on GitHub a run of a fork's code may write nothing, so a second run tells the pull request; on Azure the stage `try` does so itself",
    "release": "the template's own: a release is made where the template lives",
}
_TOLD = "on Azure the pull request is told in the same run, whose job has the token for it; on GitHub by comment.yml"
_REQUIRED = "GitHub requires one job by its name; on Azure the build validation policy requires the whole run"
_VARIABLES = "on Azure a pipeline's variables are in the environment of its scripts by themselves; on GitHub they are handed on by name"
DIFFERENT = {
    "infra": {
        "infra/infra: make infra is given": (
            (
                "AZURE_CLIENT_ID=${{ vars.AZURE_INFRA_CLIENT_ID }}, AZURE_GITHUB_REPOSITORY=${{ github.repository }}, "
                "AZURE_SUBSCRIPTION_ID=${{ vars.AZURE_SUBSCRIPTION_ID }}, AZURE_TENANT_ID=${{ vars.AZURE_TENANT_ID }}, "
                "ENV=input environment, WHAT_IF=input what_if, token"
            ),
            "ENV=input environment, WHAT_IF=input what_if, token",
            _VARIABLES,
        )
    },
    "ci": {
        "stages": ("plan, check, try, required", "plan, check, try", _REQUIRED),
        "required: after": ("plan, check, try", "-", _REQUIRED),
        "required: jobs": ("required", "-", _REQUIRED),
        "required/required: minutes": ("5", "-", _REQUIRED),
        "required/required: all commits": ("no", "-", _REQUIRED),
        "required/required: cache": ("no", "-", _REQUIRED),
        "try/try: verbs": ("try", "try, comment", _TOLD),
        "try/try: make comment is given": ("-", f"FROM=.mlops/shared/{MODEL}/verdict, token if always()", _TOLD),
    },
    "deliver": {},
    "monitor": {
        "monitor/monitor: make monitor is given": (
            "APPLICATIONINSIGHTS_CONNECTION_STRING=${{ vars.APPLICATIONINSIGHTS_CONNECTION_STRING }}, MLOPS_STATE=mlops-state, MODEL=model, token",
            "MLOPS_STATE=mlops-state, MODEL=model, token",
            _VARIABLES,
        )
    },
    "retrain": {},
    "rollback": {},
}
"""Pipeline, then name of the fact: GitHub's word, Azure's, and why. What is not in here may not differ."""


# The table


def table(root: Path = ROOT) -> str:
    """Return the parity of the two systems as Markdown, made of their files."""
    rows = ["| | GitHub Actions | Azure Pipelines |", "|---|---|---|"]
    for name in NAMES:
        one, other = github(name, root), azure(name, root)
        rows.append(f"| **{name}** | {_starts(one)} | {_starts(other)} |")
        stages = {stage.name: None for pipeline in (one, other) for stage in pipeline.stages}
        rows += [f"| {name} · {stage} | {_cell(one, stage)} | {_cell(other, stage)} |" for stage in stages]
    reasons = {why: None for told in DIFFERENT.values() for _, _, why in told.values()}
    return "\n".join([*rows, "", "Where they differ, and why:", "", *(f"- {why}." for why in reasons), f"- {GITHUB_ONLY['comment']}.", ""])


def _starts(pipeline):
    """Which branch and which hour are the fork's own, and are left out."""
    words = ["push"] * bool(pipeline.push)
    words += ["pull request"] * bool(pipeline.pull_request)
    words += ["schedule"] * bool(pipeline.crons)
    asks = [f"`{word.rstrip('!')}`{' (needed)' * word.endswith('!')}" for word in pipeline.asks]
    words += [f"by hand: {_list(asks)}"] * bool(asks)
    return "; ".join([*words, *["one after the other"] * pipeline.in_turn])


def _cell(pipeline, name):
    found = next((stage for stage in pipeline.stages if stage.name == name), None)
    if found is None:
        return "-"
    verbs = " · ".join(", ".join(f"`{verb.name}`" for verb in job.verbs) for job in found.jobs if job.verbs) or "no verb"
    after = f" after {_list(found.needs)}" if found.needs else ""
    gate = "".join(f", environment `{job.gate}`" for job in found.jobs if job.gate)
    return f"{verbs}{after}{gate}"


def written(page: str, content: str) -> str:
    """Return a page with the table between its markers."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{content}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), table()))
