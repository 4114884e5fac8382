"""Adopting: a working project in one commit, from tables of each task; and nothing where it is refused."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.adopt import bring
from mlops.adopt.look import look
from mlops.cli import main
from mlops.datasets.listing import recorded
from mlops.datasets.source import read_source
from mlops.errors import UsageError
from mlops.files import digest_file
from mlops.settings import read_environment, read_project

ME = "me:secret"  # apart from its host: the audit takes both together for a real one

ROOT = Path(__file__).parents[3]


@pytest.fixture
def table(tmp_path):
    """A table of a task, as a CSV file outside of the repository: what is asked depends on `size` and `kind`."""

    def make(task, rows=120):
        dice = np.random.default_rng(7)
        size, kind = dice.normal(size=rows), dice.choice(["rot", "grün"], rows)
        score = size + (kind == "rot") + dice.normal(scale=0.3, size=rows)
        answer = {
            "binary": np.where(score > 0.5, "yes", "no"),
            "multiclass": np.digitize(score, [0, 1]).astype(str),
            "regression": score.round(4),
        }[task]
        answer = np.array([f"c{value}" for value in answer]) if task == "multiclass" else answer
        frame = pd.DataFrame({"größe, cm": size.round(4), "kind": kind, "always": "x", "answer": answer})
        path = tmp_path / f"{task}.csv"
        frame.to_csv(path, index=False)
        return path

    return make


def git(root, *words):
    return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_table_becomes_a_project_whose_files_hold_no_mistake(repository, table, task, capsys):
    assert main(["adopt", str(table(task, 200)), "--target", "answer", "--name", read_name(repository)]) == 0
    assert main(["check"]) == 0
    assert "confirmed by its interval" in capsys.readouterr().out
    assert git(repository, "status", "--porcelain") == ""
    assert "__pycache__" not in git(repository, "ls-files")
    model = next(iter(read_project(repository).models.values()))
    assert (model.task, model.target) == (task, "answer")


def read_name(root):
    """The name of the model that is there, so that it is replaced."""
    return next(iter(read_project(root).models))


@pytest.mark.slow
def test_the_example_leaves_no_trace_in_files_that_are_yours(repository, table, capsys):
    old = read_name(repository)
    assert main(["adopt", str(table("binary")), "--target", "answer", "--yes"]) == 0
    ours = [f":!{line.lstrip('/')}" for line in (repository / "src/mlops/ours.txt").read_text().splitlines() if line.startswith("/")]
    found = subprocess.run(
        ["git", "grep", "-il", old, "--", ".", *ours], cwd=repository, capture_output=True, text=True, check=False
    ).stdout
    assert found == ""


@pytest.mark.slow
def test_one_revert_undoes_it_whole(repository, table, capsys):
    before = git(repository, "rev-parse", "HEAD^{tree}")
    main(["adopt", str(table("regression")), "--target", "answer"])
    git(repository, "revert", "--no-edit", "HEAD")
    assert git(repository, "rev-parse", "HEAD^{tree}") == before


@pytest.mark.slow
def test_a_rehearsal_shows_the_difference_and_changes_nothing(repository, table, capsys):
    before = git(repository, "rev-parse", "HEAD")
    assert main(["adopt", str(table("binary")), "--target", "answer", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "+++ b/src/project/project.yml" in told
    assert "Nothing was changed" in told
    assert (git(repository, "rev-parse", "HEAD"), git(repository, "status", "--porcelain")) == (before, "")


@pytest.mark.slow
def test_a_second_model_comes_beside_with_gates_of_its_own(repository, table, capsys):
    first = read_name(repository)
    assert main(["adopt", str(table("regression")), "--target", "answer", "--name", "second-one"]) == 0
    assert main(["check"]) == 0
    project = read_project(repository)
    assert list(project.models) == [first, "second-one"]
    gate = read_environment(repository, "staging", project.models["second-one"]).gate
    assert gate.compare.metric == "rmse"
    assert f"models: [{first}, second-one]" in (repository / ".azure-pipelines/ci.yml").read_text()


@pytest.mark.slow
def test_adopting_again_replaces_the_model_whole(repository, table, capsys):
    main(["adopt", str(table("binary")), "--target", "answer"])
    main(["adopt", str(table("multiclass")), "--target", "answer"])
    assert list(read_project(repository).models) == ["multiclass"]
    assert not (repository / "data/binary").exists()
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.slow
def test_work_that_is_not_committed_is_named_and_refused(repository, table, capsys):
    (repository / "src/project/clean.py").write_text("mine")
    assert main(["adopt", str(table("binary")), "--target", "answer"]) == 2
    assert "not committed: src/project/clean.py" in capsys.readouterr().err


@pytest.mark.slow
def test_a_commit_that_nobody_could_make_is_refused_before_any_work(repository, table, capsys, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "")
    assert main(["adopt", str(table("binary")), "--target", "answer"]) == 2
    assert "git config user.name" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_still_serves_is_not_taken_away(repository, table, capsys, monkeypatch):
    from mlops.serving import endpoint

    old = read_name(repository)
    (repository / ".mlops/endpoints" / old / "production").mkdir(parents=True)
    monkeypatch.setenv("MLOPS_HOME", str(repository / ".mlops"))
    served = endpoint.look(repository / ".mlops/endpoints" / old / "production")
    monkeypatch.setattr(endpoint, "look", lambda home: replace(served, health="ready", address="http://127.0.0.1:1"))
    assert main(["adopt", str(table("binary")), "--target", "answer"]) == 2
    assert f"End it first: make stop MODEL={old}" in capsys.readouterr().err


def test_data_that_stay_where_they_are_keep_their_digest(table, tmp_path, monkeypatch):
    """A file of more than 50 MB is pointed at; the import compares it with what was recorded."""
    monkeypatch.setattr(bring, "LARGEST", 100)
    path = table("binary")
    plan = look(str(path), "answer", folder=tmp_path)
    bring.bring(plan, tmp_path / "there")
    assert recorded(tmp_path / "there") == {str(path): digest_file(path).removeprefix("sha256:")}
    assert str(read_source(tmp_path / "there/source.yml").files) == str(path)


@pytest.mark.slow
def test_a_table_that_does_not_fit_into_memory_is_refused_before_it_is_read(repository, table, capsys, monkeypatch):
    monkeypatch.setenv("MLOPS_CONTRACT_MEMORY", "2K")
    assert main(["adopt", str(table("binary", 3000)), "--target", "answer"]) == 2
    assert "too large to be looked at whole" in capsys.readouterr().err


@pytest.mark.slow
def test_a_password_is_not_printed(repository, capsys):
    assert main(["adopt", f"postgresql://{ME}@127.0.0.1/shop#orders", "--target", "x"]) == 2
    said = capsys.readouterr()
    assert "secret" not in said.out + said.err


def test_make_hands_on_what_it_is_given_to_the_letter(tmp_path):
    """Names with blanks, quotes and `$`, and the `${NAME}` of a password, reach the command as they were typed."""
    data = """pg://me:${PW}@h/d#SELECT "a b", 'it''s' $(shell echo no) $$"""
    (tmp_path / "mlops").write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / "mlops").chmod(0o755)
    (tmp_path / "show.mk").write_text(f"include {ROOT}/Makefile\nexport PATH := {tmp_path}:$(PATH)\n")
    words = ["make", "-s", "-C", ROOT, "-f", tmp_path / "show.mk", "-o", ".venv/.ready", "adopt", f"DATA={data}", "TARGET=my $x"]
    given = subprocess.run([*words, "DROP=a b,it's,$c", "KEEP=*"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert given == ["adopt", data, "--target", "my $x", "--drop", "a b", "--drop", "it's", "--drop", "$c", "--keep", "*"]
    more = ["TEST_SHARE=0.3", "DAY_FIRST=1", "YES=1", "DRY=1", "KEY=a"]
    given = subprocess.run([*words, *more], capture_output=True, text=True, check=True).stdout.splitlines()
    assert given[4:] == ["--test-share", "0.3", "--day-first", "1", "--yes", "--dry-run", "--key", "a"]


def test_a_name_that_no_model_can_have_or_that_is_taken_is_refused_before_anything_is_read(repository, capsys):
    before = {path.name for path in repository.parent.iterdir()}
    for name in ["Churn", "../../x", "mlops", "project", "pipelines", "contract", "components", "images", "ünder", ""]:
        assert main(["adopt", "nothing-like-this.csv", "--target", "answer", f"--name={name}"]) == 2
        assert ("no file" in capsys.readouterr().err) is (name == "")
    assert {path.name for path in repository.parent.iterdir()} == before


@pytest.mark.slow
@pytest.mark.usefixtures("example")
def test_the_place_of_a_model_can_be_taken_again_and_that_of_another_cannot(repository):
    from mlops.adopt.owned import check_name

    project = read_project(repository)
    old = next(iter(project.models.values()))
    check_name(project, "nycflights13", "", old)
    check_name(project, old.name, "", old)
    for given in ("", str(repository / "data/nycflights13")):
        with pytest.raises(UsageError, match="data/nycflights13 is there"):
            check_name(project, "nycflights13", given, None)


@pytest.mark.slow
@pytest.mark.usefixtures("example")
def test_a_data_folder_that_another_model_reads_stays(repository):
    from mlops.adopt.owned import files

    project = read_project(repository)
    old = next(iter(project.models.values()))
    (repository / "src/pipelines/second").mkdir()
    (repository / "src/pipelines/second/train.yml").write_text("inputs: {data: {type: uri_folder, path: ../../../data/nycflights13}}")
    second = replace(old, name="second", package="src/second", pipeline="src/pipelines/second/train.yml", contract="data/second.odcs.yml")
    alone = files(project, old)
    shared = files(replace(project, models={**project.models, "second": second}), old)
    assert {name for name in alone if name not in shared} == {name for name in alone if name.startswith("data/nycflights13/")} != set()


@pytest.mark.slow
def test_the_data_themselves_may_lie_in_the_repository(repository, table, capsys):
    from mlops.adopt.repository import ready

    given = repository / "data/mine.csv"
    given.write_bytes(table("binary").read_bytes())
    ready(repository, str(given))
    with pytest.raises(UsageError, match=r"mine\.csv"):
        ready(repository, "elsewhere.csv")


def test_the_starter_names_every_step_that_the_pipelines_run():
    from mlops.adopt import pipelines
    from mlops.adopt.write import STARTER

    for task in ("binary", "multiclass", "regression"):
        there = {path.name for folder in ("every", task) for path in (STARTER / folder).glob("*.py")} | {"split.py"}
        programs = [made.program for made in (pipelines.IMPORT, pipelines.CLEAN, pipelines.TRAIN, pipelines.EVALUATE, pipelines.SCORE)]
        assert {program for program in programs if not program.startswith("-m")} <= there
        assert not any(re.search(r"\{\{|<name>", path.read_text()) for path in STARTER.rglob("*.py") if path.name != "by_hand.py")
