"""A version on its way from staging's workspace to production's through the registry: put there once, by whoever may; then only taken."""

from __future__ import annotations

import dataclasses
import os

import pytest
from azure.ai.ml.entities import Model
from tests.azure.deploying import MODEL, environment, go, make
from tests.azure.hurry import hurry

from mlops.azure.connection import connect
from mlops.azure.model_asset import model_asset
from mlops.azure.online import Online
from mlops.errors import JobFailed, PlatformError
from mlops.registry.versions import DIGEST
from mlops.settings import AzureSettings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
REGISTRY = "mlr-loopback"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("promoted"), 1)


@pytest.fixture
def version(made, request):
    """The same files as a version of a model of the test's own."""
    return dataclasses.replace(made.version, name=f"p{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def signed(azure, monkeypatch):
    """Return what connects as somebody."""
    from mlops.azure import connection

    hurry(monkeypatch.setattr)
    monkeypatch.setattr(connection, "RETRIES", 2)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)

    def as_(who):
        for name, value in azure.variables(who).items():
            monkeypatch.setenv(name, value)
        return connect(AzureSettings(**azure.place(registry=REGISTRY)), "staging")

    return as_


def reference(version):
    return f"azureml://registries/{REGISTRY}/models/{version.name}/versions/{version.digest.removeprefix('sha256:')[:16]}"


def test_a_version_of_staging_s_workspace_is_shared_once_and_not_sent_again(azure, signed, made, version):
    connection = signed(azure.publisher)
    tags = {DIGEST: version.digest}
    connection.client.models.create_or_update(Model(name=version.name, version="1", path=made.folder, type="mlflow_model", tags=tags))
    sent = len(azure.registry.uploads)
    assert {model_asset(connection, version, made.folder) for _ in range(2)} == {reference(version)}
    assert [one for one in azure.registry.shares if version.name in one] == [f"models/{version.name}:{reference(version)[-16:]}"]
    assert len(azure.registry.uploads) == sent


def test_a_version_that_no_workspace_has_is_put_there_from_its_files(azure, signed, made, version):
    connection = signed(azure.publisher)
    assert {model_asset(connection, version, made.folder) for _ in range(2)} == {reference(version)}
    held = azure.registry.held("models", version.name, reference(version)[-16:])["properties"]
    assert held["tags"][DIGEST] == version.digest
    container, folder = azure.registry.held_at(held["modelUri"])
    names = azure.workspace.blobs.get_container_client(container).list_blob_names(name_starts_with=folder)
    assert {name.rpartition("/")[2] for name in names} >= {"MLmodel", "conda.yaml"}


def test_production_serves_what_staging_has_put_there_and_needs_no_right_to_put(azure, signed, made, tmp_path):
    model_asset(signed(azure.publisher), made.version, made.folder)
    signed(azure.taker)
    azure.calls.clear()
    settings = environment(azure.place(registry=REGISTRY))
    place = Online(tmp_path, "shops", MODEL, settings)
    assert go(place, made)["smoke"]["equal"] == 10
    endpoint = next(iter(azure.endpoints.found.values()))
    assert endpoint.deployments[made.name].body["properties"]["model"] == reference(made.version)
    assert [call.path for call in azure.calls if call.method == "PUT" and "/models/" in call.path] == []


def test_who_may_not_put_it_there_is_told_and_nothing_is_deployed(azure, signed, made, version):
    connection = signed(azure.taker)
    with pytest.raises(PlatformError, match="not allowed"):
        model_asset(connection, version, made.folder)
    assert ("models", version.name, reference(version)[-16:]) not in azure.registry.assets


def test_other_files_under_its_digest_are_refused(azure, signed, made, version):
    connection = signed(azure.publisher)
    model_asset(connection, version, made.folder)
    azure.registry.held("models", version.name, reference(version)[-16:])["properties"]["tags"][DIGEST] = "sha256:other"
    with pytest.raises(JobFailed, match="has other files"):
        model_asset(connection, version, made.folder)
