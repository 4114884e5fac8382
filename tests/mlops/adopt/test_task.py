"""What is asked, which class is the positive one, and what is refused."""

import numpy as np
import pytest

from mlops.errors import UsageError


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (lambda i: i % 2, "binary"),
        (lambda i: [1.0, 2.5][i % 2], "binary"),
        (lambda i: ["a", "b", "c"][i % 3], "multiclass"),
        (lambda i: i % 3, "multiclass"),
        (lambda i: (i * 7919) % 1009, "regression"),
        (lambda i: i / 7, "regression"),
        (lambda i: int(i % 17 == 0) + int(i % 5 == 0) * 3 + int(i % 19 == 0) * 2 + int(i % 3 == 0), "regression"),
    ],
)
def test_the_task_is_found_by_the_targets_values(plan, base, values, task):
    assert plan(base.assign(y=[values(i) for i in range(200)])).task == task


def test_ten_digits_are_classes_and_a_quality_is_an_amount(plan, base):
    assert plan(base.assign(digit=np.arange(200) % 10), "digit").task == "multiclass"
    assert plan(base.assign(quality=np.arange(200) % 7 + 3), "quality").task == "regression"


@pytest.mark.parametrize(
    ("pair", "positive"),
    [
        (("yes", "no"), "yes"),
        ((0, 1), 1),
        (("good", "bad"), "bad"),
        (("False", "True"), "True"),
        (("alive", "dead"), "dead"),
        (("<=50K", ">50K"), ">50K"),
        (("x", "x", "x", "w"), "w"),
    ],
)
def test_the_positive_class_says_yes_or_that_something_went_wrong_or_is_rarer(plan, base, pair, positive):
    assert plan(base.assign(y=[pair[i % len(pair)] for i in range(200)])).positive == positive


def test_a_target_in_words_stays_in_words(plan, base):
    found = plan(base.assign(y=["ja", "nein"] * 100))
    assert (found.positive, found.classes) == ("ja", ("ja", "nein"))


def test_rows_without_a_target_are_counted(plan, base):
    found = plan(base.assign(y=[None, 1, 0, 1] * 50))
    assert found.classes == (0, 1)
    assert found.facts["rows_learnt"] == 150
    assert "50 of 200 rows have no y: they are left out" in found.remarks


def test_a_class_with_one_row_is_left_out_and_told(plan, base):
    found = plan(base.assign(y=["once", *["a", "b", "c"] * 66, "a"]))
    assert found.classes == ("a", "b", "c")
    assert any("1 class has one row (once)" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda i: "same", "nothing to learn"),
        (lambda i: f"2020-01-{1 + i % 28:02d}", "is a time, and no time is predicted"),
        (lambda i: f"a text of its own, number {i}", "is free text or a name: 200 of 200 values differ"),
        (lambda i: "" if i > 20 else i, "21 rows have a 'y', and fewer than 30"),
        (lambda i: int(i == 7), "only one row has y '1'"),
        (lambda i: int(i in {7, 9}), "2 rows have y '1'"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused_with_the_reason(plan, base, values, message):
    with pytest.raises(UsageError, match=message):
        plan(base.assign(y=[values(i) for i in range(200)]))


def test_fewer_than_30_rows_are_refused(plan, base):
    with pytest.raises(UsageError, match="the table has 29 rows"):
        plan(base.head(29))


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("why", {}, "there is no column 'why'"),
        ("y", {"metric": "rmse"}, "it is of a regression task, and this one is binary"),
        ("y", {"metric": "acu"}, 'did you mean "auc"'),
        ("y", {"task": "regression"}, "is no number"),
        ("z", {"task": "binary"}, "and must have 2"),
        ("z", {"positive": "1"}, "a regression task has no positive class"),
        ("y", {"positive": "winner"}, "has no such value"),
        ("y", {"time": "when"}, "--time when: there is no such column"),
        ("y", {"time": "c"}, "--time c: its values are words"),
        ("y", {"group": "y"}, "it is the target"),
        ("y", {"drop": ("a",), "keep": ("a",)}, "both name 'a'"),
        ("y", {"drop": ("a", "b", "c", "z")}, "no column is left to learn from"),
        ("y", {"test_share": 0.9}, "a share from 0.01 to 0.5"),
    ],
)
def test_options_that_contradict_the_data_are_refused(plan, base, target, options, message):
    with pytest.raises(UsageError) as stop:
        plan(base, target, **options)
    assert message in str(stop.value)
