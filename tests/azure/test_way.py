"""The verbs with `where: azure` in environments/production.yml: the same commands, the same screen, and the endpoint is there."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest
import yaml
from tests.azure import scoring_rows
from tests.azure.hurry import hurry
from tests.mlops.delivery.conftest import FILES

from mlops import cli

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def shops(azure, tmp_path, monkeypatch):
    hurry(monkeypatch.setattr)
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MLOPS_HOME", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    for name, value in azure.variables(azure.ci).items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "shops"
    scoring = {name: text.replace("PLACE", tmp_path.name) for name, text in scoring_rows.FILES.items() if "train" not in name}
    own = {"src/project/project.yml", "data/shops.odcs.yml"}
    for name, text in {**FILES, **{name: text for name, text in scoring.items() if name not in own}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text))
    production = {"where": "azure", "azure": azure.place(), "serve": {"port": 0}, "test": {"smoke_requests": 10}, "shift": {"seconds": 0}}
    production["batch"] = {}
    (root / "rows.csv").write_text("a,b,c\n0.5,0.5,0.0\n")
    (root / "environments/production.yml").write_text(yaml.safe_dump(production))
    pipeline = root / "src/pipelines/train.yml"
    pipeline.write_text(pipeline.read_text().replace("blind: 0.0}", "blind: 0.6}"))
    monkeypatch.chdir(root)
    yield root
    cli.main(["stop"])


@pytest.mark.e2e
def test_a_delivery_ends_on_azure_and_status_promote_and_rollback_go_on_from_there(shops, azure, capsys):
    def mlops(*words):
        capsys.readouterr()
        code = cli.main(list(words))
        out, errors = capsys.readouterr()
        assert code == 0, errors + out
        return out

    facts = json.loads(mlops("deliver", "--json"))
    assert facts["outcome"] == "promote"
    assert facts["production"]["batch"]["version"] == 1
    endpoint = next(iter(azure.endpoints.found.values()))
    assert facts["production"]["address"] == f"https://{endpoint.name}.westeurope.inference.ml.azure.com"
    pipeline = shops / "src/pipelines/train.yml"
    pipeline.write_text(pipeline.read_text().replace("blind: 0.6}", "blind: 0.0}"))
    told = mlops("deliver")
    assert "v2 serves 100 %" in told
    served = json.loads(mlops("status", "--json"))["environments"]["production"]
    assert (served["version"], served["health"], served["registered"], served["differs"]) == (2, "ready", 2, None)
    assert served["batch"]["version"] == 2
    told = mlops("rollback", "production")
    assert told.startswith("  production: v2 → v1   https://")
    assert "batches by v1" in told
    assert "shops v1         batches" in mlops("status")
    made = json.loads(mlops("score", "production", "--json"))["outputs"]["scores"]["path"]
    assert "shops v1 sha256:" in Path(made).read_text()
    assert json.loads(mlops("status", "--json"))["environments"]["production"]["version"] == 1
    assert "v1" in mlops("promote", "2", "--to", "production", "--reason", "it was right")
    assert [name.partition("-")[0] for name in endpoint.share("traffic")] == ["v2"]
    assert mlops("stop", "production") == "stopped: production\n"
    assert (endpoint.share("traffic"), endpoint.deployments) == ({}, {})
    assert azure.service.batch.found == {}
