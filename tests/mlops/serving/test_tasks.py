"""Regressions, several classes, times and what is missing: a scorer says to plain rows what the model says to a data frame, to the bit."""

import json

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from mlops.registry.model import Column, load
from mlops.serving.body import Form, Refused
from mlops.serving.scoring import prepare

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "numpy.asarray"]
INPUTS = ["town", "rooms", "new", "size", "since"]


def houses(rows=400, seed=0):
    """Towns, whole rooms, truth values and sizes, of which some are missing, and times; what a Parquet file gives back."""
    draw = np.random.default_rng(seed)
    table = pd.DataFrame({"town": pd.Series(draw.choice(["Köln", "New York/NJ", None], rows), dtype="str")})
    table["rooms"] = pd.Series(draw.integers(1, 9, rows)).where(draw.random(rows) > 0.1)
    table["new"] = pd.Series(draw.choice(np.array([True, False, None], object), rows), dtype=object)
    table["size"] = draw.normal(80, 20, rows)
    table["since"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(draw.integers(0, 10**6, rows), unit="min")
    table["price"] = 3e6 + 1e4 * table["size"] + 1e5 * (table["town"] == "Köln") + draw.normal(0, 1e4, rows)
    table["kind"] = pd.cut(table["price"], 3, labels=["low / cheap", "é", "high"]).astype(str)
    return table


def saved(model, folder, example):
    types = {"rooms": "long", "new": "boolean", "town": "string"}
    signature = infer_signature(example, np.array([0.0])).inputs.to_dict()
    columns = [
        column | {"type": types.get(column["name"], column["type"]), "required": column["name"] not in types} for column in signature
    ]
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=mlflow.models.ModelSignature(mlflow.types.Schema.from_json(json.dumps(columns))),
        input_example=example,
        pip_requirements=["scikit-learn"],
        serialization_format="skops",
        skops_trusted_types=TRUSTED,
    )
    return folder


def asked(rows):
    """The rows as a request has them."""
    there = [[None if pd.isna(value) else value for value in row] for row in rows.itertuples(index=False, name=None)]
    return [[value.isoformat() if hasattr(value, "isoformat") else value for value in row] for row in there]


@pytest.mark.parametrize(
    ("model", "target", "inputs", "way"),
    [
        (HistGradientBoostingRegressor(max_iter=15, random_state=0), "price", ["town", "rooms", "new", "size"], "compiled"),
        (HistGradientBoostingRegressor(max_iter=15, loss="poisson"), "price", ["town", "size"], "compiled"),
        (HistGradientBoostingClassifier(max_iter=5, random_state=0), "kind", ["town", "rooms", "new", "size"], "compiled"),
    ],
)
def test_trees_of_every_task_are_compiled_and_missing_values_are_those_of_a_data_frame(model, target, inputs, way, tmp_path):
    table, test = houses(), houses(seed=1)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    categories = [name for name in inputs if name in ("town", "new")]
    columns = ColumnTransformer([("words", encoder, [inputs.index(name) for name in categories])], remainder="passthrough")
    fitted = make_pipeline(FunctionTransformer(np.asarray, kw_args={"dtype": "object"}), columns, model).fit(table[inputs], table[target])
    folder = saved(fitted, tmp_path / "model", table[inputs].head(5))
    loaded = load(folder, trusted=TRUSTED)
    scorer, form = prepare(loaded, folder)
    said = scorer.score(form.check(inputs, asked(test[inputs])))
    if target == "price":
        assert said.predictions == loaded.predict(test[inputs]).tolist()
    else:
        assert said.probabilities == loaded.predict_proba(test[inputs]).tolist()
        assert said.predictions == loaded.predict(test[inputs]).tolist()
    assert scorer.way == way


def age(rows):
    return pd.DataFrame({"since": (pd.Timestamp("2024-01-01") - pd.DataFrame(rows).iloc[:, 0]).dt.total_seconds()})


@pytest.mark.slow
@pytest.mark.parametrize("target", ["price", "kind"])
def test_times_and_missing_words_go_through_a_linear_model_row_by_row(target, tmp_path):
    table, test = houses(), houses(60, seed=1)
    columns = ColumnTransformer([("town", OneHotEncoder(handle_unknown="ignore"), ["town"]), ("size", "passthrough", ["size"])])
    model = make_pipeline(columns, Ridge() if target == "price" else LogisticRegression(max_iter=2000)).fit(table[INPUTS], table[target])
    folder = saved(model, tmp_path / "model", table[INPUTS].head(5))
    scorer, form = prepare(load(folder, trusted=TRUSTED), folder)
    for row, plain in zip(range(60), form.check(INPUTS, asked(test[INPUTS])), strict=True):
        said, one = scorer.score([plain]), test[INPUTS].iloc[[row]]
        assert (said.probabilities or said.predictions) == (model.predict(one) if target == "price" else model.predict_proba(one)).tolist()
    assert scorer.way == "frames"


def test_a_time_is_the_same_moment_in_a_request_and_in_a_data_frame(tmp_path):
    table = houses()
    model = make_pipeline(FunctionTransformer(age), Ridge()).fit(table[["since"]], table["price"])

    class Same:
        def predict(self, rows):
            return model.predict(rows)

    from mlops.serving.scoring import Scorer

    column = Column("since", "datetime")
    rows = Form([column]).check(["since"], asked(table[["since"]]))
    assert Scorer(Same(), [column], rows[:3]).score(rows).predictions == model.predict(table[["since"]]).tolist()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2024-02-29", "2024-02-29T00:00:00"),
        ("2024-02-29T12:30:00.5", "2024-02-29T12:30:00.500000"),
        ("2024-02-29T12:30:00Z", "2024-02-29T12:30:00"),
        ("2024-02-29T12:30:00+02:00", "2024-02-29T10:30:00"),
    ],
)
def test_a_time_is_iso_8601_and_one_with_an_offset_is_taken_to_utc(given, meant):
    assert Form([Column("since", "datetime")]).check(["since"], [[given]])[0][0].isoformat() == meant


@pytest.mark.parametrize("value", ["yesterday", "2023-02-29", "", 7, None, True, ["2024-01-01"], "0001-01-01T00:00:00+23:00"])
def test_what_is_no_time_is_refused_with_its_place(value):
    with pytest.raises(Refused, match="column 'since' in row 0: must be a date and time") as refused:
        Form([Column("since", "datetime")]).check(["since"], [[value]])
    assert (refused.value.status, refused.value.column, refused.value.row) == (422, "since", 0)


@pytest.mark.parametrize("kind", ["string", "long", "integer", "boolean", "datetime"])
def test_only_an_optional_column_may_be_null_or_left_out(kind):
    rows = Form([Column("a", kind, required=False), Column("b", "double")])
    body = [{"a": None, "b": 1.0}, {"b": 2.0}]
    assert pd.isna([row[0] for row in rows.read(json.dumps({"input_data": body}).encode(), ("input_data",))]).all()
    with pytest.raises(Refused):
        Form([Column("a", kind)]).check(["a"], [[None]])
