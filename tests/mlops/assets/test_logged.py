"""What a run logged into MLflow, as an input."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.errors import UsageError
from mlops.tracking.server import connect


@pytest.mark.slow  # makes a database of MLflow's
def test_an_artifact_of_a_run_is_an_input_and_what_is_not_there_is_told(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shop.home.mkdir()
    client = connect(shop.home)
    run = client.create_run(client.create_experiment("a", artifact_location=str(shop.root / "kept"))).info.run_id
    client.log_artifact(run, str(shop.write("a.txt", "logged")), "data")
    assert shop.assets.data(f"runs:/{run}/data/a.txt", "uri_file").read_text() == "logged"
    assert Path(shop.assets.model(f"runs:/{run}/data", "custom_model"), "a.txt").read_text() == "logged"
    with pytest.raises(UsageError, match="is not on this machine"):
        shop.assets.data(f"runs:/{run}/data/b.txt", "uri_file")
