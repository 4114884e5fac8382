"""The starter's own code, run as a step runs it, on tables that a person may bring."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mlops.adopt.write import STARTER
from mlops.registry.metrics import METRICS
from mlops.registry.task import Scores, task_of
from mlops.settings import METRICS_OF

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "src/project"


@pytest.fixture
def module(monkeypatch):
    """Return a module of the starter of some task, as it is imported beside the others of an adopted project."""
    names = {path.stem for folder in ("every", "binary", "multiclass", "regression") for path in (STARTER / folder).glob("*.py")}

    def forget():
        return {name: sys.modules.pop(name) for name in names & set(sys.modules)}

    def load(name, task="binary"):
        forget()
        for folder in (task, "every"):
            monkeypatch.syspath_prepend(STARTER / folder)
        return importlib.import_module(name)

    before = forget()
    yield load
    forget()
    sys.modules.update(before)


@pytest.fixture
def clean(module, tmp_path):
    """Run the step `clean` on a table, and return what comes out."""

    def run(table, duplicates="drop", window="none", share=1, **columns):
        (tmp_path / "valid").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "valid/t.parquet")
        (tmp_path / "columns.yml").write_text(yaml.safe_dump({"target": "y", "numbers": ["a"], **columns}))
        words = {"valid": tmp_path / "valid", "table": "t", "columns": tmp_path / "columns.yml", "duplicates": duplicates}
        words |= {"window": window, "share": share, "seed": 7, "cleaned": tmp_path / "cleaned"}
        module("clean").main([word for key, value in words.items() for word in (f"--{key}", str(value))])
        return pd.read_parquet(tmp_path / "cleaned")

    return run


def test_a_step_counts_itself_once(clean, capsys):
    clean(pd.DataFrame({"a": [1.0, 2.0], "y": ["x", "z"]}))
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("counts")] == [["counts", "clean"]]


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (pd.array([True, None, False], "boolean"), "b"),
        ([True, None, False], "b"),
        (pd.array([1, None, 2], "Int64"), "i"),
        (pd.array([0.5, None, 2], "Float64"), "f"),
        (["x", None, "z"], "OT"),
    ],
)
def test_a_target_with_gaps_is_a_plain_one_when_the_gaps_have_left(clean, module, target, kind):
    found = clean(pd.DataFrame({"a": [1.0, 2.0, 3.0], "y": target}))["y"]
    assert len(found) == 2
    answers = module("model").answers(found)
    assert answers.dtype.kind in kind
    assert answers.tolist() == [value for value in pd.Series(target).tolist() if not pd.isna(value)]


@pytest.mark.parametrize(("duplicates", "left"), [("keep", 5), ("drop", 4), ("twins", 3)])
def test_of_rows_that_are_there_twice_one_stays(clean, duplicates, left):
    rows = pd.DataFrame({"id": [1, 1, 2, 3, 4], "a": [1.0, 1, 1, 2, 1], "y": ["x", "x", "x", "x", "z"]})
    assert len(clean(rows, duplicates)) == left


def test_rows_without_a_group_are_each_one_of_their_own(module, tmp_path):
    """Half of the rows have no group: together they would be one that is whole on one side."""
    module("columns")
    spec = importlib.util.spec_from_file_location("group_split", STARTER / "splits/group.py")
    split = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(split)
    rows = pd.DataFrame({"a": np.arange(100.0), "g": [None] * 50 + [f"g{n // 5}" for n in range(50)], "y": 0.5})
    rows.to_parquet(tmp_path / "table")
    (tmp_path / "columns.yml").write_text(yaml.safe_dump({"target": "y", "numbers": ["a"], "group": "g"}))
    words = {"table": "table", "columns": "columns.yml", "train": "train", "test": "test"}
    arguments = [word for key, name in words.items() for word in (f"--{key}", str(tmp_path / name))]
    split.main([*arguments, "--share", "0.3", "--seed", "7"])
    assert all(pd.read_parquet(tmp_path / part)["g"].isna().any() for part in ("train", "test"))


def binary(draw):
    """Answers, sometimes of one class, and scores, sometimes all the same or of few values."""
    rows = int(draw.integers(2, 120))
    score = draw.choice([draw.random(rows), np.full(rows, 0.3), draw.integers(1, 4, rows) / 5])
    return (draw.random(rows) < draw.choice([0.0, 0.1, 0.5, 1.0])).astype("int64"), score


def multiclass(draw):
    """Answers, some of a class that the model does not know, and probabilities of its classes, some of which have no row."""
    rows, known = int(draw.integers(2, 120)), list("abcd")
    scores = draw.dirichlet([0.5] * 4, rows)
    return draw.choice(known[: draw.integers(1, 5)] + ["new"] * int(draw.integers(0, 2)), rows), scores, known


def regression(draw):
    rows = int(draw.integers(2, 120))
    return draw.choice([draw.normal(size=rows), np.full(rows, 2.0)]), draw.normal(size=rows)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("task", METRICS_OF)
def test_the_starter_and_the_gate_mean_the_same_by_every_metric(module, task, seed):
    truth, score, *classes = {"binary": binary, "multiclass": multiclass, "regression": regression}[task](np.random.default_rng(seed))
    ours = module("metrics", task).metrics(truth, score, *classes)
    target, aligned = task_of(task).aligned(truth.astype(object) if classes else truth, Scores(score, tuple(*classes)))
    for name in METRICS_OF[task]:
        gate = METRICS[name][1](target, aligned)(np.ones(len(target), int))
        assert (np.nan if ours[name] is None else ours[name]) == pytest.approx(gate, abs=1e-9, nan_ok=True), name


@pytest.mark.skipif(not (PROJECT / "features.py").is_file(), reason="the example has left: what took its place is the starter")
@pytest.mark.parametrize("seed", range(25))
def test_the_example_and_the_gate_mean_the_same_by_every_metric(seed):
    spec = importlib.util.spec_from_file_location("example_metrics", PROJECT / "metrics.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    truth, score = binary(np.random.default_rng(seed))
    ours = example.metrics(pd.Series(truth), score, 10)
    for name in METRICS_OF["binary"]:
        gate = METRICS[name][1](truth.astype(float), score)(np.ones(len(truth), int))
        assert (np.nan if ours[name] is None else ours[name]) == pytest.approx(gate, abs=1e-9, nan_ok=True), name


def test_the_starter_s_tests_keep_the_rules_that_they_meet_in_a_fork(tmp_path):
    for name in ("tests/ruff.toml", "src/mlops/ruff.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(STARTER / "tests", tmp_path / "tests/project")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", tmp_path / "tests"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
