"""Small real models: flights of two carriers, late by chance of their hour and wind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops.settings import CompareRule, Environment, GateRules, Limit, SlicesRule

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
COLUMNS = ["carrier", "hour", "wind"]
CONTRACT = """\
kind: DataContract
apiVersion: v3.0.2
id: flights
version: 1.0.0
status: active
schema:
  - name: flights
    customProperties: [{property: leakage, value: [delay]}]
    properties:
      - {name: delay, logicalType: number}
"""
RULES = GateRules(CompareRule("on", "auc", resamples=200), SlicesRule("on", ("carrier",), "auc", 0.02, 200), (Limit("leakage", "on"),))


def flights(count: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "carrier": pd.Series(chance.choice(["UA", "HA"], count, p=[0.9, 0.1]), dtype="str"),
            "hour": chance.uniform(0, 24, count),
            "wind": chance.normal(size=count),
        }
    )
    inner = rows["hour"] / 8 - 2 + 2 * rows["wind"]
    rows["late"] = (chance.random(count) < 1 / (1 + np.exp(-inner))).astype(int)
    rows["delay"] = rows["late"] * 30.0
    return rows


def fit(rows: pd.DataFrame, columns: list[str], iterations: int = 15, labels: pd.Series | None = None):
    words = [index for index, name in enumerate(columns) if name == "carrier"]
    numbers = [index for index, name in enumerate(columns) if name != "carrier"]
    columns_of = ColumnTransformer([("words", OrdinalEncoder(), words), ("numbers", "passthrough", numbers)])
    model = make_pipeline(columns_of, HistGradientBoostingClassifier(max_iter=iterations, random_state=0))
    return model.fit(rows[columns].to_numpy(object), rows["late"] if labels is None else labels)


def save(model, folder: Path, example: pd.DataFrame) -> Path:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=TRUSTED,
        signature=infer_signature(example, np.array([0])),
        pip_requirements=["scikit-learn"],
    )
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Folders of a weak model (it knows the hour), a good one (and the wind), its twin, one that is good save on HA, and one that peeks."""
    root, rows = tmp_path_factory.mktemp("models"), flights(3000, 0)
    flipped = rows["late"].where(rows["carrier"] != "HA", 1 - rows["late"])
    made = {
        "weak": (["carrier", "hour"], fit(rows, ["carrier", "hour"])),
        "good": (COLUMNS, fit(rows, COLUMNS)),
        "twin": (COLUMNS, fit(rows, COLUMNS, 16)),
        "lopsided": (COLUMNS, fit(rows, COLUMNS, 15, flipped)),
        "peeking": ([*COLUMNS, "delay"], fit(rows, [*COLUMNS, "delay"])),
    }
    return {name: save(model, root / name, rows[columns].head(2)) for name, (columns, model) in made.items()}


@pytest.fixture
def desk(tmp_path):
    """What the compare step is given besides the model: test rows, evaluation, rules, trusted types and contract."""
    rows = flights(3000, 1)
    rows.to_parquet(tmp_path / "test")
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    pd.DataFrame({"target": rows["late"], "score": 0.5, "baseline": (rows["hour"] > 12) * 0.4 + 0.3}).to_parquet(
        evaluation / "predictions.parquet"
    )
    (evaluation / "baseline.txt").write_text("afternoon or not\n")
    rules = Environment("staging", "local", gate=RULES).gate_facts()
    for name, value in {"rules.json": rules, "trusted.json": TRUSTED}.items():
        (tmp_path / name).write_text(json.dumps(value))
    (tmp_path / "contract.yml").write_text(CONTRACT)
    return tmp_path
