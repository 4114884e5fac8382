"""The audit's look at the Bicep files: a stand-in of `az` says what the compiler would, in the compiler's own form."""

import subprocess
from pathlib import Path

import pytest

from mlops.audit.bicep import COMPILER, bicep
from mlops.audit.policy import Policy
from mlops.audit.repository import Repository

POLICY = Policy.__new__(Policy)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "root"
    (root / "infra/modules").mkdir(parents=True)
    for name in ("main.bicep", "staging.bicepparam", "modules/vault.bicep", "roles.json"):
        (root / "infra" / name).write_text("")
    subprocess.run(["git", "init", "-q", root], check=True)
    return Repository(root, tmp_path / "tools")


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "az").write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{body}\n')
    (folder / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "calls"


def test_each_file_that_is_deployed_is_compiled_by_the_named_release(repository: Repository, tmp_path: Path, monkeypatch) -> None:
    calls = stand_in(tmp_path, monkeypatch, "exit 0")
    told = bicep(repository, POLICY)
    assert (told.said, told.findings, told.unanswered) == (f"2 files compiled by Bicep {COMPILER}", (), "")
    assert calls.read_text().splitlines() == [
        f"bicep install --version {COMPILER}",
        "bicep build --file infra/main.bicep --stdout",
        "bicep build-params --file infra/staging.bicepparam --stdout",
    ]


def test_an_error_is_found_once_with_its_line_and_a_warning_is_counted(repository: Repository, tmp_path: Path, monkeypatch) -> None:
    file = (repository.root / "infra/main.bicep").resolve()
    error = f'ERROR: {file}(10,5) : Error BCP057: The name "x" does not exist in the current context. [https://aka.ms/bicep/core-diagnostics#BCP057]'
    warning = f'WARNING: {file}(3,7) : Warning no-unused-params: Parameter "y" is declared but never used. [https://aka.ms/bicep/linter]'
    stand_in(tmp_path, monkeypatch, f"[ $2 = install ] || {{ echo '{warning}' >&2; echo '{error}' >&2; exit 1; }}")
    told = bicep(repository, POLICY)
    assert [(one.file, one.line, one.what) for one in told.findings] == [
        ("infra/main.bicep", 10, 'BCP057: The name "x" does not exist in the current context.')
    ]
    assert told.said.endswith("1 warnings")


def test_without_the_program_it_says_who_looks(repository: Repository, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    told = bicep(repository, POLICY)
    assert "hosted runners have it" in told.said
    assert (told.findings, told.unanswered) == ((), "")


def test_a_compiler_that_cannot_be_had_is_not_green(repository: Repository, tmp_path: Path, monkeypatch) -> None:
    stand_in(tmp_path, monkeypatch, "echo 'ERROR: Error while attempting to download Bicep CLI' >&2; exit 1")
    assert "Error while attempting to download Bicep CLI" in bicep(repository, POLICY).unanswered
