"""A whole small project: one step trains a real model on made rows, and its quality is a parameter."""

import functools
import importlib
import os
import subprocess
import textwrap

import pytest
from tests.mlops.delivery.machines import Remote

TRAIN = """
import argparse, json
from pathlib import Path
import mlflow.sklearn, numpy as np, pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
for name in ("model", "test", "evaluation"):
    parser.add_argument(f"--{name}", type=Path)
parser.add_argument("--rows", type=int)
parser.add_argument("--blind", type=float)
args = parser.parse_args()
draw = np.random.default_rng(1)
table = pd.DataFrame(draw.normal(size=(6000, 3)), columns=["a", "b", "c"])
table["late"] = (table.a + table.b + draw.normal(size=6000) > 0).astype(int)
table["shop"] = np.where(np.arange(6000) % 2, "east", "west")
seen, test = table.iloc[:3000].copy(), table.iloc[3000:].reset_index(drop=True)
seen["b"] = seen.b * (1 - args.blind) + draw.normal(size=3000) * args.blind
model = LogisticRegression().fit(seen[["a", "b", "c"]].head(args.rows), seen.late.head(args.rows))
signature = infer_signature(test[["a", "b", "c"]], test.late)
mlflow.sklearn.save_model(model, args.model, signature=signature, input_example=test[["a", "b", "c"]].head(2),
                          pip_requirements=["scikit-learn"], serialization_format="skops")
test.to_parquet(args.test)
scores = model.predict_proba(test[["a", "b", "c"]])[:, 1]
pd.DataFrame({"target": test.late, "score": scores, "baseline": 0.5}).to_parquet(args.evaluation / "predictions.parquet")
(args.evaluation / "baseline.txt").write_text("a coin")
(args.evaluation / "metrics.json").write_text("{}")
print("trained")
"""

FILES = {
    "src/project/train.py": TRAIN,
    "src/project/project.yml": """
        name: shops
        models:
          shops:
            package: src/project
            pipeline: src/pipelines/train.yml
            contract: data/shops.odcs.yml
            target: late
            positive: 1
            keys: [shop]
            trusted_types: []
    """,
    "src/pipelines/train.yml": """
        type: pipeline
        experiment_name: shops
        inputs: {rows: 3000, blind: 0.0}
        outputs:
          model: {type: mlflow_model}
          test: {type: uri_file}
          evaluation: {type: uri_folder}
        jobs:
          train:
            type: command
            code: ../project
            environment: azureml:any@latest
            command: >-
              python train.py --rows ${{inputs.rows}} --blind ${{inputs.blind}}
              --model "${{outputs.model}}" --test "${{outputs.test}}" --evaluation "${{outputs.evaluation}}"
            inputs:
              rows: ${{parent.inputs.rows}}
              blind: ${{parent.inputs.blind}}
            outputs:
              model: ${{parent.outputs.model}}
              test: ${{parent.outputs.test}}
              evaluation: ${{parent.outputs.evaluation}}
    """,
    "data/shops.odcs.yml": """
        version: 1.0.0
        kind: DataContract
        apiVersion: v3.0.2
        id: shops
        status: active
        schema:
          - name: shops
            properties:
              - {name: a, logicalType: number}
              - {name: returned, logicalType: integer}
            customProperties:
              - {property: leakage, value: [returned]}
    """,
    "environments/local.yml": "where: local\nworkers: 2\nwarm: true\n",
    "environments/staging.yml": """
        where: local
        serve: {port: 0}
        gate:
          compare: {mode: on, metric: auc, must_gain: 0.0, confidence: 0.95, resamples: 200, seed: 7}
          slices: {mode: on, columns: [shop], metric: auc, may_fall_by: 0.02, min_rows: 100}
          limits:
            auc: {mode: on, at_least: 0.6}
            leakage: {mode: on}
        test: {smoke_requests: 20, load_seconds: 0.5, connections: 4, p95_ms: 1000, error_rate: 0.0}
    """,
    "environments/production.yml": "where: local\nserve: {port: 0}\ntest: {smoke_requests: 10}\n",
}


@pytest.fixture
def shops(tmp_path, monkeypatch):
    """The root of the small project, as the working directory; its endpoints are ended afterwards."""
    root = tmp_path / "two shops"  # E14: a blank in the path
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLOPS_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield root
    from mlops.delivery.workspace import ENVIRONMENTS, open_workspace
    from mlops.serving import endpoint

    workspace = open_workspace(None)
    for environment in ENVIRONMENTS:
        endpoint.stop(workspace.endpoint(environment))


@pytest.fixture(scope="session")
def delivered(tmp_path_factory):
    """A remote on whose branch v1 (rather blind) serves in production, and v2 (better) was tried in staging."""
    place = tmp_path_factory.mktemp("delivered")
    for name in ("GITHUB_ACTIONS", "TF_BUILD", "MLOPS_HOME", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    for name in ("mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"):
        importlib.import_module(name)  # once, for all the processes that are forked from this one

    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(place / "origin.git")], check=True)
    remote = Remote(place / "origin.git")
    machine = remote.machine("first")
    files = {**FILES, ".gitignore": ".mlops/\n", "README.md": "Shops.\n"}
    files["environments/production.yml"] += "watch: {seconds: 0.5, error_rate: 0.0}\n"
    otherwise = {"blind: 0.0}": "blind: 0.6}", "load_seconds: 0.5": "load_seconds: 0", "types: []": "types: []\n    sample: {rows: 600}"}
    for name, text in files.items():
        path = machine.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(functools.reduce(lambda told, pair: told.replace(*pair), otherwise.items(), textwrap.dedent(text)))
    machine.git("checkout", "--quiet", "-B", "main")
    machine.git("add", "--all")
    machine.git("commit", "--quiet", "--message", "Begin")
    machine.git("push", "--quiet", "origin", "main")
    machine.well("deliver")
    machine.commit("src/pipelines/train.yml", "blind: 0.6", "blind: 0.0")
    machine.well("deliver", "--to", "staging")
    machine.stop()
    return remote


@pytest.fixture
def remote(delivered, tmp_path):
    """A copy of `delivered`; what its machines serve is ended afterwards."""
    made = delivered.copy(tmp_path)
    yield made
    for machine in made.machines:
        machine.stop()
