"""Who may do what on Azure, asked of the table that is carried out."""

from pathlib import Path

import pytest

from mlops.azure.roles import Role, Table, read_roles

ML = "Microsoft.MachineLearningServices/workspaces"
BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
KEYS = [
    f"{ML}/listKeys/action",
    f"{ML}/listStorageAccountKeys/action",
    f"{ML}/listNotebookKeys/read",
    f"{ML}/onlineEndpoints/listKeys/action",
    f"{ML}/onlineEndpoints/token/action",
    f"{ML}/onlineEndpoints/regenerateKeys/action",
    f"{ML}/batchEndpoints/listKeys/action",
    f"{ML}/datastores/listsecrets/action",
    f"{ML}/connections/listsecrets/action",
    f"{ML}/metadata/secrets/read",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.ContainerRegistry/registries/listCredentials/action",
]
ABOVE = [
    f"{ML}/write",
    f"{ML}/delete",
    f"{ML}/computes/write",
    f"{ML}/computes/delete",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
]


@pytest.fixture(scope="module")
def table() -> Table:
    return read_roles(Path(__file__).parents[3])


@pytest.mark.parametrize("action", KEYS)
def test_nobody_reads_a_key(table: Table, action: str) -> None:
    scopes = ("workspace", "storage", "images", "group", "endpoint")
    assert [who for who in table.who for scope in scopes if table.allows(who, action, scope)] == []


@pytest.mark.parametrize("action", ABOVE)
def test_nobody_changes_the_environment_itself(table: Table, action: str) -> None:
    scopes = ("workspace", "storage", "images", "group", "endpoint", "endpointIdentity")
    assert [who for who in table.who for scope in scopes if table.allows(who, action, scope)] == []


@pytest.mark.parametrize("action", [f"{ML}/models/delete", f"{ML}/models/versions/delete", f"{ML}/data/versions/delete"])
def test_nobody_deletes_a_model_or_data(table: Table, action: str) -> None:
    assert [who for who in table.who if table.allows(who, action, "workspace")] == []


@pytest.mark.parametrize(
    ("who", "may", "may_not"),
    [
        (
            "ci",
            (
                "jobs/write",
                "models/versions/write",
                "onlineEndpoints/write",
                "onlineEndpoints/deployments/write",
                "onlineEndpoints/score/action",
                "schedules/write",
            ),
            (),
        ),
        (
            "data-scientists",
            ("jobs/write", "jobs/cancel/action", "models/versions/write", "experiments/runs/write"),
            ("onlineEndpoints/write", "schedules/write", "batchEndpoints/write"),
        ),
        ("readers", ("read", "jobs/read", "models/versions/read"), ("jobs/write", "jobs/cancel/action", "onlineEndpoints/score/action")),
        ("endpoint", ("metrics/resource/write",), ("jobs/read", "models/read", "onlineEndpoints/write")),
        ("training", (), ("read", "jobs/write", "onlineEndpoints/score/action")),
        ("callers", (), ("read", "jobs/read", "onlineEndpoints/score/action")),
    ],
)
def test_each_may_do_its_work_in_the_workspace_and_no_more(table: Table, who: str, may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    assert [action for action in may if not table.allows(who, f"{ML}/{action}", "workspace")] == []
    assert [action for action in may_not if table.allows(who, f"{ML}/{action}", "workspace")] == []


def test_a_caller_calls_an_endpoint(table: Table) -> None:
    assert table.allows("callers", f"{ML}/onlineEndpoints/score/action", "endpoint")
    assert not table.allows("callers", f"{ML}/onlineEndpoints/read", "endpoint")


def test_an_endpoint_reads_the_data_and_writes_none(table: Table) -> None:
    assert table.allows("endpoint", f"{BLOB}/read", "storage", data=True)
    assert not table.allows("endpoint", f"{BLOB}/write", "storage", data=True)
    assert table.allows("training", f"{BLOB}/write", "storage", data=True)


def test_a_star_stands_for_several_segments_and_case_does_not_matter() -> None:
    role = Role("any", "", "", (f"{ML}/*/read",), (f"{ML}/secrets/read",), ())
    assert role.allows(f"{ML}/models/versions/read")
    assert role.allows(f"{ML}/Models/Read".replace("Microsoft", "microsoft"))
    assert not role.allows(f"{ML}/secrets/read")
    assert not role.allows(f"{ML}/models/versions/write")
