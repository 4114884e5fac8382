"""MLflow makes a database once an environment; other homes get a copy that knows nothing of the first."""

import sqlite3
import sys

import pytest

from mlops.tracking import blank
from mlops.tracking.server import connect


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))


def experiments(database):
    with sqlite3.connect(database) as opened:
        return {name for (name,) in opened.execute("SELECT name FROM experiments")}


@pytest.mark.slow
def test_a_second_home_starts_from_the_database_that_mlflow_made_for_the_first(tmp_path, monkeypatch):
    import mlflow.store.db.utils as made_by

    first = connect(tmp_path / "first")
    first.create_experiment("its own")
    monkeypatch.setattr(made_by, "_initialize_tables", lambda engine: pytest.fail("MLflow made the tables again"))
    second = connect(tmp_path / "second")
    assert experiments(tmp_path / "second/mlflow.db") == {"Default"}
    run = second.create_run(second.create_experiment("another"))
    second.set_terminated(run.info.run_id)
    assert experiments(tmp_path / "first/mlflow.db") == {"Default", "its own"}


def test_a_database_of_another_version_is_not_taken(tmp_path):
    database = tmp_path / "home" / "mlflow.db"
    database.parent.mkdir()
    with sqlite3.connect(database) as made:
        made.executescript("CREATE TABLE runs (id TEXT); CREATE TABLE experiments (name TEXT); INSERT INTO experiments VALUES ('Default')")
    made.close()
    blank.keep(database, "1.0")
    assert not blank.lay(tmp_path / "other.db", "2.0")
    assert blank.lay(tmp_path / "same.db", "1.0")
    assert experiments(tmp_path / "same.db") == set()


def test_a_database_with_runs_is_not_kept(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as made:
        made.executescript("CREATE TABLE runs (id TEXT); CREATE TABLE experiments (name TEXT); INSERT INTO runs VALUES ('a')")
    made.close()
    blank.keep(tmp_path / "mlflow.db", "1.0")
    assert not blank.lay(tmp_path / "other.db", "1.0")


def test_an_environment_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "environment").write_text("no folder")
    with sqlite3.connect(tmp_path / "mlflow.db") as made:
        made.executescript("CREATE TABLE runs (id TEXT); CREATE TABLE experiments (name TEXT)")
    made.close()
    blank.keep(tmp_path / "mlflow.db", "1.0")
    assert not blank.lay(tmp_path / "other.db", "1.0")
