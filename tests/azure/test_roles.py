"""Roles granted and roles used: each identity does its work with what infra/roles.json grants it, and what it may not do is refused and told."""

import sys
from pathlib import Path

import pytest
from tests.azure.deploying import MODEL, environment, make
from tests.azure.loopback import Loopback
from tests.azure.loopback.actions import action_of, blob_action
from tests.azure.loopback.azurite import VERSION, Missing
from tests.azure.loopback.service import _SCOPE
from tests.azure.roles import FLOWS, PAGE, compared, play

from mlops.azure.connection import connect, place_of
from mlops.azure.online import Online
from mlops.azure.versions import WorkspaceStore
from mlops.errors import PlatformError
from mlops.files import digest_folder
from mlops.registry.versions import Registry
from mlops.settings import read_environment

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ELSEWHERE = {
    "/operations/{name}": "where a cancellation is, which Azure tells below a location",
    "batchGetResolvedUris": "the data plane's",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What all flows have asked of an Azure of their own, where nothing is registered yet."""
    folder = tmp_path_factory.mktemp("roles")
    try:
        with Loopback(folder, Path(sys.prefix) / f"azurite-{VERSION}") as azure:
            play(azure, folder / "shops")
            assert (azure.service.violations, azure.strangers) == ([], [])
            yield compared(azure)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.e2e
def test_each_identity_does_its_work_with_what_it_is_granted_and_no_role_of_ours_grants_more(played):
    assert {one.flow for one in played.uses} >= set(FLOWS)
    assert played.complaints() == []


@pytest.mark.e2e
def test_the_page_of_roles_is_what_was_seen(played):
    assert PAGE.read_text(encoding="utf-8") == played.page(), "python -m tests.azure.roles"


def test_every_operation_of_the_loopback_asks_for_the_action_that_azure_derives(azure):
    found = [
        f"{method} {path}: {action}"
        for method, path, action in ((method, path.replace(":str}", "}"), action) for method, path, action in azure.service.operations)
        if path.startswith("/subscriptions") and action and not any(part in path for part in ELSEWHERE)
        if action_of(method, path).lower()
        != (action if action.startswith("Microsoft.") else f"{action_of('GET', _SCOPE)[:-5]}/{action}").lower()
    ]
    assert found == []


def test_an_action_is_made_of_method_and_path():
    place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    assert action_of("GET", place) == "Microsoft.MachineLearningServices/workspaces/read"
    assert action_of("GET", f"{place}/models/m/versions") == "Microsoft.MachineLearningServices/workspaces/models/versions/read"
    assert action_of("POST", f"{place}/jobs/j/cancel") == "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action"
    assert action_of("GET", f"{place}/onlineEndpoints/e/providers/Microsoft.Insights/metrics") == "Microsoft.Insights/metrics/read"
    assert action_of("GET", "/subscriptions/s/providers/Microsoft.KeyVault") == "Microsoft.Resources/subscriptions/providers/read"
    assert blob_action("GET", {"restype": "container", "comp": "list"}) == blob_action("HEAD", {})
    assert blob_action("PUT", {})[0].endswith("containers/blobs/write")
    assert blob_action("PUT", {"restype": "container"}) == ("Microsoft.Storage/storageAccounts/blobServices/containers/write", False)


@pytest.fixture
def reader(there):
    """Somebody who may look, and a pipeline whose code is nobody's yet."""
    there.sign_in(there.azure.reader)
    there.project.write("code/own.txt", "a reader's")
    return there


@pytest.mark.parametrize("words", [("run", "pipeline.yml"), ("component", "create", "-f", "make.yml")])
def test_a_reader_makes_nothing_and_is_told_the_action_that_is_lacking(reader, words):
    code, out, errors = reader.mlops(*words, "--where", "azure")
    assert code == 3, out
    assert "not allowed: (AuthorizationFailed)" in errors
    assert "perform action 'Microsoft.MachineLearningServices/workspaces/codes/versions/startPendingUpload/action'" in errors
    assert "mlops doctor --azure compares what you may do with infra/roles.json" in errors
    asked = [call for call in reader.azure.calls if call.method != "GET" and call.host == "management.azure.com"]
    assert {call.status for call in asked} == {403}


def test_a_reader_ends_nobody_s_job(there):
    there.azure.faults.queue = 600.0
    assert there.mlops("run", "pipeline.yml", "--where", "azure", "--queue-limit", "0.0001")[0] == 3
    there.sign_in(there.azure.reader)
    code, _, errors = there.mlops("cancel", "latest")
    assert (code, "jobs/cancel/action" in errors) == (3, True)
    name = there.record()["job"]["name"]
    assert there.azure.jobs.get(name).status not in {"CancelRequested", "Canceled"}
    there.sign_in(there.azure.scientist)
    assert there.mlops("cancel", "latest")[0] == 0


def test_a_reader_moves_no_version_and_the_blobs_are_as_they_were(there):
    def registry():
        connection = connect(place_of(read_environment(there.project.root, "staging")), "staging")
        return Registry(there.project.root / "machine", WorkspaceStore(connection))

    folder = there.project.root / "made"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n# of a reader's test\n")
    mine = registry()
    version = mine.register("readers-cannot", folder, digest_folder(folder), None)
    there.sign_in(there.azure.reader)
    theirs = registry()
    assert theirs.resolve("readers-cannot", "1") == version
    with pytest.raises(PlatformError, match=r"cannot write the registry: not allowed: .*not authorized"):
        theirs.move("readers-cannot", "production", version, expected=None, who="a reader", reason="try")
    assert mine.resolve("readers-cannot", "production") is None


def test_a_data_scientist_serves_nothing(there, tmp_path):
    made = make(tmp_path, 1)
    place = Online(there.project.root, "shops", MODEL, environment(there.azure.place()))
    with pytest.raises(PlatformError, match=r"cannot create the endpoint: not allowed: .*onlineEndpoints/write") as refused:
        place.deploy(made.version, made.folder)
    assert "infra/roles.json" in refused.value.hint
    assert there.azure.endpoints.found == {}


def test_a_key_of_the_storage_account_opens_nothing(there):
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

    storage = there.azure.workspace.storage
    address = f"https://{storage.account}.blob.core.windows.net"
    with (
        ContainerClient(address, "azureml", credential={"account_name": storage.account, "account_key": storage.key}) as container,
        pytest.raises(HttpResponseError, match="Key based authentication"),
    ):
        list(container.list_blobs())
