"""Public tables are understood, and three of them go from a file to production. All of them do by `make adoptions`."""

import shutil
from pathlib import Path

import pytest
from benchmarks.adoptions.adoption import CHECKS, ROOT, WHOLE, Clone, adopt
from benchmarks.adoptions.tables import NO_ANSWER, TABLES

from mlops.adopt.look import look
from mlops.errors import UsageError
from mlops.settings import read_project

BY_NAME = {table.name: table for table in TABLES}
QUICK = [table for table in TABLES if table.origin.startswith(("scikit-learn", "made")) and table.name not in {"million", "wide"}]


@pytest.fixture
def place(tmp_path) -> Path:
    """Where clones are made."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is nothing to clone")
    return tmp_path


@pytest.mark.parametrize("table", QUICK, ids=lambda table: table.name)
def test_the_task_of_a_table_is_found_or_it_is_refused(table, tmp_path):
    data = table.write(tmp_path)
    if table.task == NO_ANSWER:
        with pytest.raises(UsageError, match="cannot be split honestly"):
            look(data, table.target, folder=tmp_path)
    else:
        assert look(data, table.target, folder=tmp_path).task == table.task


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "checks"),
    [pytest.param("odd-names", WHOLE, marks=pytest.mark.e2e), pytest.param("deutsch", CHECKS, marks=pytest.mark.e2e), ("diabetes", CHECKS)],
)
def test_a_table_is_adopted_and_goes_to_production_by_two_commands(name, checks, place):
    """One of each task: odd names, semicolons and decimal commas, a plain one."""
    assert adopt(BY_NAME[name], place, checks).broke == ""


@pytest.mark.slow
@pytest.mark.e2e
def test_a_second_model_comes_beside_the_first_and_is_delivered_by_its_name(place):
    clone = Clone.make(place / "clone")
    first = list(read_project(clone.root).models)
    clone.adopt(BY_NAME["iris"], BY_NAME["iris"].write(place), "--name", "second-one")
    assert list(read_project(clone.root).models) == [*first, "second-one"]
    try:
        clone.well("make", "run", "MODEL=second-one")
        assert clone.question("second-one")
    finally:
        clone.call("mlops", "stop", "--model", "second-one")
    clone.well("pytest", "tests/contract", "tests/second_one", "-m", "not slow")
