"""The starter's own code, run as a step runs it, on tables that a person may bring."""

import importlib
import sys

import pandas as pd
import pytest
import yaml

from mlops.adopt.write import STARTER


@pytest.fixture
def module(monkeypatch):
    """Return a module of the starter of some task, as it is imported beside the others of an adopted project."""
    names = {path.stem for folder in ("every", "binary", "multiclass", "regression") for path in (STARTER / folder).glob("*.py")}

    def load(name, task="binary"):
        for taken in names & set(sys.modules):
            monkeypatch.delitem(sys.modules, taken)
        for folder in (task, "every"):
            monkeypatch.syspath_prepend(STARTER / folder)
        return importlib.import_module(name)

    yield load
    for taken in names & set(sys.modules):
        del sys.modules[taken]


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
