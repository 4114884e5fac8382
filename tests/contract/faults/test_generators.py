"""The generators of faults: each changes what it says and nothing else, and does the same with the same seed."""

import re

import numpy as np
import pandas as pd
import pytest

from mlops.contract.faults import FAULTS
from mlops.contract.faults.fault import Subject, inject, same
from mlops.contract.faults.trial import write_csv

OF_FRAMES = [name for name, fault in FAULTS.items() if fault.make]
OF_FILES = [name for name, fault in FAULTS.items() if fault.spoil]
IN_PLACE = {"units", "drift", "numbers", "times", "words", "keys"}
OF_ONE_WORD = {"a-category-read-as-missing", "made-into-dates"}
"""As many rows as that word has."""
ROWS_GO = {"nothing-from-the-last-days"}


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Two months of a shop, with every kind of column that a fault needs."""
    dice, size = np.random.default_rng(1), 400
    frame = pd.DataFrame(
        {
            "month": np.repeat(["2024-01", "2024-02"], size // 2),
            "order": np.arange(1000, 1000 + size),
            "shop": dice.choice(["York", "Bath", "Leeds", "Ripon", "Wells"], size, p=[0.4, 0.3, 0.2, 0.07, 0.03]),
            "member": dice.choice(["yes", "no"], size, p=[0.7, 0.3]),
            "kind": dice.choice(["Tea", "Cake"], size),
            "price": dice.normal(1500, 300, size).round(2),
            "weight": dice.normal(60, 20, size).round(1),
            "items": dice.integers(1, 200, size),
            "late": dice.normal(0, 30, size).round(1),
            "sold": pd.date_range("2024-01-01", periods=size, freq="200min", tz="UTC"),
        }
    )
    frame.loc[::17, "weight"] = np.nan
    types = dict.fromkeys(frame, "string") | {"order": "integer", "items": "integer", "sold": "timestamp"}
    types |= dict.fromkeys(["price", "weight", "late"], "number")
    newest = frame["month"] == "2024-02"
    parts = [frame[rows].reset_index(drop=True) for rows in (newest, ~newest)]
    return Subject(*parts, types, key=("shop", "order"), partition=("month",), target="late")


def test_there_are_more_than_eighty_and_each_tells_where_it_was_seen():
    assert len(FAULTS) >= 80
    assert all(fault.what and re.match(r"https://\S+\.\S+", fault.source) for fault in FAULTS.values())


@pytest.mark.parametrize("name", OF_FRAMES)
def test_the_same_seed_makes_the_same_fault_and_leaves_the_sound_rows_alone(subject, name):
    before = subject.rows.copy()
    one, other = inject(FAULTS[name], subject, seed=3), inject(FAULTS[name], subject, seed=3)
    assert same(subject.rows, before)
    if one is None:
        assert name == "one-class-taken-for-another"  # of classes: the target here is a number
        return
    assert not same(one.rows, before)
    assert one.columns == other.columns
    pd.testing.assert_frame_equal(one.rows, other.rows)


@pytest.mark.parametrize("name", [name for name in OF_FRAMES if FAULTS[name].family in IN_PLACE and name not in ROWS_GO])
def test_only_the_columns_that_are_named_change(subject, name):
    injected = inject(FAULTS[name], subject)
    changed = [column for column in subject.rows if not injected.rows[column].equals(subject.rows[column])]
    assert changed
    assert set(changed) <= set(injected.columns)
    assert len(injected.rows) == len(subject.rows)


@pytest.mark.parametrize(
    "name",
    [name for name in OF_FRAMES if FAULTS[name].family in {"missing", "words"} and FAULTS[name].share <= 0.2 and name not in OF_ONE_WORD],
)
def test_as_many_rows_change_as_is_said(subject, name):
    injected = inject(FAULTS[name], subject)
    old, new = (rows.astype("object").fillna("") for rows in (subject.rows, injected.rows))
    differs = (old != new).any(axis=1)
    assert 0 < differs.mean() <= FAULTS[name].share * 1.05 + 0.01


@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_is_changed_in_its_place_and_alike_with_the_same_seed(subject, tmp_path, name):
    made = []
    for folder in ("one", "other"):
        path = tmp_path / folder / "part.csv"
        path.parent.mkdir()
        write_csv(subject.rows, path)
        sound = path.read_bytes()
        FAULTS[name].spoil(path, np.random.default_rng(5))
        made.append(path.read_bytes())
    assert made[0] == made[1] != sound


def test_a_fault_that_a_table_has_no_column_for_does_not_happen():
    words = Subject(pd.DataFrame({"name": ["a", "b", "c"]}), pd.DataFrame({"name": []}), {"name": "string"})
    assert inject(FAULTS["kilometres-for-miles"], words) is None
    assert inject(FAULTS["frozen-sensor"], words) is None
    assert inject(FAULTS["labels-exchanged"], words) is None


def test_miles_become_kilometres_in_one_column(subject):
    injected = inject(FAULTS["kilometres-for-miles"], subject)
    name = injected.columns[0]
    assert np.allclose(injected.rows[name].dropna(), (subject.rows[name] * 1.609344).dropna(), atol=0.51)


def test_a_leak_follows_the_answer_and_is_distributed_as_before(subject):
    injected = inject(FAULTS["a-feature-tells-the-answer"], subject)
    name = injected.columns[0]
    assert injected.rows[name].corr(subject.rows["late"], method="spearman") > 0.95
    assert sorted(injected.rows[name].dropna()) == sorted(subject.rows[name].dropna())


def test_slices_against_each_other_leave_the_mean_where_it_was(subject):
    injected = inject(FAULTS["slices-against-each-other"], subject)
    name = injected.columns[0]
    assert abs(injected.rows[name].mean() - subject.rows[name].mean()) < 0.1 * subject.rows[name].std()
