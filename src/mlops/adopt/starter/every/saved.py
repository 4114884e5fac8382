"""A model as a folder: MLflow's layout, with skops inside, which runs no code of the file's own when it is loaded."""

import json
import sys
from importlib.metadata import version

import pandas as pd
import skops.io
import yaml

KINDS = {"f": "double", "b": "boolean", "M": "datetime", "i": "long", "u": "long"}


def save(model, folder, data, requirements, trusted):
    """Write an MLflow model with the signature of `data`, two rows of it as an example, and pinned requirements; a folder that holds something is refused."""
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if folder.is_dir() and any(folder.iterdir()):
        sys.exit(f"train: {folder} holds something already, and a model is never written over another. Give an empty --model folder.")
    stray = sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - set(trusted))
    if stray:
        sys.exit(f"train: the model holds {', '.join(stray)}. If you know them, name them under trusted_types in src/project/project.yml.")
    answer = pd.Series(model.predict(data.head(2)))
    inputs = Schema([ColSpec(kind(data[name]), name, required=False) for name in data])
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=ModelSignature(inputs, Schema([ColSpec(kind(answer))])),
        input_example=data.head(2),
        pip_requirements=[f"{name}=={version(name)}" for name in requirements],
        serialization_format="skops",
        skops_trusted_types=trusted,
    )


def kind(values):
    """Return a column's type in the signature; truth values with gaps are objects to pandas."""
    gaps = values.dtype == "object" and values.map(type).isin([bool, type(None)]).all() and values.notna().any()
    return "boolean" if gaps else KINDS.get(values.dtype.kind, "string")


def load(folder, trusted):
    """Return the model and its columns in order."""
    about = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    model = skops.io.load(folder / "model.skops", trusted=trusted)
    return model, [column["name"] for column in json.loads(about["signature"]["inputs"])]


def trusted_types(project, name):
    """Return the types that a file of the model `name` may hold, as project.yml lists them: the file itself has no say."""
    return yaml.safe_load(project.read_text(encoding="utf-8"))["models"][name]["trusted_types"]
