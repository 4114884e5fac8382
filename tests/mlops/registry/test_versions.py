"""Versions are whole or not there, moves are told and happen once: on SQLite, with real processes that are really killed."""

import contextlib
import functools
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3

import pytest
from sqlalchemy.event import listen

from mlops.errors import JobFailed, PlatformError, UsageError
from mlops.files import digest_folder
from mlops.registry.store import MlflowStore
from mlops.registry.versions import Registry

ME = {"who": "you@example.org", "reason": "run 7"}
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Make one new database: its migrations take seconds, a copy of it does not."""
    made = fresh(tmp_path_factory.mktemp("empty"))
    assert made.versions("flights") == []
    return made.home / "mlflow.db"


@pytest.fixture
def registry(empty, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "home").mkdir()
    shutil.copy(empty, tmp_path / "home")
    return fresh(tmp_path / "home")


def fresh(home):
    """Return a registry as another process would open it."""
    return Registry(home, MlflowStore(home, f"sqlite:///{home / 'mlflow.db'}"))


@pytest.fixture
def make(tmp_path):
    """Return a maker of model folders that differ by a word."""

    def made(word):
        folder = tmp_path / "made" / word
        (folder / "code").mkdir(parents=True, exist_ok=True)
        (folder / "MLmodel").write_text("flavors: {}\n")
        (folder / "code" / "weights").write_text(word)
        return folder

    return made


def register(registry, folder, **more):
    return registry.register("flights", folder, digest_folder(folder), None, **more)


def proof(tmp_path, folder, champion=None):
    """Write an evidence folder for a model, as the compare step does."""
    against = {"version": champion.version, "digest": champion.digest} if champion else {"version": None, "digest": None}
    place = tmp_path / "proof"
    place.mkdir(exist_ok=True)
    (place / "evidence.json").write_text(json.dumps({"model": {"digest": digest_folder(folder)}, "against": against}))
    (place / "smoke.json").write_text("{}")
    return place


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def killed(work):
    """Run `work` in a process of its own, which must end by SIGKILL."""
    process = fork.Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def dies_after(count, registry, monkeypatch, *names):
    """Let the process end right after so many of these calls."""
    writes = iter(range(1, 100))

    def counted(real, *given):
        real(*given)
        if next(writes) == count:
            die()

    for name in names:
        monkeypatch.setattr(registry.store.client, name, functools.partial(counted, getattr(registry.store.client, name)))


def test_a_registered_version_can_be_fetched_and_has_its_digest(registry, make):
    folder = make("one")
    version = register(registry, folder, tags={"slipway.run": "7"})
    assert (version.version, version.digest, version.aliases) == (1, digest_folder(folder), ("challenger",))
    assert digest_folder(registry.fetch(version)) == version.digest
    assert version.tags["slipway.run"] == "7"
    assert registry.resolve("flights", "v1") == registry.resolve("flights", "challenger") == version


@pytest.mark.slow
def test_mlflow_itself_finds_the_model_under_its_alias(registry, make):
    import mlflow

    version = register(registry, make("one"))
    source = registry.store.client.get_model_version_by_alias("flights", "challenger").source
    got = mlflow.artifacts.download_artifacts(source, tracking_uri=registry.store.uri)
    assert digest_folder(type(registry.home)(got)) == version.digest


@pytest.mark.slow
def test_the_same_files_are_the_same_version_with_the_new_verdict(registry, make, tmp_path):
    first = register(registry, make("one"), evidence=proof(tmp_path, make("one")))
    again = register(fresh(registry.home), make("one"), approved=True, against=4)
    assert (first.version, first.approved) == (1, False)
    assert (again.version, again.approved, again.against, again.evidence) == (1, True, 4, "")
    assert len(registry.versions("flights")) == 1


def test_a_folder_that_is_not_what_the_run_made_is_not_registered(registry, make):
    with pytest.raises(JobFailed, match="not those that the run made"):
        registry.register("flights", make("one"), "sha256:00", None)
    assert registry.versions("flights") == []


def test_what_is_not_there_is_none(registry, make):
    assert registry.versions("flights") == []
    assert registry.resolve("flights", "production") is None
    register(registry, make("one"))
    assert registry.resolve("flights", "2") is registry.resolve("flights", "staging") is registry.by_digest("flights", "x") is None
    assert registry.history("flights") == []
    assert registry.previous("flights", "production") is None


@pytest.mark.slow
def test_a_model_of_another_name_is_untouched(registry, make):
    register(registry, make("one"))
    other = registry.register("delays", make("one"), digest_folder(make("one")), None)
    assert other.version == 1
    assert [v.name for v in registry.versions("delays")] == ["delays"]
    with pytest.raises(UsageError):
        registry.versions("x' or '1'='1")


@pytest.mark.parametrize("point", ["log_artifacts", "create_model_version"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.slow
def test_a_kill_while_registering_leaves_no_half_version_and_the_next_try_makes_it(registry, make, monkeypatch, point, when):
    """R1: artifacts first, the version in one request; killed on either side of both."""

    def work():
        mine = fresh(registry.home)
        real = getattr(mine.store.client, point)

        def cut(*given, **more):
            if when == "after":
                real(*given, **more)
            die()

        monkeypatch.setattr(mine.store.client, point, cut)
        register(mine, make("one"))

    killed(work)
    there = registry.versions("flights")
    assert len(there) == (point == "create_model_version" and when == "after")
    assert all(digest_folder(registry.fetch(version)) == version.digest for version in there)
    version = register(registry, make("one"))
    assert (version.version, version.aliases, len(registry.versions("flights"))) == (1, ("challenger",), 1)


@pytest.mark.slow
def test_artifacts_that_were_not_stored_whole_are_no_version(registry, make, monkeypatch):
    """R1: what was uploaded is read back first."""
    real = registry.store.client.log_artifacts

    def lossy(run, folder, path):
        real(run, folder, path)
        (registry.home / "mlflow-artifacts" / "flights" / run / "artifacts" / path / "code" / "weights").write_text("")

    monkeypatch.setattr(registry.store.client, "log_artifacts", lossy)
    with pytest.raises(PlatformError, match="code/weights was changed"):
        register(registry, make("one"))
    assert registry.versions("flights") == []


@pytest.mark.slow
def test_a_request_that_was_sent_twice_makes_one_version(registry, make, monkeypatch):
    """R2: a retry after an answer that was lost on the way."""
    real = registry.store.client.create_model_version
    monkeypatch.setattr(registry.store.client, "create_model_version", lambda *given, **more: (real(*given, **more), real(*given, **more)))
    assert register(registry, make("one")).version == 1
    assert [v.version for v in registry.versions("flights")] == [1]


@pytest.mark.slow
def test_registrations_at_once_in_a_new_database_get_distinct_numbers(registry, make):
    """R2, E12: four processes, and the database is not there yet."""
    (registry.home / "mlflow.db").unlink()
    folders = [make(word) for word in ("one", "two", "three", "four")]
    processes = [fork.Process(target=lambda folder=folder: register(fresh(registry.home), folder)) for folder in folders]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    versions = registry.versions("flights")
    assert [v.version for v in versions] == [4, 3, 2, 1]
    assert {v.digest for v in versions} == {digest_folder(folder) for folder in folders}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda folder: (folder / "code" / "weights").write_text("onE"), "code/weights was changed"),
        (lambda folder: (folder / "code" / "extra.py").write_text("import os"), "code/extra.py was added"),
        (lambda folder: (folder / "MLmodel").unlink(), "MLmodel is gone"),
        (shutil.rmtree, "the files of flights v1 are gone"),
    ],
)
def test_files_that_were_altered_after_registration_are_found_and_named(registry, make, tamper, words):
    """R7: an extra file counts."""
    version = register(registry, make("one"))
    tamper(registry.fetch(version))
    with pytest.raises(JobFailed, match=words):
        registry.fetch(version)


@pytest.mark.slow
@pytest.mark.parametrize("lose", [shutil.rmtree, lambda folder: (folder / "code" / "weights").unlink()])
def test_the_same_files_registered_again_are_there_again(registry, make, lose):
    """A branch leaves out the files of old versions."""
    version = register(registry, make("one"))
    lose(registry.files(version))
    assert not registry.whole(version)
    again = register(registry, make("one"))
    assert (again.version, digest_folder(registry.fetch(again)), len(registry.versions("flights"))) == (1, version.digest, 1)


def test_evidence_is_kept_beside_the_model_and_cannot_be_altered(registry, make, tmp_path):
    """R7, R5: the approval is bound to it."""
    version = register(registry, make("one"), evidence=proof(tmp_path, make("one")))
    assert registry.attachment(version, "smoke.json").read_text() == "{}"
    assert registry.attachment(version, "other.json") is None
    registry.attachment(version, "evidence.json").write_text("{}")
    with pytest.raises(JobFailed, match="its evidence differs"):
        registry.attachment(version, "smoke.json")


def test_a_move_sets_the_aliases_and_is_recorded_with_who_why_and_on_which_evidence(registry, make, tmp_path):
    version = register(registry, make("one"), evidence=proof(tmp_path, make("one")))
    registry.move("flights", "production", version, expected=None, **ME)
    assert registry.resolve("flights", "production").aliases == ("challenger", "champion", "production")
    (move,) = registry.history("flights")
    assert (move.environment, move.before, move.after, move.who, move.reason) == ("production", None, 1, "you@example.org", "run 7")
    assert (move.digest, move.evidence, move.kind) == (version.digest, version.evidence, "promote")
    assert move.at.endswith("Z")


@pytest.mark.slow
def test_of_two_moves_at_once_one_wins_and_the_other_is_told_by_whom(registry, make):
    """R3: compare-and-set; the second expected what the first has changed."""
    one, two, three = (register(registry, make(word)) for word in ("one", "two", "three"))
    registry.move("flights", "production", one, expected=None, **ME)
    registry.move("flights", "production", two, expected=1, who="first@example.org", reason="")
    with pytest.raises(JobFailed, match=r"production was v1 when this began, and is v2 now, moved by first@example\.org at 20"):
        registry.move("flights", "production", three, expected=1, **ME)
    assert registry.resolve("flights", "champion").version == 2
    assert [move.after for move in registry.history("flights")] == [2, 1]


@pytest.mark.slow
def test_of_many_processes_that_move_from_the_same_version_exactly_one_wins(registry, make):
    """R3."""
    first, *others = [register(registry, make(f"{number}")) for number in range(5)]
    registry.move("flights", "production", first, expected=None, **ME)
    answers, together = fork.SimpleQueue(), fork.Barrier(4)

    def work(version):
        mine = fresh(registry.home)
        mine.versions("flights")
        together.wait(60)
        try:
            mine.move("flights", "production", version, expected=1, who=f"v{version.version}", reason="")
            answers.put(version.version)
        except JobFailed as error:
            answers.put(str(error))

    processes = [fork.Process(target=work, args=(version,)) for version in others]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    told = [answers.get() for _ in processes]
    (winner,) = [answer for answer in told if isinstance(answer, int)]
    assert registry.resolve("flights", "production").version == winner
    assert all(f"is v{winner} now, moved by v{winner}" in answer for answer in told if isinstance(answer, str))
    assert [move.after for move in registry.history("flights")] == [winner, 1]


@pytest.mark.parametrize("cut", range(1, 5))
@pytest.mark.slow
def test_a_move_that_was_killed_is_finished_by_the_same_request_and_told_once(registry, make, monkeypatch, cut):
    """R4: killed after each of its writes: the record, champion, production, and the record again."""
    one, two = register(registry, make("one")), register(registry, make("two"))
    registry.move("flights", "production", one, expected=None, **ME)

    def work():
        mine = fresh(registry.home)
        dies_after(cut, mine, monkeypatch, "set_model_version_tag", "set_registered_model_alias")
        mine.move("flights", "production", two, expected=1, **ME)

    killed(work)
    now = registry.resolve("flights", "champion").version
    assert [move.after for move in registry.history("flights")] == ([2, 1] if now == 2 else [1])
    registry.move("flights", "production", two, expected=now, **ME)
    assert registry.resolve("flights", "production").aliases == ("challenger", "champion", "production")
    assert [(move.before, move.after) for move in registry.history("flights")] == [(1, 2), (None, 1)]


@pytest.mark.slow
def test_a_move_that_was_killed_early_is_forgotten_when_another_is_made(registry, make, monkeypatch):
    """R4: what did not happen is not in the record, and no alias is left behind."""
    one, two, three = (register(registry, make(word)) for word in ("one", "two", "three"))
    registry.move("flights", "production", one, expected=None, **ME)

    def work():
        mine = fresh(registry.home)
        real = mine.store.client.set_registered_model_alias
        monkeypatch.setattr(mine.store.client, "set_registered_model_alias", lambda *given: (real(*given), die()))
        mine.move("flights", "production", two, expected=1, **ME)

    killed(work)
    with pytest.raises(JobFailed, match="production was v3 when this began"):
        registry.move("flights", "production", three, expected=3, **ME)
    assert registry.store.client.get_registered_model("flights").aliases["champion"] == 1
    registry.move("flights", "production", three, expected=1, **ME)
    assert [(move.before, move.after) for move in registry.history("flights")] == [(1, 3), (None, 1)]


@pytest.mark.slow
def test_a_move_that_was_killed_before_it_took_place_is_not_told_when_what_is_there_is_asked_for_again(registry, make, monkeypatch):
    """R4."""
    one, two = register(registry, make("one")), register(registry, make("two"))
    registry.move("flights", "production", one, expected=None, **ME)

    def work():
        mine = fresh(registry.home)
        dies_after(2, mine, monkeypatch, "set_model_version_tag", "set_registered_model_alias")
        mine.move("flights", "production", two, expected=1, **ME)

    killed(work)
    registry.move("flights", "production", one, expected=1, **ME)
    assert registry.store.client.get_registered_model("flights").aliases["champion"] == 1
    assert [(move.before, move.after) for move in registry.history("flights")] == [(None, 1)]


@pytest.mark.slow
def test_the_same_move_again_does_nothing(registry, make):
    """R4."""
    version = register(registry, make("one"))
    first = registry.move("flights", "staging", version, expected=None, **ME)
    assert registry.move("flights", "staging", version, expected=None, **ME) == first
    assert registry.history("flights") == [first]


@pytest.mark.slow
def test_a_version_with_none_before_it_that_is_taken_back_leaves_no_alias_and_is_told(registry, make):
    one, two = register(registry, make("one")), register(registry, make("two"))
    registry.move("flights", "production", one, expected=None, **ME)
    with pytest.raises(JobFailed, match=r"production was v2 when this began, and is v1 now, moved by you@example\.org"):
        registry.leave(two, "production", who="slipway", reason="slow")
    for _ in range(2):
        registry.leave(one, "production", who="slipway", reason="slow")
    assert registry.resolve("flights", "champion") is None
    assert registry.resolve("flights", "1").aliases == ()
    registry.move("flights", "production", two, expected=None, **ME)
    assert [(move.before, move.after, move.who) for move in registry.history("flights")][:2] == [(None, 2, ME["who"]), (1, None, "slipway")]
    assert (registry.previous("flights", "production"), len(registry.history("flights"))) == (None, 3)


@pytest.mark.parametrize("cut", range(1, 5))
@pytest.mark.slow
def test_a_version_whose_taking_back_was_killed_is_there_or_gone_and_the_next_request_settles_it(registry, make, monkeypatch, cut):
    """R4: killed after each of its writes: the record, champion, production, and the record again."""
    one, two = register(registry, make("one")), register(registry, make("two"))
    registry.move("flights", "production", one, expected=None, **ME)

    def work():
        mine = fresh(registry.home)
        dies_after(cut, mine, monkeypatch, "set_model_version_tag", "delete_registered_model_alias")
        mine.leave(one, "production", who="slipway", reason="slow")

    killed(work)
    serves = 1 if cut < 3 else None
    assert [move.after for move in registry.history("flights")] == ([1] if serves else [None, 1])
    registry.move("flights", "production", two, expected=serves, **ME)
    assert registry.resolve("flights", "champion").version == registry.store.client.get_registered_model("flights").aliases["champion"] == 2
    assert [(move.before, move.after) for move in registry.history("flights")] == [(serves, 2), *([] if serves else [(1, None)]), (None, 1)]


@pytest.mark.slow
def test_rollback_goes_back_step_by_step_and_a_version_taken_back_says_so(registry, make):
    versions = [register(registry, make(word)) for word in ("one", "two", "three")]
    for expected, version in zip([None, 1, 2], versions, strict=True):
        registry.move("flights", "production", version, expected=expected, **ME)
    assert registry.previous("flights", "production").version == 2
    registry.move("flights", "production", versions[1], expected=3, kind="rollback", **ME)
    registry.mark_rolled_back(versions[2], environment="production", who="you@example.org", reason="calibration drifted")
    assert registry.previous("flights", "production").version == 1
    taken = registry.resolve("flights", "3")
    assert taken.rolled_back.startswith("v3 was taken back from production on 20")
    assert taken.rolled_back.endswith("by you@example.org: calibration drifted")
    registry.clear_rolled_back(taken)
    assert registry.resolve("flights", "3").rolled_back == ""


@pytest.mark.slow
def test_a_rollback_target_that_was_deleted_is_told(registry, make):
    """R8."""
    one, two = register(registry, make("one")), register(registry, make("two"))
    registry.move("flights", "production", one, expected=None, **ME)
    registry.move("flights", "production", two, expected=1, **ME)
    registry.store.client.delete_model_version("flights", "1")
    with pytest.raises(JobFailed, match="served v1 before, and that version was deleted"):
        registry.previous("flights", "production")


@pytest.mark.slow
def test_an_approval_holds_for_its_files_and_its_champion_only(registry, make, tmp_path):
    """R5: approved against no champion; then there is one, and then another."""
    one = register(registry, make("one"), evidence=proof(tmp_path, make("one")), approved=True)
    registry.check_evidence(one, None)
    two = register(registry, make("two"), evidence=proof(tmp_path, make("two"), one), approved=True, against=1)
    registry.check_evidence(two, one)
    registry.check_evidence(two, two)
    three = register(registry, make("three"))
    with pytest.raises(JobFailed, match="v2 was approved against v1, and production serves v3 now"):
        registry.check_evidence(two, three)
    with pytest.raises(JobFailed, match="v2 was approved against v1, and production serves no version now"):
        registry.check_evidence(two, None)


@pytest.mark.slow
def test_an_approval_of_other_files_or_none_is_refused(registry, make, tmp_path):
    """R5."""
    other = register(registry, make("one"), evidence=proof(tmp_path, make("two")), approved=True)
    with pytest.raises(JobFailed, match="is about other files"):
        registry.check_evidence(other, None)
    with pytest.raises(JobFailed, match="did not approve flights v2"):
        registry.check_evidence(register(registry, make("three")), None)


@pytest.mark.slow
def test_a_database_that_another_process_holds_is_told_and_nothing_has_moved(registry, make):
    """R11: a bounded wait, here of 50 ms and not MLflow's 20 s."""
    version = register(registry, make("one"))
    engine = registry.store.client._get_registry_client().store.engine
    listen(engine, "before_cursor_execute", lambda c, u, said, given, *more: (said.replace("20000", "50"), given), retval=True)
    with contextlib.closing(sqlite3.connect(registry.home / "mlflow.db")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(PlatformError, match="locked"):
            registry.move("flights", "staging", version, expected=None, **ME)
    assert registry.resolve("flights", "staging") is None
    assert registry.history("flights") == []
