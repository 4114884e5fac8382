"""What Azure ML's many spellings of a reference mean."""

from __future__ import annotations

import pytest

from mlops.assets.reference import DatastorePath, JobOutput, Reference, parse

WORKSPACE = "subscriptions/1/resourceGroups/g"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("azureml:cereal:1", Reference("cereal", version="1")),
        ("azureml:cereal@latest", Reference("cereal", label="latest")),
        ("azureml:cereal", Reference("cereal")),
        ("azureml:my-env:1.2.0-b", Reference("my-env", version="1.2.0-b")),
        (
            "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
            Reference("sklearn-1.5", None, "latest", "azureml", "environment"),
        ),
        ("azureml://registries/ours/components/train/versions/0.1", Reference("train", "0.1", None, "ours", "component")),
        ("azureml://registries/azureml/components/automl_hts", Reference("automl_hts", None, None, "azureml", "component")),
        (
            f"azureml:/{WORKSPACE}/providers/Microsoft.MachineLearningServices/workspaces/w/models/m/versions/3",
            Reference("m", "3", kind="model"),
        ),
        (f"azureml://{WORKSPACE}/workspaces/w/data/d/versions/3", Reference("d", "3", kind="data")),
        ("azureml://locations/westeurope/workspaces/1-2/models/m/versions/3", Reference("m", "3", kind="model")),
        ("azureml://datastores/blob/paths/a/b.csv", DatastorePath("blob", "a/b.csv")),
        (f"azureml://{WORKSPACE}/workspaces/w/datastores/blob/paths/a/", DatastorePath("blob", "a")),
        ("azureml://jobs/12/outputs/model/paths/model.pkl", JobOutput("12", "model", "model.pkl")),
        ("models:/flights/3", Reference("flights", "3", kind="model")),
        ("models:/flights@champion", Reference("flights", None, "champion", kind="model")),
        ("runs:/abc/model", None),
        ("https://example.com/a.csv", None),
        ("azureml:", None),
        ("./cereal.csv", None),
    ],
)
def test_a_reference_is_read_as_azure_ml_means_it(text: str, meant: object) -> None:
    assert parse(text) == meant
