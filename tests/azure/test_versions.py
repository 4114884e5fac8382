"""Model versions in a workspace: the registry's own rules over models, tags and one blob whose ETag is what a change is compared with."""

import json
import multiprocessing
import os
import signal
import threading

import pytest
from azure.core.exceptions import ServiceResponseError
from tests.azure.loopback import Fault

from mlops.azure.connection import connect, place_of
from mlops.azure.versions import WorkspaceStore
from mlops.errors import JobFailed, PlatformError
from mlops.files import digest_folder
from mlops.registry.versions import Registry
from mlops.settings import read_environment

pytestmark = pytest.mark.slow
ME = {"who": "you@example.org", "reason": "run 7"}
fork = multiprocessing.get_context("fork")


@pytest.fixture
def another(there, request):
    """Return what opens the workspace's registry as one more machine does."""
    homes = iter(range(1, 100))

    def opened():
        connection = connect(place_of(read_environment(there.project.root, "staging")), "staging")
        return Registry(there.project.root / f"machine{next(homes)}", WorkspaceStore(connection))

    return opened


@pytest.fixture
def name(request):
    """A model of the test's own: the workspace is one for all."""
    return f"m{abs(hash(request.node.name)) % 10**8}"


@pytest.fixture
def registry(another):
    return another()


@pytest.fixture
def register(there, name):
    """Return what registers a model folder that differs from others by a word."""

    def made(registry, word, **more):
        folder = there.project.root / "made" / word
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLmodel").write_text(f"flavors: {{}}\n# {name}\n")
        (folder / "weights").write_text(word)
        return registry.register(name, folder, digest_folder(folder), None, **more)

    return made


def assets(there, name):
    """The tags of the model assets, as the studio shows them: version -> tags."""
    found = there.azure.workspace.assets
    return {version: one.body["properties"]["tags"] for (kind, model, version), one in found.items() if (kind, model) == ("models", name)}


def blob(registry, name):
    return json.loads(registry.store._blobs().download_blob(f"slipway/registry/{name}.json").readall())


def test_a_version_is_a_model_of_the_workspace_with_whole_files(there, registry, another, register, name):
    proof = there.project.root / "proof"
    proof.mkdir()
    (proof / "evidence.json").write_text("{}")
    made = register(registry, "one", evidence=proof, approved=True, tags={"slipway.run": "7"})
    elsewhere = another()
    found = elsewhere.resolve(name, "challenger")
    assert found == made
    assert (found.version, found.approved, found.tags["slipway.run"]) == (1, True, "7")
    assert digest_folder(elsewhere.fetch(found)) == found.digest
    assert elsewhere.attachment(found, "evidence.json").read_text() == "{}"
    shown = assets(there, name)["1"]
    assert (shown["slipway.digest"], shown["stage"], shown["slipway.run"]) == (found.digest, "challenger", "7")
    assert shown["verdict"] == "approved against no champion"
    body = next(body for body in there.puts("models") if name in json.dumps(body) or body)
    assert body["properties"]["modelType"] == "mlflow_model"


def test_the_same_files_are_the_same_version_and_are_sent_once(registry, another, register, name):
    register(registry, "one")
    before = registry.store._blobs().get_blob_client(f"{registry.resolve(name, '1').artifacts.partition('/paths/')[2]}/model/weights")
    sent = before.get_blob_properties().last_modified, before.get_blob_properties().etag
    again = register(another(), "one", approved=True)
    assert (again.version, again.approved, len(registry.versions(name))) == (1, True, 1)
    assert (before.get_blob_properties().last_modified, before.get_blob_properties().etag) == sent


def test_moves_are_recorded_and_the_studio_shows_where_each_version_is(there, registry, register, name):
    one, two = register(registry, "one"), register(registry, "two")
    registry.move(name, "staging", one, expected=None, **ME)
    registry.move(name, "production", one, expected=None, **ME)
    registry.move(name, "production", two, expected=1, **ME)
    assert [(move.environment, move.before, move.after) for move in registry.history(name)] == [
        ("production", 1, 2),
        ("production", None, 1),
        ("staging", None, 1),
    ]
    assert registry.previous(name, "production").version == 1
    assert (assets(there, name)["1"]["stage"], "champion" in assets(there, name)["1"]) == ("staging", False)
    assert (assets(there, name)["2"]["stage"], assets(there, name)["2"]["champion"]) == ("challenger, production", "true")
    registry.move(name, "production", one, expected=2, kind="rollback", **ME)
    registry.mark_rolled_back(two, environment="production", who="you", reason="drifted")
    assert assets(there, name)["2"]["rolled_back"].startswith("v2 was taken back from production")
    registry.leave(one, "production", **ME)
    assert registry.resolve(name, "champion") is None


def test_of_two_promotions_at_once_one_is_refused_and_told_who_was_quicker(registry, another, register, name):
    """R3: both read the same state, and then both write."""
    one, two = register(registry, "one"), register(registry, "two")
    machines, both = [another(), another()], threading.Barrier(2)
    results = []

    def promote(machine, version):
        read, first = machine.store._read, iter([True])

        def together(model):
            found = read(model)
            if next(first, False):
                both.wait(30)
            return found

        machine.store._read = together
        try:
            results.append(machine.move(name, "production", version, expected=None, **ME))
        except JobFailed as error:
            results.append(error)

    threads = [threading.Thread(target=promote, args=pair) for pair in zip(machines, (one, two), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = next(result for result in results if isinstance(result, JobFailed))
    won = registry.resolve(name, "production").version
    assert f"production was no version when this began, and is v{won} now, moved by you@example.org" in refused.message
    assert [move.after for move in registry.history(name)] == [won]


def test_two_registrations_at_once_get_numbers_of_their_own(registry, another, register, name):
    """R2."""
    machines, both = [another(), another()], threading.Barrier(2)

    def work(machine, word):
        both.wait(30)
        register(machine, word)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(machines, ("one", "two"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = registry.versions(name)
    assert sorted(version.version for version in found) == [1, 2]
    assert len({version.digest for version in found}) == 2
    assert all(digest_folder(registry.fetch(version)) == version.digest for version in found)


def test_a_change_whose_answer_was_lost_is_made_once(registry, register, name, monkeypatch):
    version = register(registry, "one")
    container = registry.store._blobs()
    real, lost = container.upload_blob, iter([True])

    def dropped(place, *given, **more):
        done = real(place, *given, **more)
        if place.startswith("slipway/registry/") and next(lost, False):
            real(place, *given, **more)  # the SDK asks again where it heard nothing, and what it finds is what it wrote itself
        return done

    monkeypatch.setattr(container, "upload_blob", dropped)
    registry.move(name, "production", version, expected=None, **ME)
    assert [move.after for move in registry.history(name)] == [1]


@pytest.mark.e2e
@pytest.mark.parametrize("cut", range(1, 6))
def test_a_registration_that_is_killed_anywhere_leaves_no_half_version(registry, another, register, name, cut):
    """R1: after each file, after the model asset, after the registry's blob."""

    def work():
        mine = another()
        calls, store = iter(range(1, 100)), mine.store
        container = store._blobs()

        def counted(real):
            def call(*given, **more):
                done = real(*given, **more)
                if next(calls) == cut:
                    os.kill(os.getpid(), signal.SIGKILL)
                return done

            return call

        container.upload_blob = counted(container.upload_blob)
        store._put = counted(store._put)
        register(mine, "one")

    process = fork.Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(registry.versions(name)) == (1 if cut > 3 else 0)
    made = register(registry, "one")
    assert (made.version, [version.version for version in registry.versions(name)]) == (1, [1])
    assert digest_folder(another().fetch(made)) == made.digest


@pytest.mark.e2e
@pytest.mark.parametrize("status", [429, 503])
def test_a_workspace_that_is_busy_is_asked_again_and_then_told_with_nothing_moved(there, registry, register, name, status):
    """R11."""
    there.azure.faults.add(Fault(f"GET .*/models/{name}/versions", status=status, times=1))
    version = register(registry, "one")
    there.azure.faults.add(Fault(f"GET .*/models/{name}/versions", status=status, times=100))
    with pytest.raises(PlatformError, match="too busy"):
        register(registry, "two")
    assert [one.version for one in registry.versions(name)] == [1]
    registry.move(name, "staging", version, expected=None, **ME)  # only the studio's tags wait
    assert registry.resolve(name, "staging").version == 1
    there.azure.faults.clear()
    registry.move(name, "production", version, expected=None, **ME)
    assert assets(there, name)["1"]["stage"] == "challenger, production, staging"


def test_a_blob_whose_name_leads_out_of_its_folder_is_not_brought(there, registry, another, register, name):
    """X2: a name goes on from the folder with a whole path. One with `..` reaches no store: every client takes that out of an address."""
    version, evil = register(registry, "one"), there.project.root / "evil.txt"
    container = there.azure.workspace.blobs.get_container_client("azureml-blobstore")
    container.upload_blob(f"{version.artifacts.partition('/paths/')[2]}/model/{evil}", b"evil")
    with pytest.raises(PlatformError, match="leads out of its folder"):
        another().fetch(version)
    assert not evil.exists()


@pytest.mark.parametrize("asked", ["blob put .*/model/weights", "blob put .*slipway/registry"])
def test_a_storm_of_the_blob_store_is_waited_for_and_one_without_end_registers_nothing(there, registry, another, register, name, asked):
    """R11, of the files and of the registry's own blob."""
    there.azure.faults.add(Fault(asked, status=503, code="ServerBusy", times=2))
    register(registry, "one")
    there.azure.faults.add(Fault(asked, status=503, code="ServerBusy", times=100))
    with pytest.raises(PlatformError, match=r"too busy \(HTTP 503\)"):
        register(registry, "two")
    there.azure.faults.clear()
    assert [one.version for one in another().versions(name)] == [1]
    assert (register(another(), "two").version, len(registry.versions(name))) == (2, 2)


def test_files_that_were_changed_there_are_not_served(registry, another, register, name):
    """R7."""
    version = register(registry, "one")
    registry.store._blobs().upload_blob(f"{version.artifacts.partition('/paths/')[2]}/model/weights", b"other", overwrite=True)
    with pytest.raises(JobFailed, match="weights was changed"):
        another().fetch(version)


def test_a_lost_connection_is_a_clear_error(registry, register, name, monkeypatch):
    register(registry, "one")

    def gone(*_given, **_more):
        raise ServiceResponseError("Connection aborted.")

    monkeypatch.setattr(registry.store._blobs(), "download_blob", gone)
    with pytest.raises(PlatformError, match="Azure does not answer"):
        registry.versions(name)
