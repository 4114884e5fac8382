"""A model of each task goes from its run's outputs to production, and answers there over HTTP as it did offline."""

import json
import textwrap
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from mlops.delivery.way import Delivery
from mlops.delivery.workspace import open_workspace

pytestmark = pytest.mark.slow  # trains, registers and serves real models

TRAIN = """
import argparse, json
from pathlib import Path
import mlflow.sklearn, numpy as np, pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

parser = argparse.ArgumentParser()
for name in ("model", "test", "evaluation"):
    parser.add_argument(f"--{name}", type=Path)
parser.add_argument("--rows", type=int)
parser.add_argument("--blind", type=float)
args = parser.parse_args()
draw = np.random.default_rng(1)
table = pd.DataFrame(draw.normal(size=(1200, 2)), columns=["a", "b"])
table["shop"] = np.where(np.arange(1200) % 2, "east", "west")
table["town"] = pd.Series(draw.choice(["Köln", "New York/NJ", None], 1200), dtype="str")
inner = table.a + table.b + (table.town == "Köln") + 0.3 * draw.normal(size=1200)
TARGET
seen, test = table.iloc[:900], table.iloc[900:].reset_index(drop=True)
inputs = ["a", "b", "town"]
words = ColumnTransformer([("town", OneHotEncoder(handle_unknown="ignore"), [2])], remainder="passthrough")
model = make_pipeline(words, MODEL).fit(seen[inputs].to_numpy(object), seen.late)
mlflow.sklearn.save_model(model, args.model, signature=infer_signature(test[inputs], test.late), input_example=test[inputs].head(5),
                          pip_requirements=["scikit-learn"], serialization_format="skops")
test.to_parquet(args.test)
predictions = pd.DataFrame({"target": test.late})
BASELINE
predictions.to_parquet(args.evaluation / "predictions.parquet")
(args.evaluation / "baseline.txt").write_text("no input at all")
(args.evaluation / "metrics.json").write_text("{}")
print("trained")
"""
SHARES = 'for name, share in seen.late.value_counts(normalize=True).items():\n    predictions[f"baseline:{name}"] = share'
TASKS = {
    "multiclass": (
        "table['late'] = pd.cut(inner, [-99, -1, 1, 99], labels=['früh', 'in time', 'l/ate']).astype(str)",
        SHARES,
        "LogisticRegression()",
    ),
    "regression": ("table['late'] = 3e6 + 1e6 * inner", "predictions['baseline'] = seen.late.mean()", "Ridge()"),
}
GATES = {
    "multiclass": ("log_loss", "accuracy: {mode: on, at_least: 0.6}"),
    "regression": ("rmse", "r2: {mode: on, at_least: 0.5}"),
}


@pytest.fixture(params=list(TASKS))
def task(shops, request):
    """The small project, with a model of another task."""
    target, baseline, model = TASKS[request.param]
    metric, limit = GATES[request.param]
    write(shops / "src/project/train.py", TRAIN.replace("TARGET", target).replace("BASELINE", baseline).replace("MODEL", model))
    settings = (shops / "src/project/project.yml").read_text().replace("    positive: 1\n", f"    task: {request.param}\n")
    write(shops / "src/project/project.yml", settings)
    gate = f"""
        gate:
          compare: {{mode: on, metric: {metric}, resamples: 200}}
          slices: {{mode: on, columns: [shop], metric: {metric}, may_fall_by: 0.5, min_rows: 100}}
          limits:
            {limit}
            leakage: {{mode: on}}
    """
    write(shops / "environments/shops/staging.yml", gate)
    return request.param


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def ask(production, rows):
    key = Path(production["key_file"]).read_text().strip()
    body = json.dumps({"input_data": rows}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{production['address']}/score", body, headers)) as answer:
        return json.load(answer)


def test_a_model_goes_from_its_outputs_to_production_and_answers_as_it_did_offline(task):
    facts = Delivery(open_workspace(None), lambda event: None).go()
    assert (facts["outcome"], facts["staging"]["smoke"]["equal"], facts["staging"]["smoke"]["requests"]) == ("promote", 20, 20)
    smoke = json.loads((Path(facts["evidence"]).parent / "smoke.json").read_text())
    assert any(row[2] is None for row in smoke["data"])
    answer = ask(facts["production"], {"columns": smoke["columns"], "data": smoke["data"][:50]})
    said = answer["probabilities"] if task == "multiclass" else answer["predictions"]
    assert pd.DataFrame(said).to_numpy() == pytest.approx(pd.DataFrame(smoke["expected"][:50]).to_numpy(), rel=1e-12)
