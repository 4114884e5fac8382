"""Columns that tell the answer are left out; what is merely strong is told."""

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets


def left_out(plan):
    return {suspect.column for suspect in plan.suspects if suspect.left_out}


@pytest.mark.parametrize(
    "leak",
    [
        lambda frame: frame["y"],
        lambda frame: frame["y"].map({"won": "Y", "lost": "N"}),
        lambda frame: frame["y"].map({"won": 1, "lost": 0}),
        lambda frame: frame["y"] + pd.Series(["/a", "/b"] * 100),
        lambda frame: np.where(frame["y"] == "won", 1, -1) * (1 + np.arange(200) % 50),
    ],
    ids=["a copy", "other words", "a code", "a finer division", "the number that it was cut from"],
)
def test_what_restates_a_class_is_left_out(plan, base, leak):
    found = plan(base.assign(more=leak(base)))
    assert left_out(found) == {"more"}
    assert found.of("leakage") == ("more",)


@pytest.mark.parametrize(
    "leak", [lambda z: z * 1.609, lambda z: z + 3, lambda z: np.exp(z / 5)], ids=["another unit", "shifted", "a function"]
)
def test_what_restates_a_number_is_left_out(plan, base, leak):
    assert left_out(plan(base.assign(z=base["a"] + base["b"], more=leak(base["a"] + base["b"])), "z")) == {"more"}


def test_a_column_that_is_left_out_can_be_kept(plan, base):
    found = plan(base.assign(more=base["y"]), keep=("more",))
    assert not left_out(found)
    assert "more" in found.of("category")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_nothing_is_left_out_of_an_honest_table_however_easy(plan, name):
    assert not left_out(plan(getattr(datasets, f"load_{name}")(as_frame=True).frame, "target"))


def test_one_kind_of_iris_is_told_apart_by_its_petals_and_that_is_no_leak(plan):
    iris = datasets.load_iris(as_frame=True).frame
    found = plan(iris.assign(target=(iris["target"] == 0).astype(int)), "target")
    assert not left_out(found)
    assert {suspect.column for suspect in found.suspects if (suspect.score or 0) > 0.95} == {"petal length (cm)", "petal width (cm)"}


def test_a_name_that_says_afterwards_is_told_and_left_out_where_it_predicts(plan, base, draw):
    noisy = np.where(draw.random(200) < 0.98, base["y"] == "won", base["y"] == "lost")
    found = plan(base.assign(paid_back=noisy * 2.0 + draw.random(200), closed_by=["x", "y"] * 100))
    assert left_out(found) == {"paid_back"}
    assert "closed_by" in {suspect.column for suspect in found.suspects}


def test_what_is_missing_where_the_answer_is_is_known_no_sooner_and_left_out(plan, base):
    """As of a flight that never left: no departure, no arrival, no delay."""
    gone = base.index % 7 == 0
    found = plan(base.assign(y=base["y"].mask(gone), took=base["a"].mask(gone), b=base["b"].mask(base.index % 5 == 0)))
    assert left_out(found) == {"took"}
    empty = base.assign(**{name: base[name].mask(gone) for name in base})
    assert not left_out(plan(empty)) - {""}  # the empty rows are copies of each other


def test_a_name_that_is_kin_to_the_target_or_to_a_plan_is_told(plan, base, draw):
    delay = base["a"] * 10
    table = base.drop(columns=["a", "y", "z"]).assign(
        arr_delay=delay + draw.normal(size=200),
        dep_delay=delay + 4 * draw.normal(size=200),
        sched_dep_time=base["b"],
        dep_time=base["b"] + 1e-9 * delay,
    )
    found = {suspect.column: suspect.why for suspect in plan(table, "arr_delay").suspects}
    assert "delay" in found["dep_delay"]
    assert "what came of sched_dep_time" in found["dep_time"]
    assert "b" not in found


def test_copies_of_rows_are_left_out_where_they_are_no_chance(plan, base):
    found = plan(pd.concat([base, base.head(20)]))
    assert [suspect.left_out for suspect in found.suspects if not suspect.column] == [True]
    few = pd.DataFrame({"c": ["r", "b"] * 100, "y": [0, 1, 1, 0] * 50})
    assert [suspect.left_out for suspect in plan(few).suspects if not suspect.column] == [False]
