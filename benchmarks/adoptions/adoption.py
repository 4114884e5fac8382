"""One adoption, as a person would do it: a fresh clone, two commands, the checks, a question to the endpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.adoptions.tables import NO_ANSWER, Table
from benchmarks.adoptions.yardstick import Yardstick, measure
from mlops.settings import choose_model, read_environment, read_project

ROOT = Path(__file__).parents[2]
VENV = Path(sys.prefix)
READY = ("requirements.lock", "pyproject.toml", "src/mlops/setup.sh")
"""What .venv is made from: as old as can be in a clone, so that the .venv that all of them share is taken as it is."""
YOURS = ("src/project", "tests/project", "notebooks")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "check", "--quiet", *YOURS),
    ("ruff", "format", "--quiet", "--check", *YOURS),
    ("mlops", "check"),
    (
        *("pytest", "-m", "not slow", "--ignore", "tests/project/test_notebook.py"),
        *("tests/project", "tests/contract/test_data.py", "tests/contract/test_pipelines.py"),
    ),
)
"""What is asked of every table; of a few, `WHOLE`: all that checks a fork's files, the notebook among it."""
WHOLE = (*CHECKS[:3], ("pytest", "tests/project", "tests/contract", "-m", "not slow"), ("pytest", "tests/project/test_notebook.py"))
MINUTES = 15
UNKNOWN = Yardstick(None, None, None)


class Broken(Exception):
    """A command did not end as it should; its output is in the message."""


@dataclass(frozen=True)
class Result:
    """How an adoption went; `broke` is empty where it ended as it should."""

    table: Table
    rows: int = 0
    columns: int = 0
    task: str = ""
    metric: str = ""
    yardstick: Yardstick = UNKNOWN
    adopt: float = 0.0
    run: float = 0.0
    checks: float = 0.0
    """Seconds of `mlops adopt`, `make run` and the checks."""
    broke: str = ""


@dataclass
class Clone:
    """A clone of what is committed here, which shares this .venv."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Clone:
        subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(root)], check=True, capture_output=True)
        clone = cls(root)
        (root / ".venv").symlink_to(VENV)
        with (root / ".git/info/exclude").open("a", encoding="utf-8") as file:
            file.write("/.venv\n")
        for words in (("user.name", "A person"), ("user.email", "person@example.org"), ("commit.gpgsign", "false")):
            clone.well("git", "config", *words)
        return clone

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS", "MLFLOW", "MAKE", "ONLY", "GIT_"))}
        environ |= {"PATH": f"{VENV / 'bin'}{os.pathsep}{environ['PATH']}", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            words, cwd=self.root, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MINUTES * 60, check=False
        )

    def well(self, *words: str) -> float:
        """Run a command that must end well, and return its seconds.

        Raises:
            Broken: It did not.
        """
        began = time.monotonic()
        done = self.call(*words)
        if done.returncode:
            raise Broken(f"$ {' '.join(words)}\nexit {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}")
        return time.monotonic() - began

    def age(self) -> None:
        for name in READY:
            os.utime(self.root / name, (0, 0))

    def adopt(self, table: Table, data: str, *words: str) -> float:
        """Turn the clone into the table's project, or with `--name` in `words` add a model to what is there; return the seconds.

        Raises:
            Broken: It failed, or left something that is in no commit.
        """
        seconds = self.well("mlops", "adopt", data, "--target", table.target, "--yes", *table.options, *words)
        if left := self.call("git", "status", "--porcelain").stdout:
            raise Broken(f"not committed after adopting:\n{left}")
        self.age()
        return seconds

    def question(self, name: str) -> int:
        """Send production its sample, and return how many predictions came."""
        status = json.loads(self.call("mlops", "status", "--json", "--model", name).stdout)["environments"]["production"]
        key, body = Path(status["key_file"]).read_text(encoding="utf-8").split()[0], Path(status["sample_file"]).read_bytes()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{status['address']}/score", body, headers), timeout=20) as answer:
            return len(json.load(answer)["predictions"])

    def outputs(self) -> dict[str, Path]:
        record = json.loads((self.root / ".mlops/runs/1/run.json").read_text(encoding="utf-8"))
        return {name: Path(output["path"]) for name, output in record["outputs"].items()}


def adopt(table: Table, place: Path, checks: tuple[tuple[str, ...], ...] = CHECKS) -> Result:
    """Adopt a table in a clone below `place` and take it to production; the clone stays where something broke."""
    clone = Clone.make(place / "clone")
    (place / "data").mkdir()
    data = table.write(place / "data")
    try:
        result = _refused(clone, table, data) if table.task == NO_ANSWER else _delivered(clone, table, data, checks)
    except Broken as error:
        result = Result(table, broke=str(error))
    except Exception:  # whatever it is, the other tables go on
        result = Result(table, broke=traceback.format_exc())
    finally:
        clone.call("mlops", "stop")
    if not result.broke:
        shutil.rmtree(place)
    return result


def _refused(clone: Clone, table: Table, data: str) -> Result:
    done = clone.call("mlops", "adopt", data, "--target", table.target, "--yes")
    changed = clone.call("git", "status", "--porcelain").stdout
    clear = done.returncode == 2 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr and not changed
    return Result(table, task=NO_ANSWER, broke="" if clear else f"exit {done.returncode}, not a clear refusal: {done.stderr}{changed}")


def _delivered(clone: Clone, table: Table, data: str, checks: tuple[tuple[str, ...], ...]) -> Result:
    adopting = clone.adopt(table, data)
    running = clone.well("make", "run")
    model = choose_model(read_project(clone.root), None)
    metric = read_environment(clone.root, "staging", model).gate.compare.metric
    checking = sum(clone.well(*words) for words in checks)
    outputs = clone.outputs()
    rows, columns = _size(outputs)
    yardstick = measure(outputs, model.target, model.task, metric, model.positive)
    found = Result(table, rows, columns, model.task, metric, yardstick, adopting, running, checking)
    return replace(found, broke=_complaint(found, clone.question(model.name)))


def _size(outputs: dict[str, Path]) -> tuple[int, int]:
    from pyarrow.parquet import ParquetFile

    files = [ParquetFile(outputs[name]) for name in ("train", "test")]
    return sum(file.metadata.num_rows for file in files), len(files[0].schema_arrow.names)


def _complaint(result: Result, answers: int) -> str:
    if result.task != result.table.task:
        return f"the task is {result.table.task}, and {result.task} was found"
    return "" if answers else "the endpoint did not answer"
