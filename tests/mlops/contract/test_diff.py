"""What a change of a contract means, in words and for the partitions that are there."""

import subprocess
import tempfile

import pytest

from mlops.cli import main
from mlops.contract.diff import compare, consequences, read_old
from mlops.contract.standard import load
from mlops.errors import UsageError

RANGE = "{minimum: 0, maximum: 100}"


def both(write, *changes):
    old = load(write())
    return old, load(write(*changes))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ((RANGE, "{minimum: 0, maximum: 50}"), "tightened trips.miles.range"),
        ((RANGE, "{minimum: 0, maximum: 500}"), "loosened trips.miles.range"),
        ((RANGE, "{minimum: 5, maximum: 500}"), "changed trips.miles.range"),
        (("{value: York}, ", ""), "tightened trips.city.set"),
        ((", logicalTypeOptions: " + RANGE, ", unique: true, logicalTypeOptions: " + RANGE), "added trips.miles.unique"),
        (("value: warn", "value: stop"), "severity trips.city.type"),
        (("required: true, primaryKey", "primaryKey"), "gone trips.id.required"),
    ],
)
def test_each_change_is_told_in_a_word(write, change, what):
    changes = compare(*both(write, change))
    assert what in {f"{found.what} {found.rule}" for found in changes}


def test_the_partitions_that_would_stop_are_named(write, trips):
    (effect,) = consequences(*both(write, (RANGE, "{minimum: 0, maximum: 10}")), {"trips": trips})
    assert str(effect) == "trips 2024-03: would stop (trips.miles.range)"


def test_rows_that_would_go_to_quarantine_are_counted(write, trips):
    effects = consequences(*both(write, ("{value: York}, ", "")), {"trips": trips})
    assert [(effect.partition, effect.before[1], effect.after[1]) for effect in effects] == [(f"2024-0{n}", 0, 2) for n in (1, 2, 3)]


def test_the_older_contract_may_be_a_revision_of_git(write):
    path = write()
    git = ["git", "-C", str(path.parent), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    path.write_text(path.read_text().replace(RANGE, "{minimum: 0, maximum: 9}"))
    assert [str(change) for change in compare(read_old("HEAD", path), load(path))] == [
        "tightened  trips.miles.range: must be 0 to 100 -> must be 0 to 9"
    ]
    with pytest.raises(UsageError, match="no contract file"):
        read_old("HEAD~7", path)


@pytest.mark.slow
def test_the_verbs_check_profile_and_diff(write, trips, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("raw", "temporary"):
        (tmp_path / name).mkdir()
    trips.to_parquet(tmp_path / "raw" / "trips.parquet")
    path, made = str(write()), str(tmp_path / "made.odcs.yml")
    assert main(["contract", "check", "--contract", path, "--data", str(tmp_path / "raw")]) == 0
    assert main(["contract", "profile", str(tmp_path / "raw" / "trips.parquet"), "--out", made]) == 0
    assert main(["contract", "diff", path, made, "--data", str(tmp_path / "raw")]) == 0
    assert "added" in capsys.readouterr().out
    assert not list((tmp_path / "temporary").iterdir())
    trips.assign(miles=500.0).to_parquet(tmp_path / "raw" / "trips.parquet")
    assert main(["contract", "check", "--contract", path, "--data", str(tmp_path / "raw")]) == 1
