"""The engine beside other tools that run pipelines: the same graph of the same small steps, from nothing and again with nothing changed.

A step is `python step.py N INPUT OUTPUT`: it reads a number, adds N and writes it. Shapes: 8 in a chain, 200 side by side, 1,000 and 10,000 in
20 layers. Every tool has two workers where it can have them, and files made afresh for each round; rounds are interleaved. Tools marked
`functions` call the step in their own process, which is less than the others do: no step is isolated from the next. All steps are run by the
same interpreter. A tool that cannot be installed is left out and named; so is a size that a tool would need more than three minutes for.
What takes more than ten seconds is measured once, what takes less than one fifteen times, everything else three times. Files of earlier
rounds stay until a shape is done: to make a file takes a file system up to ten times as long for some seconds after many were deleted.

The machine-learning chain is six steps that import pandas, scikit-learn and MLflow and fit a small model: as `mlops run` forks them from a
warm process, as one process a step, and as plain calls in one process that has imported all of it once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOMES = Path(os.environ.get("MLOPS_HOME") or ROOT / ".mlops") / "bench"
IMAGES = ROOT / "docs/images"
SHAPES = {"8 in a chain": (1,) * 8, "200 side by side": (200,), "1,000 in 20 layers": (50,) * 20, "10,000 in 20 layers": (500,) * 20}
NO_OP = "1,000 in 20 layers"
ROUNDS = 3
LONGEST = 180.0  # seconds that one run of one tool may be expected to take
ONCE = 10.0  # seconds: what takes longer is measured once
QUICK, OFTEN = 1.0, 5  # seconds: what takes less is measured so many times as often
SETTLED = 6.0  # seconds after which a file system has forgotten what was deleted
OURS = "slipway"

STEP = """
import sys


def step(number, before, after):
    value = int(open(before).read()) if before else 0
    with open(after, "w") as file:
        file.write(str(value + int(number)))


if __name__ == "__main__":
    step(sys.argv[1], sys.argv[2] if len(sys.argv) > 3 else "", sys.argv[-1])
"""
COMPONENT = """\
type: command
name: {name}
inputs: {{n: {{type: integer}}{more}}}
outputs: {{out: {{type: uri_file}}}}
code: ./code
environment: azureml:any@latest
command: python step.py ${{{{inputs.n}}}}{before} ${{{{outputs.out}}}}
"""


@dataclass(frozen=True)
class Node:
    """One step: its number, and the step that it reads from, if any."""

    number: int
    before: int | None

    @property
    def name(self) -> str:
        return f"s{self.number}"

    @property
    def words(self) -> str:
        """The arguments of the step's command."""
        return " ".join(filter(None, (str(self.number), self.source, f"{self.name}.out")))

    @property
    def source(self) -> str:
        return "" if self.before is None else f"s{self.before}.out"


def nodes(layers: Sequence[int]) -> list[Node]:
    """Return the steps of a graph of layers; each reads from one of the layer before."""
    made: list[Node] = []
    start = 0
    for depth, width in enumerate(layers):
        above = layers[depth - 1] if depth else 0
        made += [Node(len(made) + place, start - above + place % above if above else None) for place in range(width)]
        start += width
    return made


@dataclass(frozen=True)
class Tool:
    """A tool to measure: how its files are written into an empty folder, and the command that runs them, twice for a no-op."""

    name: str
    write: Callable[[Path, list[Node]], None]
    command: tuple[str, ...]
    packages: tuple[str, ...] = ()
    functions: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its own; `{folder}` in a value is the folder that it runs in."""
    no_op: bool = True
    """Whether it looks for what is done already."""


def _ours(folder: Path, steps: list[Node]) -> None:
    (folder / "code").mkdir()
    (folder / "code/step.py").write_text(STEP)
    (folder / "first.yml").write_text(COMPONENT.format(name="first", more="", before=""))
    (folder / "next.yml").write_text(COMPONENT.format(name="next", more=", before: {type: uri_file}", before=" ${{inputs.before}}"))
    lines = ["type: pipeline", "jobs:"]
    for step in steps:
        bound = f", before: '${{{{parent.jobs.s{step.before}.outputs.out}}}}'" if step.before is not None else ""
        kind = "first" if step.before is None else "next"
        lines.append(f"  {step.name}: {{type: command, component: ./{kind}.yml, inputs: {{n: {step.number}{bound}}}}}")
    (folder / "pipeline.yml").write_text("\n".join(lines) + "\n")


def _bash(folder: Path, steps: list[Node]) -> None:
    (folder / "run.sh").write_text("set -e\n" + "".join(f"python step.py {step.words}\n" for step in steps))


def _make(folder: Path, steps: list[Node]) -> None:
    rules = [f"{step.name}.out: {step.source}\n\tpython step.py {step.words}\n" for step in steps]
    (folder / "Makefile").write_text(f"all: {' '.join(f'{step.name}.out' for step in steps)}\n" + "".join(rules))


def _doit(folder: Path, steps: list[Node]) -> None:
    asked = [(step.name, step.number, step.source) for step in steps]
    (folder / "dodo.py").write_text(
        f"from step import step\nSTEPS = {asked!r}\nDOIT_CONFIG = {{'verbosity': 0}}\n\n\ndef task_step():\n    for name, number, before in STEPS:\n"
        "        yield {'name': name, 'actions': [(step, [number, before, name + '.out'])], 'targets': [name + '.out'],\n"
        "               'file_dep': ['step.py'] + ([before] if before else [])}\n"
    )


def _snakemake(folder: Path, steps: list[Node]) -> None:
    rules = [f"rule all:\n    input: {[f'{step.name}.out' for step in steps]!r}\n"]
    for step in steps:
        given = f"    input: {step.source!r}\n" if step.source else ""
        rules.append(f"rule {step.name}:\n{given}    output: '{step.name}.out'\n    shell: 'python step.py {step.words}'\n")
    (folder / "Snakefile").write_text("\n".join(rules))


def _dvc(folder: Path, steps: list[Node]) -> None:
    lines = ["stages:"]
    for step in steps:
        needs = ["step.py", *([step.source] if step.source else [])]
        lines.append(f"  {step.name}: {{cmd: python step.py {step.words}, deps: {needs!r}, outs: [{step.name}.out]}}")
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    subprocess.run([_home("DVC") / "bin/dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True, capture_output=True)


def _luigi(folder: Path, steps: list[Node]) -> None:
    asked = {step.number: step.before for step in steps}
    (folder / "flow.py").write_text(
        f"import luigi\nfrom step import step\nBEFORE = {asked!r}\n\n\nclass Step(luigi.Task):\n    number = luigi.IntParameter()\n\n"
        "    def requires(self):\n        before = BEFORE[self.number]\n        return [] if before is None else [Step(number=before)]\n\n"
        "    def output(self):\n        return luigi.LocalTarget(f's{self.number}.out')\n\n"
        "    def run(self):\n        before = BEFORE[self.number]\n"
        "        step(self.number, '' if before is None else f's{before}.out', f's{self.number}.out')\n\n\n"
        "luigi.build([Step(number=number) for number in BEFORE], local_scheduler=True, workers=1, log_level='ERROR')\n"
    )


def _kedro(folder: Path, steps: list[Node]) -> None:
    asked = [(step.number, step.before) for step in steps]
    (folder / "flow.py").write_text(
        "from functools import partial\nfrom kedro.io import DataCatalog, MemoryDataset\nfrom kedro.pipeline import node, pipeline\n"
        f"from kedro.runner import SequentialRunner\nfrom step import step\nSTEPS = {asked!r}\n\n\n"
        "def call(number, before, *_):\n    step(number, '' if before is None else f's{before}.out', f's{number}.out')\n    return number\n\n\n"
        "nodes = [node(partial(call, n, b), [] if b is None else [f'd{b}'], f'd{n}', name=f's{n}') for n, b in STEPS]\n"
        "catalog = DataCatalog({f'd{n}': MemoryDataset() for n, _ in STEPS})\nSequentialRunner().run(pipeline(nodes), catalog)\n"
    )


def _flow(text: str) -> Callable[[Path, list[Node]], None]:
    """Return what writes flow.py: the steps, how one is run as a process of the interpreter that runs everybody's steps, and `text`."""

    def write(folder: Path, steps: list[Node]) -> None:
        asked = [(step.number, step.before, step.words.split()) for step in steps]
        (folder / "flow.py").write_text(
            f"import subprocess\nSTEPS = {asked!r}\n\n\ndef run(words):\n"
            f"    subprocess.run([{sys.executable!r}, 'step.py', *words], cwd={str(folder)!r}, check=True)\n\n\n{text}"
        )

    return write


PREFECT = """
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def one(words):
    run(words)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def steps():
    made = {}
    for number, before, words in STEPS:
        made[number] = one.submit(words, wait_for=[made[before]] if before is not None else [])
    for future in made.values():
        future.result()


steps()
"""
REDUN = """
from redun import task

redun_namespace = "bench"


@task()
def one(words, before):
    run(words)
    return words[-1]


@task()
def main():
    made = {}
    for number, before, words in STEPS:
        made[number] = one(words, made.get(before))
    return list(made.values())
"""
DAGSTER = """
from dagster import In, Nothing, Out, job, multiprocess_executor, op


def one(number, before, words):
    @op(name=f"s{number}", ins={"before": In(Nothing)} if before is not None else {}, out=Out(Nothing))
    def made():
        run(words)

    return made


@job(executor_def=multiprocess_executor.configured({"max_concurrent": 2}))
def steps():
    made = {}
    for number, before, words in STEPS:
        node = one(number, before, words)
        made[number] = node() if before is None else node(made[before])
"""
ZENML = """
from zenml import pipeline, step


@step
def one(words: list) -> None:
    run(words)


@pipeline
def steps():
    for number, before, words in STEPS:
        one(words, id=f"s{number}", after=[f"s{before}"] if before is not None else [])


steps()
"""
KFP = """
from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def one(folder: str, python: str, words: list) -> None:
    import subprocess

    subprocess.run([python, "step.py", *words], cwd=folder, check=True)


@dsl.pipeline
def steps(folder: str, python: str):
    made = {}
    for number, before, words in STEPS:
        made[number] = one(folder=folder, python=python, words=words)
        if before is not None:
            made[number].after(made[before])


local.init(runner=local.SubprocessRunner(use_venv=False))
steps(folder=FOLDER, python=PYTHON)
"""


def _kfp(folder: Path, steps: list[Node]) -> None:
    _flow(f"FOLDER, PYTHON = {str(folder)!r}, {sys.executable!r}\n{KFP}")(folder, steps)


def _redun(folder: Path, steps: list[Node]) -> None:
    (folder / ".redun").mkdir()
    (folder / ".redun/redun.ini").write_text(
        "[backend]\ndb_uri = sqlite:///redun.db\n\n[executors.default]\ntype = local\nmax_workers = 2\n"
    )
    _flow(REDUN)(folder, steps)


def _dagster(folder: Path, steps: list[Node]) -> None:
    (folder / "state").mkdir()
    (folder / "state/dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    _flow(DAGSTER)(folder, steps)


def _metaflow(folder: Path, steps: list[Node]) -> None:
    """A layer of one step is a step, a wider one a fan-out and what joins it; each of Metaflow's steps is a process, and so is step.py in it."""
    layers: list[list[Node]] = []
    depth: dict[int, int] = {}
    for step in steps:
        depth[step.number] = 0 if step.before is None else depth[step.before] + 1
        layers += [[]] * (depth[step.number] == len(layers))
        layers[depth[step.number]] = [*layers[depth[step.number]], step]
    lines = ["from metaflow import FlowSpec, step", "", "", "class Steps(FlowSpec):"]
    for number, layer in enumerate(layers):
        here, after = "start" if number == 0 else f"layer{number}", "end" if number + 1 == len(layers) else f"layer{number + 1}"
        words = [step.words.split() for step in layer]
        if len(layer) == 1:
            lines += [f"    @step\n    def {here}(self):\n        run({words[0]!r})\n        self.next(self.{after})\n"]
            continue
        lines += [
            f"    @step\n    def {here}(self):\n        self.words = {words!r}\n        self.next(self.each{number}, foreach='words')\n",
            f"    @step\n    def each{number}(self):\n        run(self.input)\n        self.next(self.join{number})\n",
            f"    @step\n    def join{number}(self, inputs):\n        self.next(self.{after})\n",
        ]
    lines += ["    @step\n    def end(self):\n        pass\n", "", "if __name__ == '__main__':\n    Steps()\n"]
    _flow("\n".join(lines))(folder, steps)


QUIET = {"DO_NOT_TRACK": "1"}
TOOLS = (
    Tool(OURS, _ours, (str(Path(sys.executable).with_name("mlops")), "run", "pipeline.yml"), environment={"MLOPS_HOME": "state"}),
    Tool("bash, a loop", _bash, ("bash", "run.sh"), no_op=False),
    Tool("make -j2", _make, ("make", "-j2", "--silent")),
    Tool("Snakemake", _snakemake, ("snakemake", "--cores", "2", "--quiet", "all"), ("snakemake",)),
    Tool("DVC", _dvc, ("dvc", "repro", "--quiet"), ("dvc",), environment={"DVC_NO_ANALYTICS": "1"}),
    Tool("doit", _doit, ("doit",), ("doit",), functions=True),
    Tool("Luigi", _luigi, ("python", "flow.py"), ("luigi",), functions=True),
    Tool("Kedro", _kedro, ("python", "flow.py"), ("kedro",), functions=True, no_op=False, environment=QUIET),
    Tool("redun", _redun, ("redun", "run", "flow.py", "main"), ("redun",), environment=QUIET),
    Tool(
        "Metaflow",
        _metaflow,
        ("python", "flow.py", "--quiet", "--no-pylint", "run", "--max-workers", "2", "--max-num-splits", "10000"),
        ("metaflow",),
        environment={"METAFLOW_USER": "bench", "METAFLOW_DATASTORE_SYSROOT_LOCAL": "state", "METAFLOW_HOME": "state"},
        no_op=False,
    ),
    Tool(
        "Prefect",
        _flow(PREFECT),
        ("python", "flow.py"),
        ("prefect",),
        environment={
            "PREFECT_HOME": "{folder}/state",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            **QUIET,
        },
        no_op=False,
    ),
    Tool(
        "Dagster",
        _dagster,
        ("dagster", "job", "execute", "-f", "flow.py", "-j", "steps"),
        ("dagster",),
        environment={"DAGSTER_HOME": "{folder}/state", "DAGSTER_DISABLE_TELEMETRY": "yes"},
        no_op=False,
    ),
    Tool(
        "ZenML",
        _flow(ZENML),
        ("python", "flow.py"),
        ("zenml[local]",),
        environment={"ZENML_CONFIG_PATH": "{folder}/state", "ZENML_ANALYTICS_OPT_IN": "false", "AUTO_OPEN_DASHBOARD": "false", **QUIET},
    ),
    Tool("kfp.local", _kfp, ("python", "flow.py"), ("kfp",), no_op=False),
)


def run(rounds: int = ROUNDS, shapes: Sequence[str] = tuple(SHAPES)) -> dict[str, Any]:
    """Measure every tool that can be installed; medians of the rounds, in seconds."""
    tools, skipped = _installed()
    seconds: dict[str, dict[str, list[float]]] = {shape: {} for shape in shapes}
    again: dict[str, list[float]] = {}
    for shape in shapes:
        steps = nodes(SHAPES[shape])
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(OFTEN * rounds):
                for tool in tools:
                    found = seconds[shape].get(tool.name, [])
                    enough = max(found, default=0.0) > ONCE or (number >= rounds and max(found, default=ONCE) > QUICK)
                    why = _left_out(tool, seconds, shape)
                    if why:
                        skipped[f"{tool.name}, {shape}"] = why
                    if why or enough or f"{tool.name}, {shape}" in skipped:
                        continue
                    try:
                        took = _measure(tool, steps, Path(scratch), twice=shape == NO_OP and tool.no_op)
                    except AssertionError as error:
                        if tool.name == OURS:
                            raise
                        skipped[f"{tool.name}, {shape}"] = " ".join(str(error).split())[-300:]
                        continue
                    print(f"  {shape}: {tool.name} {', again '.join(f'{one:.2f} s' for one in took)}", file=sys.stderr, flush=True)
                    seconds[shape].setdefault(tool.name, []).append(took[0])
                    if len(took) > 1:
                        again.setdefault(tool.name, []).append(took[1])
        time.sleep(SETTLED)
    medians = {shape: {name: statistics.median(values) for name, values in found.items()} for shape, found in seconds.items()}
    no_op = {name: statistics.median(values) for name, values in again.items()}
    return {"seconds": medians, "no_op": no_op, "planned": _planned(rounds), "chain": _chain(rounds), "skipped": skipped}


def _installed() -> tuple[list[Tool], dict[str, str]]:
    tools, skipped = [], {}
    for tool in TOOLS:
        try:
            _install(tool)
            tools.append(tool)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            skipped[tool.name] = f"cannot be installed: {str(said).strip().splitlines()[-1][:200]}"
    return tools, skipped


def _home(name: str) -> Path:
    return HOMES / name.lower().replace(" ", "-")


def _install(tool: Tool) -> None:
    """Make the tool's own environment, once."""
    ready = _home(tool.name) / ".ready"
    if not tool.packages or ready.exists():
        return
    ready.parent.parent.mkdir(parents=True, exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(ready.parent / "bin/python")
    for words in (
        ["venv", "--clear", "--python", sys.executable, str(ready.parent)],
        ["pip", "install", "--python", python, *tool.packages],
    ):
        subprocess.run([uv, *words], check=True, capture_output=True, text=True, timeout=600)
    ready.touch()


def _left_out(tool: Tool, seconds: Mapping[str, Mapping[str, list[float]]], shape: str) -> str:
    """Return why this shape is too much for a tool, going by what it took for fewer steps, or nothing."""
    known = [(name, max(found[tool.name]) / sum(SHAPES[name])) for name, found in seconds.items() if tool.name in found and name != shape]
    if not known or known[-1][1] * sum(SHAPES[shape]) <= LONGEST:
        return ""
    return f"it would take about {known[-1][1] * sum(SHAPES[shape]):,.0f} s, going by {known[-1][0]}"


def _measure(tool: Tool, steps: list[Node], scratch: Path, *, twice: bool) -> list[float]:
    """Return the seconds of a run from nothing, and of one more with nothing changed."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "step.py").write_text(STEP)
    tool.write(folder, steps)
    took = [_seconds(tool, folder) for _ in range(1 + twice)]
    made = folder / f"{steps[-1].name}.out"
    assert made.exists() or tool.name == OURS, f"{tool.name} did not run {steps[-1].name}"
    return took


def _seconds(tool: Tool, folder: Path) -> float:
    own = _home(tool.name) / "bin" if tool.packages else Path(sys.executable).parent
    # The step's interpreter is the same for all: it comes first, but for tools that are called as `python` themselves.
    first = [own] if tool.command[0] == "python" else [Path(sys.executable).parent, own]
    path = os.pathsep.join([*map(str, first), os.environ["PATH"]])
    kept = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONDONTWRITEBYTECODE", "MAKEFLAGS", "MLFLOW_TRACKING_URI"}
    }
    program = shutil.which(tool.command[0], path=path)
    assert program, f"{tool.command[0]} is not there"
    temporary = folder / "temporary"  # removed with the rest: kfp.local forgets a folder each step
    temporary.mkdir(exist_ok=True)
    own_variables = {name: value.format(folder=folder) for name, value in tool.environment.items()}
    variables = kept | {"PATH": path, "TMPDIR": str(temporary)} | own_variables
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            [program, *tool.command[1:]], cwd=folder, env=variables, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        late = threading.Timer(2 * LONGEST, end, [process.pid])
        late.start()
        try:
            code = process.wait()  # given a time limit, it would look every 50 ms only
            took = time.perf_counter() - began
        finally:
            late.cancel()
            end(process.pid)  # servers that it started, and what a time-out leaves
            process.wait()
        said.seek(0)
        assert code == 0, f"it was stopped after {2 * LONGEST} s" if took >= 2 * LONGEST else f"{tool.name}: {said.read()[-600:]}"
    return took


def end(group: int) -> None:
    """Kill a process group, if it is there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


PLANNED = "10,000 in 20 layers"
_FEWER = "1,000 in 20 layers"


def _planned(rounds: int) -> dict[str, float]:
    """Return the median seconds of a dry run of 10,000 steps, and the memory at its peak for each step more, in kB."""
    took, grew = [], []
    for _ in range(rounds):
        fewer, more = (_dry_run(nodes(SHAPES[shape])) for shape in (_FEWER, PLANNED))
        took.append(more[0])
        grew.append((more[1] - fewer[1]) / (sum(SHAPES[PLANNED]) - sum(SHAPES[_FEWER])))
    return {"seconds": statistics.median(took), "kB a step": statistics.median(grew)}


# In a small process of its own: what a process starts has at its beginning the peak of the one that started it.
_PEAK = """
import os, resource, sys, time
began = time.perf_counter()
_, status, used = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
assert status == 0, "the dry run failed"
print(time.perf_counter() - began, used.ru_maxrss)
"""


def _dry_run(steps: list[Node]) -> tuple[float, int]:
    """Return the seconds and the peak of resident memory, in kB, of planning these steps."""
    with tempfile.TemporaryDirectory() as scratch:
        _ours(Path(scratch), steps)
        words = [*TOOLS[0].command, "--dry-run"]
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, *words],
            cwd=scratch,
            env=os.environ | TOOLS[0].environment,
            capture_output=True,
            text=True,
            check=True,
        )
        took, peak = done.stdout.splitlines()[-1].split()
        return float(took), int(peak)


CHAIN = """
import sys
import mlflow
import pandas as pd
from sklearn.linear_model import LogisticRegression


def step(number, before, after):
    table = pd.DataFrame({"x": range(200), "y": [i % 2 for i in range(200)]})
    score = LogisticRegression().fit(table[["x"]], table["y"]).score(table[["x"]], table["y"])
    value = float(open(before).read()) if before else 0.0
    with open(after, "w") as file:
        file.write(str(value + score))


if __name__ == "__main__":
    step(sys.argv[1], sys.argv[2] if len(sys.argv) > 3 else "", sys.argv[-1])
"""


def _chain(rounds: int) -> dict[str, float]:
    """Return the medians of the machine-learning chain of six, each way."""
    ways = {
        OURS: TOOLS[0],
        f"{OURS} --no-warm": Tool("no-warm", _ours, (*TOOLS[0].command, "--no-warm"), environment=TOOLS[0].environment),
        "bash, a loop": TOOLS[1],
        "calls in one process": Tool("calls", _calls, ("python", "calls.py"), functions=True),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    steps = nodes((1,) * 6)
    for _ in range(rounds):
        for name, tool in ways.items():
            if max(took[name], default=0.0) > ONCE:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                (folder / "step.py").write_text(CHAIN)
                tool.write(folder, steps)
                if (folder / "code").is_dir():
                    (folder / "code/step.py").write_text(CHAIN)
                took[name].append(_seconds(tool, folder))
    return {name: statistics.median(values) for name, values in took.items()}


def _calls(folder: Path, steps: list[Node]) -> None:
    calls = "".join(f"step({step.number}, {step.source!r}, '{step.name}.out')\n" for step in steps)
    (folder / "calls.py").write_text(f"from step import step\n{calls}")


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown, and draw one picture a question into docs/images."""
    parts = []
    functions = {tool.name for tool in TOOLS if tool.functions}
    for number, (shape, found) in enumerate(figures["seconds"].items()):
        parts.append(_part(f"{shape}, from nothing", found, functions, f"engine-{number}.svg"))
    if figures["no_op"]:
        parts.append(_part(f"{NO_OP}, again with nothing changed", figures["no_op"], functions, "engine-again.svg"))
    planned = figures["planned"]
    parts.append(f"10,000 steps planned (`mlops run --dry-run`): {planned['seconds']:.2f} s, {planned['kB a step']:.1f} kB a step.")
    parts.append(_part("Six steps that import pandas, scikit-learn and MLflow", figures["chain"], functions, "engine-chain.svg"))
    left_out = [f"- left out: {name}: {why}" for name, why in figures["skipped"].items()]
    return "\n\n".join([*parts, *(["\n".join(left_out)] if left_out else [])])


def _part(title: str, found: Mapping[str, float], functions: set[str], image: str) -> str:
    ours = found[OURS]
    ranked = sorted(found.items(), key=lambda item: item[1])
    _draw(title, ranked, IMAGES / image)
    rows = [f"| {name}{' (functions)' * (name in functions)} | {seconds:.2f} | {seconds / ours:.2f} |" for name, seconds in ranked]
    return "\n".join([f"### {title}", "", f"![{title}](images/{image})", "", "| tool | median, s | times ours |", "|---|---|---|", *rows])


def _draw(title: str, ranked: Sequence[tuple[str, float]], place: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same file
    figure = Figure(figsize=(7, 0.9 + 0.32 * len(ranked)), layout="constrained")
    axes = figure.subplots()
    names = [name for name, _ in ranked]
    bars = axes.barh(names, [seconds for _, seconds in ranked], color=["#0b6e4f" if name.startswith(OURS) else "#9aa5b1" for name in names])
    axes.bar_label(bars, labels=[f" {seconds:.2f} s" for _, seconds in ranked])
    axes.set(title=title, xscale="log", xlabel="seconds, log scale")
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    place.parent.mkdir(exist_ok=True)
    figure.savefig(place, metadata={"Date": None})


if __name__ == "__main__":
    names = sys.argv[1:] or ["8 in a chain"]
    print(table(run(rounds=1, shapes=names)))
