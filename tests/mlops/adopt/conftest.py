"""Tables that are looked at."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.adopt.look import Options, look

ROOT = Path(__file__).parents[3]
NAMES = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what git knows of this project, committed: with the example, or with what took its place."""
    root = tmp_path / "repository"
    for name in subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    for name in NAMES:
        monkeypatch.setenv(name, "a")
        monkeypatch.setenv(name.replace("NAME", "EMAIL"), "a@example.org")
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-C", root, *words], check=True)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def draw():
    return np.random.default_rng(3)


@pytest.fixture
def base(draw):
    """200 honest rows: two numbers and a category tell something about a class and an amount."""
    a, b = draw.normal(size=200), draw.normal(size=200)
    return pd.DataFrame(
        {
            "a": a.round(3),
            "b": b.round(3),
            "c": draw.choice(["red", "blue"], 200),
            "y": np.where(a + draw.normal(size=200) > 0, "won", "lost"),
            "z": (a * 3 + draw.normal(size=200)).round(2),
        }
    )


@pytest.fixture
def plan(tmp_path):
    """Write a table as CSV, and return the plan of adopting it."""

    def go(frame, target="y", **options):
        frame.to_csv(tmp_path / "table.csv", index=False)
        return look(str(tmp_path / "table.csv"), target, options=Options(**options), folder=tmp_path)

    return go


@pytest.fixture
def roles(plan):
    return lambda frame, **options: {column.name: column.role for column in plan(frame, **options).columns}


@pytest.fixture
def said():
    """Return the decision about something."""
    return lambda plan, about: next(item for item in plan.decisions if item.about == about)
