"""A small project whose scoring pipeline takes a table and gives each row what the model says: what the tests of batches begin with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from tests.azure.deploying import COLUMNS, FORKS, MODEL, Made
from tests.azure.hurry import hurry

from mlops.azure.batch import Batch
from mlops.azure.connection import connect, place_of
from mlops.settings import Environment

SCORE = """
import argparse, csv
import skops.io

parser = argparse.ArgumentParser()
for name in ("model", "rows", "scale", "lineage", "scores"):
    parser.add_argument(f"--{name}")
args = parser.parse_args()
model = skops.io.load(f"{args.model}/model.skops")
with open(args.rows) as file, open(args.scores, "w", newline="") as out:
    head, *rows = csv.reader(file)
    said = model.predict_proba([[float(value) for value in row] for row in rows])[:, 1]
    csv.writer(out).writerows([[*head, "score", "lineage"], *([*row, one * float(args.scale), args.lineage] for row, one in zip(rows, said))])
print(f"{len(rows)} rows scored")
"""
PIPELINE = """
type: pipeline
experiment_name: shops-batch
description: Rows of PLACE
settings: {default_compute: azureml:cpu-cluster}
inputs:
  rows: {type: uri_file, path: ../../rows.csv}
  model: {type: mlflow_model}
  lineage: not registered
  scale: 1.0
outputs:
  scores: {type: uri_file}
jobs:
  score:
    type: command
    component: ./components/score.yml
    inputs:
      rows: ${{parent.inputs.rows}}
      model: ${{parent.inputs.model}}
      lineage: ${{parent.inputs.lineage}}
      scale: ${{parent.inputs.scale}}
    outputs:
      scores: ${{parent.outputs.scores}}
"""
COMPONENT = """
type: command
name: shops_score
version: "1"
inputs:
  rows: {type: uri_file}
  model: {type: mlflow_model}
  lineage: {type: string}
  scale: {type: number}
outputs:
  scores: {type: uri_file}
code: ../../project
environment: azureml:any:1
command: >-
  python score.py --rows ${{inputs.rows}} --model ${{inputs.model}} --lineage '${{inputs.lineage}}'
  --scale ${{inputs.scale}} --scores ${{outputs.scores}}
"""
PROJECT = """
name: shops
models:
  shops:
    package: src/project
    pipeline: src/pipelines/train.yml
    contract: data/shops.odcs.yml
    target: late
    keys: []
    trusted_types: []
"""
FILES = {
    "src/project/project.yml": PROJECT,
    "src/pipelines/train.yml": PIPELINE,
    "data/shops.odcs.yml": "version: 1.0.0",
    "src/project/score.py": SCORE,
    "src/pipelines/batch.yml": PIPELINE,
    "src/pipelines/components/score.yml": COMPONENT,
}


FORKS.set_forkserver_preload(["tests.azure.scoring_rows"])


def lay(root: Path, made: Made, place: dict[str, str]) -> Path:
    """Write the project's files below `root`, whose production is at a place on Azure, and rows to score: those that the version's answers are known of."""
    production = {"where": "azure", "azure": place, "batch": {"pipeline": "src/pipelines/batch.yml"}}
    for name, text in {**FILES, "environments/production.yml": json.dumps(production)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.lstrip().replace("PLACE", root.name))  # another component for each test
    rows = root / "rows.csv"
    pd.DataFrame(json.loads(made.smoke.read_text())["data"], columns=COLUMNS).to_csv(rows, index=False)
    return rows


def batch(root: Path, settings: Environment) -> Batch:
    return Batch(root, MODEL, settings, lambda: connect(place_of(settings), settings.name))


def go(place: Batch, made: Made) -> dict[str, Any] | None:
    """Put a version there, as a promotion does."""
    tags = {"project": "shops", "environment": "production", "model": "shops", "version": str(made.version.version)}
    place.deploy(made.version, made.folder, {**tags, "digest": made.version.digest})
    told = place.shift(made.version)
    place.settle()
    return told


def _child(variables: dict[str, str], settings: Environment, root: str, made: Made) -> None:
    os.environ.update(variables)
    hurry()
    go(batch(Path(root), settings), made)


def process(variables: dict[str, str], settings: Environment, root: Path, made: Made) -> Any:
    """Start a process of its own that puts a version there."""
    child = FORKS.Process(target=_child, args=(variables, settings, str(root), made), daemon=True)
    child.start()
    return child
