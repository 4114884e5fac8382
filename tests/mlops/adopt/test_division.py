"""How test rows are chosen."""

import pandas as pd
import pytest

from mlops.errors import UsageError

DAYS = pd.date_range("2020-01-01", periods=200).astype(str)


def test_rows_in_the_order_of_a_time_are_split_by_it(plan, base, said):
    found = plan(base.assign(day=DAYS))
    assert (found.split.kind, found.split.column, found.split.cut) == ("time", "day", "2020-06-08T00:00:00")
    assert "160 rows up to 2020-06-08, 40 after it" in said(found, "split").why


def test_a_birth_date_orders_nothing(plan, base):
    assert plan(base.assign(date_of_birth=DAYS)).split.kind == "stratified"


def test_a_time_that_only_may_order_rows_is_unsure(plan, base, said, draw):
    found = plan(base.assign(released=draw.permutation(DAYS)))
    assert (found.split.kind, said(found, "split").sure) == ("time", "unsure")


def test_years_that_rows_are_sorted_by_are_a_time_and_a_model_year_is_none(plan, base):
    assert plan(base.assign(year=sorted([*range(2000, 2020)] * 10))).split.column == "year"
    assert plan(base.assign(model_year=sorted([*range(2000, 2020)] * 10))).split.kind == "stratified"


def test_rows_of_one_patient_stay_together(plan, base, said):
    found = plan(base.assign(patient_id=[i % 40 for i in range(200)]))
    assert (found.split.kind, found.split.column) == ("group", "patient_id")
    assert "40 patient_id have 5.0 rows each on average" in said(found, "split").why


def test_a_time_goes_before_a_group_and_that_is_unsure(plan, base, said):
    found = plan(base.assign(day=DAYS, patient_id=[i % 40 for i in range(200)]))
    assert (found.split.kind, said(found, "split").sure) == ("time", "unsure")
    assert said(found, "split").option == "--group patient_id"


def test_classes_are_kept_alike_and_a_number_is_drawn_at_random(plan, base):
    assert plan(base).split.kind == "stratified"
    assert plan(base, "z").split.kind == "random"


def test_a_time_that_would_leave_one_class_on_a_side_is_not_taken(plan, base):
    found = plan(base.assign(day=DAYS, y=[0] * 170 + [1] * 30, z=0))
    assert found.split.kind == "stratified"


def test_the_person_may_say_otherwise(plan, base):
    table = base.assign(day=DAYS, who=[i % 40 for i in range(200)])
    assert plan(table, time="none").split.kind == "stratified"
    assert plan(table, group="who").split.column == "who"
    assert plan(table, time="a").split.column == "a"
    assert plan(table, test_share=0.4).split.share == 0.4


def test_what_cannot_be_split_is_refused(plan, base):
    with pytest.raises(UsageError, match="--group who: it has 3 groups"):
        plan(base.assign(who=[i % 3 for i in range(200)]), group="who")
    with pytest.raises(UsageError, match="--time t: no value of it leaves rows"):
        plan(base.assign(t=[0] * 199 + [1]), time="t")
