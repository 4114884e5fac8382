"""R11: the server of the branch refuses, hangs, is away for a while or for good, or loses its answer; with a real remote, and a database of one table."""

import sqlite3
import subprocess
import time
from types import SimpleNamespace

import pytest
from tests.mlops.delivery.machines import Remote, program

from mlops.errors import PlatformError
from mlops.state import branch as branches
from mlops.state import git as gits
from mlops.state.branch import Moved, StateBranch
from mlops.state.git import Git

COUNTED = 'n=$(cat "$GIT_DIR/n" 2>/dev/null || echo 0); echo $((n + 1)) > "$GIT_DIR/n"'


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited between tries, without waiting."""
    waited = []
    monkeypatch.setattr(branches, "time", SimpleNamespace(sleep=waited.append, time=time.time))
    return waited


@pytest.fixture
def remote(tmp_path):
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "origin.git")], check=True)
    return Remote(tmp_path / "origin.git")


@pytest.fixture
def machine(remote):
    made = remote.machine("one")
    (made.root / ".mlops").mkdir()
    write(made, "first")
    return made


def write(machine, word):
    with sqlite3.connect(machine.root / ".mlops/mlflow.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        database.execute("INSERT INTO words VALUES (?)", [word])


def words(machine):
    with sqlite3.connect(machine.root / ".mlops/mlflow.db") as database:
        return [word for (word,) in database.execute("SELECT word FROM words")]


def state(machine):
    return StateBranch(Git(machine.root, {}), "mlops-state", "shops")


def send(machine, expected=None):
    return state(machine).send(machine.root / ".mlops", expected, "shops: v1 registered", tag="shops/v1")


def tries(remote):
    return int((remote.path / "n").read_text())


def test_a_server_that_refuses_now_and_then_is_asked_again(remote, machine, waits):
    remote.hook(f'{COUNTED}; [ "$n" -ge 2 ] || {{ echo "too busy" >&2; exit 1; }}')
    assert send(machine) == remote.commit
    assert (tries(remote), len(waits), waits[0] < waits[1] < 2) == (3, 2, True)


def test_a_server_that_says_no_for_good_is_told_in_its_own_words_and_nothing_is_lost(remote, machine, waits):
    remote.hook(f'{COUNTED}; echo "the disk is full" >&2; exit 1')
    with pytest.raises(PlatformError, match="git push did not do it: remote: the disk is full") as told:
        send(machine)
    assert (tries(remote), len(waits), sum(waits) < 10, remote.commit, remote.tags) == (4, 3, True, "", [])
    assert "The same command may be run again" in told.value.hint
    remote.hook("exit 0")
    assert (send(machine), words(machine)) == (remote.commit, ["first"])


def test_a_server_that_hangs_is_left_after_a_bounded_time(remote, machine, monkeypatch):
    monkeypatch.setattr(gits, "SECONDS", 0.7)
    remote.hook("sleep 4; exit 1")
    began = time.monotonic()
    with pytest.raises(PlatformError, match=r"git push did not end in 0.7 s"):
        send(machine)
    assert time.monotonic() - began < 3
    assert remote.commit == ""


def test_a_server_that_is_away_is_told_and_what_it_kept_is_there_when_it_is_back(remote, machine, waits):
    base = send(machine)
    write(machine, "second")
    away = remote.path.rename(remote.path.with_name("away"))
    with pytest.raises(PlatformError, match=r"git ls-remote did not do it: fatal: .* does not appear to be a git repository"):
        send(machine, base)
    with pytest.raises(PlatformError, match="git ls-remote did not do it"):
        state(machine).bring(machine.root / ".mlops")
    assert (words(machine), sum(waits) < 60) == (["first", "second"], True)
    away.rename(remote.path)
    assert remote.commit == base
    send(machine, base)
    other = remote.machine("two")
    (other.root / ".mlops").mkdir()
    assert (state(other).bring(other.root / ".mlops"), words(other)) == (remote.commit, ["first", "second"])


def test_a_push_whose_answer_was_lost_is_known_to_have_arrived(remote, machine, waits, tmp_path, monkeypatch):
    """R4: nothing is sent a second time."""
    remote.hook(COUNTED)
    monkeypatch.setenv("PATH", program(tmp_path / "lost", '"$REAL" "$@"; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128'))
    assert send(machine) == remote.commit
    assert (tries(remote), waits, remote.tags) == (1, [], ["shops/v1"])


def test_where_the_answer_was_lost_and_another_was_quicker_it_is_told_apart(remote, machine, waits, tmp_path, monkeypatch):
    """R2: the branch itself says which of the two it was."""
    base = send(machine)
    other = remote.machine("two")
    (other.root / ".mlops").mkdir()
    state(other).bring(other.root / ".mlops")
    write(other, "theirs")
    newer = send(other, base)
    write(machine, "mine")
    monkeypatch.setenv("PATH", program(tmp_path / "lost", "exit 128"))
    with pytest.raises(Moved):
        send(machine, base)
    assert (remote.commit, waits) == (newer, [])
