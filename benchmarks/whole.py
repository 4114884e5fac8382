"""The whole way, timed as a user would: `mlops deliver` from nothing, again with nothing changed, and `mlops --help`."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MLOPS = Path(sys.executable).with_name("mlops")
ROUNDS = 3


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure each figure `rounds` times, interleaved, and return medians in seconds."""
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in _round(Path(folder)).items():
                figures.setdefault(name, []).append(seconds)
    return {name: {"median": statistics.median(values), "low": min(values), "high": max(values)} for name, values in figures.items()}


def _round(folder: Path) -> dict[str, float]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"MLOPS_HOME": str(folder / "state")}
    figures = {"deliver": _seconds([MLOPS, "deliver"], environment)}
    run_folder = folder / "state/runs/1"
    (folder / "bare").mkdir()
    command = [sys.executable, "-m", "benchmarks.bare", str(run_folder), str(ROOT / "src/project"), str(folder / "bare")]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    figures["the same scripts in one process"] = time.perf_counter() - began
    figures |= {f"  step {name}": seconds for name, seconds in json.loads(done.stdout.splitlines()[-1]).items()}
    for name, command in {
        "deliver, nothing changed": [MLOPS, "deliver"],
        "mlops --help": [MLOPS, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }.items():
        figures[name] = statistics.median(_seconds(command, environment) for _ in range(5))
    _seconds([MLOPS, "stop"], environment)
    shutil.rmtree(folder / "bare")
    return figures


def _seconds(command: list[Any], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    whole, bare = figures["deliver"]["median"], figures["the same scripts in one process"]["median"]
    rows = [f"| {name} | {f['median']:.2f} | {f['low']:.2f} to {f['high']:.2f} |" for name, f in figures.items()]
    told = [
        "| what | median, s | low to high |",
        "|---|---|---|",
        *rows,
        "",
        f"Overhead of the template (everything but the user's own code): {whole - bare:.1f} s, {(whole - bare) / whole:.0%} of the whole.",
    ]
    return "\n".join(told)


if __name__ == "__main__":
    print(table(run()))
