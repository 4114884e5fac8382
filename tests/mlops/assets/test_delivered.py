"""A model that `mlops deliver` registered is an input of jobs by its name, too."""

from __future__ import annotations

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.errors import UsageError
from mlops.files import digest_folder
from mlops.registry.store import MlflowStore
from mlops.registry.versions import Registry
from mlops.tracking.server import tracking_uri

PROJECT = """\
name: a
models:
  flights: {package: src, pipeline: p.yml, contract: c.yml, target: late, keys: [id]}
"""


@pytest.mark.slow
def test_the_project_s_own_model_is_found_by_number_alias_or_as_the_newest(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, text in {"src/project/project.yml": PROJECT, "p.yml": "", "c.yml": "", "one/MLmodel": "1", "two/MLmodel": "2"}.items():
        shop.write(name, text)
    shop.home.mkdir()
    registry = Registry(shop.home, MlflowStore(shop.home, tracking_uri(shop.home)))
    for name in ("one", "two"):
        registry.register("flights", shop.root / name, digest_folder(shop.root / name), None)
    found = [shop.assets.model(f"azureml:flights{which}", "mlflow_model") for which in (":1", "@challenger", "@latest")]
    assert [(path / "MLmodel").read_text() for path in found] == ["1", "2", "2"]
    with pytest.raises(UsageError, match="mlops model create"):
        shop.assets.model("azureml:flights:9", "mlflow_model")
