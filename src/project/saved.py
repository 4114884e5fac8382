"""A model as a folder: MLflow's layout, with skops inside, which runs no code of the file's own when it is loaded."""

import json
import sys
from importlib.metadata import version

import skops.io
import yaml


def save(model, folder, example, categories, requirements, trusted):
    """Write an MLflow model with its signature, `example` rows and pinned requirements; a folder that holds something is refused."""
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if folder.is_dir() and any(folder.iterdir()):
        sys.exit(f"train: {folder} holds something already, and a model is never written over another. Give an empty --model folder.")
    stray = sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - set(trusted))
    if stray:
        sys.exit(f"train: the model holds {', '.join(stray)}. If you know them, name them under trusted_types in src/project/project.yml.")
    inputs = Schema([ColSpec("string" if name in categories else "double", name) for name in example])
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=ModelSignature(inputs, Schema([ColSpec("long")])),
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in requirements],
        serialization_format="skops",
        skops_trusted_types=trusted,
    )


def load(folder, trusted):
    """Return the model, its columns in order, and those of them that are categories."""
    about = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    columns = json.loads(about["signature"]["inputs"])
    model = skops.io.load(folder / "model.skops", trusted=trusted)
    return model, [column["name"] for column in columns], [column["name"] for column in columns if column["type"] == "string"]


def trusted_types(project, name):
    """Return the types that a file of the model `name` may hold, as project.yml lists them: the file itself has no say."""
    return yaml.safe_load(project.read_text(encoding="utf-8"))["models"][name]["trusted_types"]
