"""The model: what it says of a row does not depend on how the row comes in."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml


@pytest.fixture(scope="session")
def rows(done, columns):
    return pd.read_parquet(done.folder / "split/test")[columns.features].head(60)


def said(model, rows):
    return np.asarray(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))


def as_array(rows):
    """What a request holds: an object array in the signature's order, None where a value is missing."""
    return rows.astype("object").where(rows.notna(), None).to_numpy(copy=True)


def test_an_array_and_a_data_frame_give_the_same_to_the_bit(model, rows):
    assert np.array_equal(said(model, as_array(rows)), said(model, rows))


def test_one_row_alone_gets_what_it_gets_among_others(model, rows):
    table = as_array(rows)
    alone = np.concatenate([said(model, table[at : at + 1]) for at in range(len(table))])
    # Trees give the same to the bit. A product of matrices is summed up in another order for one row than for many, so its last bits may differ.
    assert np.allclose(alone, said(model, table), rtol=1e-9, atol=1e-12)


def test_a_data_frame_with_its_columns_in_another_order_is_taken_by_name(model, rows):
    assert np.array_equal(said(model, rows[rows.columns[::-1]]), said(model, rows))


def test_a_row_in_which_everything_is_missing_gets_an_answer(model, rows):
    assert np.isfinite(said(model, np.full((1, rows.shape[1]), None, dtype="object"))).all()


def test_a_word_that_training_did_not_see_gets_an_answer(model, rows, columns):
    table = as_array(rows)
    for at in columns.places([*columns.categories, *columns.high_cardinality, *columns.ordinals, *columns.texts]):
        table[:, at] = "never seen ✈"
    assert np.isfinite(said(model, table)).all()


def test_the_signature_names_every_column_that_is_learnt_from(done, columns):
    about = yaml.safe_load((done.folder / "train/model/MLmodel").read_text(encoding="utf-8"))
    assert [column["name"] for column in json.loads(about["signature"]["inputs"])] == columns.features


def test_two_trainings_with_one_seed_give_the_same_model(done, flow, model, rows, columns):
    from skops.io import load

    folder = flow.run("train", train=done.folder / "split/train")["model"]
    again = load(
        folder / "model.skops", trusted=yaml.safe_load((folder / "MLmodel").read_text())["flavors"]["sklearn"]["skops_trusted_types"]
    )
    assert np.array_equal(said(again, rows), said(model, rows))
