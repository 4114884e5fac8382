"""A registry in a branch that several machines share: deliveries and moves that are killed, lose an answer, or meet each other; with real processes."""

import contextlib
import json
import random
import shutil
import sqlite3
import time
from types import SimpleNamespace

import pytest
from tests.mlops.ci.loopback import Loopback
from tests.mlops.delivery.machines import dies, fork, program

from mlops.delivery import stations
from mlops.delivery.shared import on_state
from mlops.errors import JobFailed, PlatformError
from mlops.registry.store import MlflowStore
from mlops.registry.versions import ModelVersion, Registry
from mlops.state.branch import Moved, StateBranch

slow = pytest.mark.slow
KILLED, LEFT = -9, [1, 2]
BEFORE_THE_PUSH, AFTER_THE_PUSH = "kill -9 $PPID; exit 1", '"$REAL" "$@"; kill -9 $PPID; exit 0'


@pytest.fixture
def approved():
    """A GitHub, in whose run 901 grace let ada's change into production."""
    with Loopback("acme/shops") as github:
        github.environment("production", ["grace"])
        github.approvals[901] = [{"state": "approved", "comment": "", "environments": [{"name": "production"}], "user": {"login": "grace"}}]
        github.commits["5" * 40] = "ada"
        yield github


def meeting():
    """Return what lets two processes wait for each other before either sends what it did for the first time."""
    both = fork.Barrier(2)

    def spoil():
        real, met = StateBranch.send, []

        def send(*words, **named):
            if not met:
                met.append(both.wait(100))
            return real(*words, **named)

        StateBranch.send = send

    return spoil


def at_once(*commands):
    """Run one command on each machine, none of which knows what the other did; who won comes first."""
    spoil = meeting()
    started = [machine.start(*words, spoil=spoil) for machine, *words in commands]
    ended = [one.wait() for one in started]
    again = ["deciding again on what is there now" in one.err for one in ended]
    assert sorted(again) == [False, True]
    return (0, 1) if again[1] else (1, 0), ended


@slow
def test_a_registration_that_is_killed_anywhere_leaves_the_old_state_or_the_new_one_and_is_made_once(remote, tmp_path):
    """R1, R4: after the upload, after the version's row, before the push, in it, at any moment; and after it, when the answer was lost."""
    machine, began = remote.machine("new"), remote.commit
    machine.commit("src/pipelines/train.yml", "rows: 3000", "rows: 2000")
    words = ("deliver", "--to", "registry")
    for point in (dies(MlflowStore, "_make_model"), dies(MlflowStore, "point"), dies(StateBranch, "send")):
        assert machine.mlops(*words, spoil=point).code == KILLED
    assert machine.mlops(*words, PATH=program(tmp_path / "cut", BEFORE_THE_PUSH)).code == KILLED
    running = machine.start(*words)
    time.sleep(random.uniform(0.0, 2.0))
    running.kill()
    assert running.wait().code in {KILLED, 0}
    assert remote.commit == began or sorted(remote.kept().versions) == [*LEFT, 3]
    if remote.commit == began:
        assert sorted(remote.kept().versions) == LEFT
        assert machine.mlops(*words, PATH=program(tmp_path / "lost", AFTER_THE_PUSH)).code == KILLED
    made = remote.commit
    ended = machine.mlops(*words, "--json")
    facts = json.loads(ended.out)
    assert (ended.code, facts["version"], facts["outcome"]) == (0, 3, "promote")
    kept = remote.kept()
    assert (kept.commit, sorted(kept.versions), kept.aliases["challenger"], kept.production) == (made, [*LEFT, 3], 3, 1)
    files = kept.versions[3]["slipway.folder"].partition("/mlops-home/")[2]
    remote.rewrite(lambda place: shutil.rmtree(place / files / "model"))  # as those of an old version are left out
    facts = json.loads(machine.well(*words, "--json").out)
    assert (facts["version"], facts["outcome"], sorted(remote.kept().versions)) == (3, "promote", [*LEFT, 3])


@slow
@pytest.mark.e2e
def test_of_two_machines_at_once_both_register_both_try_and_one_promotes(remote):
    """R2, R3, R5, C6, C8: the second decides again on what is there; it goes on where it may, and else is told who was first."""
    one, two = remote.machine("one"), remote.machine("two")
    _, ended = at_once(
        (one, "deliver", "--to", "staging", "--set", "inputs.blind=0.1"), (two, "deliver", "--to", "staging", "--set", "inputs.blind=0.2")
    )
    kept = remote.kept()
    assert ([one.code for one in ended], sorted(kept.versions), kept.production) == ([0, 0], [*LEFT, 3, 4], 1)
    assert len({tags["slipway.digest"] for tags in kept.versions.values()}) == 4
    tickets = kept.ticket(3), kept.ticket(4)
    (first, second), ended = at_once((one, "promote", tickets[0], "--to", "production"), (two, "promote", tickets[1], "--to", "production"))
    won, lost = 3 + first, 3 + second
    assert (ended[first].code, ended[second].code) == (0, 1)
    assert f"shops v{lost} was approved against v1, and production serves v{won} now (" in ended[second].err
    assert "--reason" in ended[second].err
    kept = remote.kept()
    assert (kept.production, [(move["before"], move["after"]) for move in kept.moves]) == (won, [(None, 1), (1, won)])
    assert remote.tags == ["shops/v1", f"shops/v{won}"]
    old = two.mlops("promote", kept.ticket(2), "--to", "production")
    assert (old.code, f"production serves v{won} now" in old.err, remote.commit) == (1, True, kept.commit)


@slow
@pytest.mark.e2e
def test_a_promotion_that_is_killed_anywhere_leaves_a_deployment_that_answers_and_is_one_move(remote, approved, tmp_path):
    """R4, R8, R10: before the deployment, after it, at the aliases, while it is watched, at the push, and after it; then a way back that is gone."""
    machine = remote.machine("production", **approved.variables_of(tmp_path / "runner"))
    words, began = ("promote", remote.kept().ticket(2), "--to", "production"), remote.commit
    assert machine.mlops(*words, spoil=dies(stations, "deploy")).code == KILLED
    for point in (dies(stations, "trial"), dies(Registry, "_point"), dies(MlflowStore, "point", after=True), dies(stations, "watch")):
        assert machine.mlops(*words, spoil=point).code == KILLED
        assert (machine.serves() in {1, 2}, machine.answers()) == (True, 2)
        assert (remote.commit, remote.kept().production) == (began, 1)
    assert machine.mlops(*words, PATH=program(tmp_path / "cut", BEFORE_THE_PUSH)).code == KILLED
    assert (remote.commit, machine.serves()) == (began, 2)
    assert "the registry says v1: a move was cut short" in machine.mlops("status").out
    assert machine.mlops(*words, PATH=program(tmp_path / "lost", AFTER_THE_PUSH)).code == KILLED
    ended = machine.mlops(*words)
    assert (ended.code, machine.serves(), machine.answers()) == (0, 2, 2)
    kept = remote.kept()
    assert (kept.production, [(move["before"], move["after"], move["done"]) for move in kept.moves]) == (2, [(None, 1, True), (1, 2, True)])
    assert (kept.moves[-1]["who"], [one["environment"] for one in approved.deployments]) == ("grace", ["production"])
    assert remote.tags == ["shops/v1", "shops/v2"]
    model = kept.versions[1]["slipway.folder"].partition("/mlops-home/")[2]
    remote.rewrite(lambda place: shutil.rmtree(place / model / "model"))
    gone, now = machine.mlops("rollback", "production"), remote.commit
    assert (gone.code, "the files of shops v1 are gone" in gone.err, machine.serves(), remote.commit) == (1, True, 2, now)


@slow
def test_a_version_that_breaks_a_bound_while_it_is_watched_is_taken_back_and_stays_back(remote):
    """The old one serves again, the branch says so and why, and neither a delivery nor the same ticket brings it out again."""
    machine, kept = remote.machine("watched"), remote.kept()
    path = machine.root / "environments/production.yml"
    path.write_text(path.read_text().replace("error_rate: 0.0}", "error_rate: 0.0, p95_ms: 0.0001}"))
    ticket = kept.ticket(2)
    ended = machine.mlops("promote", ticket, "--to", "production")
    assert (ended.code, "production took v2 back while it was watched: p95_ms" in ended.err, "v1 serves again" in ended.err) == (
        1,
        True,
        True,
    )
    kept = remote.kept()
    assert (machine.serves(), machine.answers(), kept.production, remote.tags) == (1, 2, 1, ["shops/v1"])
    back = kept.moves[-1]
    assert (back["who"], back["kind"], back["before"], back["after"], back["reason"][:17]) == (
        "slipway",
        "rollback",
        2,
        1,
        "while it was watc",
    )
    again = machine.mlops("deliver", "--to", "registry", "--json")
    facts = json.loads(again.out)
    assert (again.code, facts["outcome"], facts["version"], "v2 was taken back from production" in facts["reason"]) == (
        0,
        "unchanged",
        2,
        True,
    )
    refused = machine.mlops("promote", ticket, "--to", "production")
    assert (refused.code, "v2 was taken back from production" in refused.err, "--reason" in refused.err) == (1, True, True)
    assert (machine.serves(), remote.commit) == (1, kept.commit)


@slow
def test_a_first_version_that_is_taken_back_is_nowhere_and_the_next_one_is_compared_with_the_baseline(remote):
    """Nothing serves, and everything says so: aliases, journal, tags and status; the version itself is not brought out again."""
    machine = remote.machine("first ever")
    machine.git("push", "--quiet", "origin", "--delete", "refs/tags/shops/v1")

    def no_production(place):
        with contextlib.closing(sqlite3.connect(place / "mlflow.db")) as database, database:
            database.execute("DELETE FROM registered_model_aliases WHERE alias IN ('production', 'champion')")
            database.execute("DELETE FROM model_version_tags WHERE key LIKE 'slipway.move.%' AND value LIKE '%\"production\"%'")

    machine.git("fetch", "--quiet", "origin", "mlops-state/shops")
    remote.rewrite(no_production)
    path = machine.root / "environments/production.yml"
    path.write_text(path.read_text().replace("error_rate: 0.0}", "error_rate: 0.0, p95_ms: 0.0001}"))
    ended = machine.mlops("promote", "1", "--to", "production")
    assert (ended.code, "nothing serves: there was no version before it" in ended.err) == (1, True), ended.err
    kept = remote.kept()
    assert (kept.aliases, remote.tags, machine.serves()) == ({"challenger": 2, "staging": 2}, [], None)
    assert [(move["before"], move["after"], move["kind"]) for move in kept.moves] == [(None, 1, "promote"), (1, None, "rollback")]
    assert "v1 was taken back from production" in kept.versions[1]["slipway.rolled_back"]
    assert "production   nothing yet" in machine.well("status").out
    assert "production v1 → nothing  by slipway  while it was watched" in machine.well("models").out
    better = json.loads(machine.well("deliver", "--to", "registry", "--json").out)
    assert (better["outcome"], better["champion"], "a coin" in better["reason"]) == ("promote", None, True)


class Branch:
    """A branch that somebody else changes `others` times, and that then keeps what it is sent, or refuses it."""

    branch = "mlops-state/shops"

    def __init__(self, others=0, refuses=False):
        self.others, self.refuses, self.sent = others, refuses, []

    def bring(self, _home):
        return f"commit {self.others}"

    def send(self, _home, base, message, *, tag, without):
        if self.refuses:
            raise PlatformError("git push did not do it: remote: no")
        if self.others:
            self.others -= 1
            raise Moved
        self.sent.append((base, message, tag, list(without)))


class Versions:
    """A registry of numbers; the last one may serve."""

    def __init__(self):
        self.there, self.production = [], None

    def versions(self, _name):
        return [
            ModelVersion("shops", n, "", None, f"place {n}", "", ("production",) if n == self.production else ()) for n in self.there[::-1]
        ]

    def history(self, _name):
        return []


def shared(branch):
    return SimpleNamespace(state=branch, home=None, registry=Versions(), model=SimpleNamespace(name="shops"))


def test_what_was_looked_at_only_is_not_sent():
    workspace = shared(Branch())
    assert on_state(workspace, lambda: 7) == 7
    assert workspace.state.sent == []


def test_what_was_done_is_told_and_a_version_in_production_leaves_a_tag():
    workspace = shared(Branch())
    on_state(workspace, lambda: workspace.registry.there.extend(range(1, 13)))

    def goes_out():
        workspace.registry.production = 12

    on_state(workspace, goes_out)
    (_, first, no_tag, old), (_, second, tag, _) = workspace.state.sent
    assert (first[:33], no_tag, old) == ("shops: v1 registered, v2 register", None, ["place 2", "place 1"])
    assert (second, tag) == ("shops: production nothing -> v12", "shops/v12")


def test_where_others_are_always_quicker_it_ends_with_a_word():
    """R3: a bounded number of times, and each time it is decided anew."""
    decided = []
    for others, ends in ((4, True), (5, False)):
        workspace = shared(Branch(others))
        done = iter(range(1, 9))
        decided.clear()

        def act(workspace=workspace, done=done):
            decided.append(len(decided))
            workspace.registry.there = [next(done)]

        if ends:
            on_state(workspace, act)
        else:
            with pytest.raises(PlatformError, match="other jobs changed mlops-state/shops 5 times in a row") as told:
                on_state(workspace, act)
            assert "Nothing of this was kept" in told.value.hint
        assert (len(decided), len(workspace.state.sent)) == (5, int(ends))


def test_what_was_done_before_an_error_is_kept_and_of_two_errors_both_are_told(capsys):
    def breaks(workspace):
        def act():
            workspace.registry.there = [1]
            raise JobFailed("production took v1 back")

        return act

    workspace = shared(Branch())
    with pytest.raises(JobFailed, match="took v1 back"):
        on_state(workspace, breaks(workspace))
    assert len(workspace.state.sent) == 1
    workspace = shared(Branch(refuses=True))
    with pytest.raises(PlatformError, match="remote: no"):
        on_state(workspace, breaks(workspace))
    assert "production took v1 back" in capsys.readouterr().err
