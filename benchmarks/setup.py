"""`make setup` in a fresh clone, with every package in the cache of uv already."""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def run(rounds: int = 3) -> dict[str, Any]:
    """Return the seconds of each round; the first of all fills the cache and does not count."""
    seconds = []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "MAKE", "MFLAGS"))}
            environment["PATH"] = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not p.startswith(str(ROOT)))
            began = time.perf_counter()
            subprocess.run(
                ["make", "-C", folder, "setup"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
            )
            if number:
                seconds.append(time.perf_counter() - began)
    return {"median": statistics.median(seconds), "low": min(seconds), "high": max(seconds)}


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    return f"`make setup`: {figures['median']:.1f} s ({figures['low']:.1f} to {figures['high']:.1f} s), the start of uv from pip included."


if __name__ == "__main__":
    print(table(run()))
