"""Batches on Azure ML: the scoring pipeline is deployed with each version in it, moved by its default, and asked for jobs that really run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from tests.azure.deploying import COLUMNS, environment, make
from tests.azure.loopback import Loopback
from tests.azure.scoring_rows import batch, go, lay

from mlops import cli
from mlops.azure.batch import Batch
from mlops.delivery.batch import lineage_of
from mlops.settings import BatchSettings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="session")
def versions(tmp_path_factory):
    place = tmp_path_factory.mktemp("versions")
    return [make(place, number) for number in (1, 2, 3)]


@dataclass
class Shop:
    """The batch side of production on the loopback, and how it looks from outside."""

    azure: Loopback
    root: Path

    def settings(self, **other):
        return replace(environment(self.azure.place()), batch=BatchSettings("src/pipelines/batch.yml", **other))

    def batch(self, **other) -> Batch:
        return batch(self.root, self.settings(**other))

    @property
    def endpoint(self):
        return next(iter(self.azure.service.batch.found.values()))

    @property
    def deployments(self):
        return {name: one.state for name, one in self.endpoint.deployments.items()}


@pytest.fixture
def shop(azure, monkeypatch, tmp_path, versions):
    from mlops.azure import connection, endpoint

    monkeypatch.setattr(connection, "RETRIES", 2)
    monkeypatch.setattr(connection, "POLL", 0.02)
    monkeypatch.setattr(endpoint, "POLL", 0.02)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in azure.variables(azure.ci).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "PACE", 0.02)
    monkeypatch.delenv("MLOPS_HOME", raising=False)
    lay(tmp_path, versions[0], azure.place())
    monkeypatch.chdir(tmp_path)
    return Shop(azure, tmp_path)


def test_a_version_s_deployment_holds_the_pipeline_with_that_version_in_it_and_becomes_the_default(shop, versions):
    one, two = versions[:2]
    place = shop.batch()
    told = go(place, one)
    assert (told["version"], told["deployment"], told["previous"]) == (1, one.name, None)
    assert go(place, two)["previous"] == 1
    assert shop.azure.service.batch.history == [None, one.name, two.name]
    assert shop.deployments == {one.name: "Succeeded", two.name: "Succeeded"}
    body = shop.endpoint.deployments[two.name].body
    _, version = body["tags"]["component"].split(" on ")[0].split(":")
    spec = shop.azure.workspace.held("components", "shops_batch", version)["properties"]["componentSpec"]
    assert set(spec["inputs"]) == {"rows", "scale"}
    assert spec["jobs"]["score"]["inputs"]["lineage"]["value"] == lineage_of(two.version)
    assert spec["jobs"]["score"]["inputs"]["model"]["uri"].endswith(f"/models/shops/versions/{two.version.digest[7:23]}")


def mlops(capsys, *words):
    """Run a verb; return its exit code, and what it wrote to standard output and error."""
    capsys.readouterr()
    code = cli.main(list(words))
    return code, *capsys.readouterr()


def scored(capsys, *words):
    """Score rows in production, which must go well; return the run's record and the rows."""
    code, out, errors = mlops(capsys, "score", "production", "--json", *words)
    assert code == 0, errors + out
    record = json.loads(out)
    return record, pd.read_parquet(record["outputs"]["scores"]["path"])


def test_rows_are_scored_by_a_job_of_the_endpoint_and_each_says_which_version_scored_it(shop, versions, capsys):
    for made in versions[:2]:
        go(shop.batch(), made)
    record, rows = scored(capsys, "--set", "inputs.scale=0.5")
    said = expected(versions[1], rows)
    assert np.allclose(rows["score"], said / 2)
    assert set(rows["lineage"]) == {lineage_of(versions[1].version)}
    assert record["steps"]["score"]["summary"] == "20 rows scored"
    assert (record["state"], record["job"]["deployment"]) == ("completed", versions[1].name)
    assert shop.azure.service.batch.asked == [(versions[1].name, record["job"]["name"])]


def expected(made, rows):
    """What a version says to rows, on this machine."""
    return mlflow.sklearn.load_model(made.folder).predict_proba(rows[COLUMNS])[:, 1]
