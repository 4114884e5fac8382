"""The model: what it says of a row does not depend on how the row comes in."""

import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from model import predictors
from saved import load, trusted_types

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "src/project/project.yml"


@pytest.fixture(scope="session")
def loaded(done):
    return load(done.folder / "train/model", trusted_types(PROJECT, "flights"))


@pytest.fixture(scope="session")
def frame(done, loaded):
    _, features, categories = loaded
    return predictors(pd.read_parquet(done.folder / "split/test"), features, categories)


def as_rows(frame):
    """What a request holds: an object array in the signature's order, None where a value is missing."""
    return frame.astype("object").where(frame.notna(), None).to_numpy()


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_an_array_and_a_data_frame_give_the_same_probabilities_to_the_bit(loaded, frame):
    model = loaded[0]
    assert np.array_equal(model.predict_proba(as_rows(frame)), model.predict_proba(frame))


def test_one_row_alone_gets_what_it_gets_among_others(loaded, frame):
    model, rows = loaded[0], as_rows(frame)[:40]
    alone = np.vstack([model.predict_proba(rows[i : i + 1]) for i in range(len(rows))])
    assert np.array_equal(alone, model.predict_proba(rows))


def test_a_data_frame_with_its_columns_in_another_order_is_taken_by_name(loaded, frame):
    """D11."""
    assert np.array_equal(loaded[0].predict_proba(frame[frame.columns[::-1]]), loaded[0].predict_proba(frame))


def test_a_category_that_training_did_not_see_counts_as_missing(loaded, frame):
    """D7."""
    model, rows = loaded[0], as_rows(frame)[:20]
    unknown, missing = rows.copy(), rows.copy()
    unknown[:, 0], missing[:, 0] = "ZZ", None
    assert np.array_equal(model.predict_proba(unknown), model.predict_proba(missing))


def test_a_row_in_which_everything_is_missing_has_a_probability(loaded, frame):
    nothing = np.full((1, frame.shape[1]), None, dtype="object")
    assert 0 < loaded[0].predict_proba(nothing)[0, 1] < 1


def test_a_column_that_is_missing_from_every_row_of_a_request_is_scored(loaded, frame):
    """D8."""
    assert np.isfinite(loaded[0].predict_proba(frame.assign(temp=np.nan))).all()


def test_the_signature_names_every_feature_with_its_type(done):
    about = yaml.safe_load((done.folder / "train/model/MLmodel").read_text())
    columns = json.loads(about["signature"]["inputs"])
    assert [column["name"] for column in columns] == done.inputs["features"].split(",")
    assert {column["name"] for column in columns if column["type"] == "string"} == set(done.inputs["categories"].split(","))
    assert {column["type"] for column in columns} == {"string", "double"}


def test_the_packages_it_is_served_with_are_pinned(done):
    lines = (done.folder / "train/model/requirements.txt").read_text().split()
    assert lines
    assert all("==" in line for line in lines)


@pytest.mark.slow
def test_it_loads_far_from_this_repository(done, tmp_path):
    """In isolated Python, elsewhere: neither src/project nor src/mlops can be imported by accident, and none is needed."""
    script = textwrap.dedent(f"""
        import sys, skops.io
        model = skops.io.load({str(done.folder / "train/model/model.skops")!r}, trusted={trusted_types(PROJECT, "flights")!r})
        print(model.predict_proba([[None] * {len(done.inputs["features"].split(","))}]).shape)
        assert not [name for name in ("model", "saved", "mlops") if name in sys.modules]
    """)
    ran = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "(1, 2)", ran.stderr


def test_mlflow_loads_it_too_and_takes_the_example(done):
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(done.folder / "train/model"))
    assert set(model.predict(model.input_example)) <= {0, 1}


def test_project_yml_lists_no_type_that_the_model_does_not_hold(done):
    from skops.io import get_untrusted_types

    held = get_untrusted_types(file=done.folder / "train/model/model.skops")
    assert sorted(trusted_types(PROJECT, "flights")) == sorted(held)
