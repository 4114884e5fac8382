"""Looking as a whole: the same data give the same plan, and what is unsure can be asked."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlops.adopt.look import Options, look, name_of, questions
from mlops.adopt.plan import ROLES, SURE
from mlops.datasets.reading import read
from mlops.datasets.source import read_source
from mlops.errors import UsageError
from mlops.verbs.adopt import answered


def test_the_same_table_gives_the_same_plan(plan, base):
    assert replace(plan(base), facts={}) == replace(plan(base), facts={})


def test_every_decision_says_how_sure_it_is_and_why(plan, base):
    found = plan(base.assign(day=pd.date_range("2020-01-01", periods=200), id=range(200)))
    assert {column.role for column in found.columns} <= set(ROLES)
    assert all(item.sure in SURE and item.why for item in found.decisions)


def test_the_source_of_a_plan_reads_what_was_looked_at(plan, base):
    found = plan(base.assign(y=["ja", "nein"] * 100, smoker=["ja", "nein"] * 100))
    frame = read(read_source(found.source))
    assert list(frame) == [column.name for column in found.columns]
    assert frame["smoker"].dtype == bool
    assert frame["y"].eq("ja").sum() == 100


def test_what_is_unsure_can_be_asked_and_the_answer_settles_it(plan, base, draw):
    table = base.assign(released=draw.permutation(pd.date_range("2020-01-01", periods=200)))
    asked = {item.about: choices for item, choices in questions(plan(table))}
    assert asked["split"] == ("time", "random")
    assert "split" not in {item.about for item, _ in questions(plan(table, time="none", positive="won"))}


@pytest.mark.parametrize(
    ("data", "name"),
    [("/a/Flights 2013.csv.gz", "flights-2013"), ("sqlite:///x.db#orders", "orders"), ("http://h/t.csv?x=1", "t"), ("/a/2013/", "model")],
)
def test_a_model_is_called_by_its_data(data, name):
    assert name_of(data) == name


@pytest.mark.slow
def test_a_wide_and_a_long_table_are_looked_at_in_seconds(tmp_path):
    """The bound is of the processor's time: the machine may be busy."""
    draw = np.random.default_rng(1)
    wide = pd.DataFrame(draw.normal(size=(500, 2_000)).round(3)).add_prefix("x")
    long = pd.DataFrame(
        {
            "id": range(300_000),
            "day": pd.date_range("2020-01-01", periods=300_000, freq="min"),
            "word": draw.choice([f"w{i}" for i in range(10_000)], 300_000),
            "x": draw.normal(size=300_000),
        }
    )
    for name, frame in {"wide": wide, "long": long}.items():
        frame.assign(y=draw.normal(size=len(frame))).to_parquet(tmp_path / f"{name}.parquet")
        begin = time.process_time()
        look(str(tmp_path / f"{name}.parquet"), "y", folder=tmp_path)
        assert time.process_time() - begin < 20


def test_rows_that_are_there_twice_under_other_numbers_are_copies(plan, base):
    made = plan(pd.concat([base, base], ignore_index=True).assign(id=[f"K{n:05d}" for n in range(400)]))
    assert made.facts["duplicates"] == "twins"
    assert any("200 of 400 rows are copies" in item.why for item in made.suspects)


def test_rows_of_few_values_that_a_number_tells_apart_are_no_copies(plan, base, draw):
    answers = pd.DataFrame({name: draw.choice(["a", "b", "c"], 400) for name in "pqrs"})
    answers["t"] = answers["s"].where(draw.random(400) < 0.9, "a")
    assert plan(answers.assign(id=[f"K{n:05d}" for n in range(400)]), "p").facts["duplicates"] == "keep"


def test_a_column_that_the_project_makes_itself_is_refused(plan, base):
    with pytest.raises(UsageError, match="'time_window'"):
        plan(base.assign(time_window="a"))


def test_what_a_constant_guess_is_best_at_does_not_decide(plan, base):
    with pytest.raises(UsageError, match="calibration_error"):
        plan(base, metric="calibration_error")


def test_a_letter_names_no_row_though_no_two_are_alike(plan, base, draw):
    letters = [" ".join(draw.choice(["bill", "phone", "late", "broken"], 15)) + f" {row}" for row in range(200)]
    assert plan(base.assign(letter=letters)).keys == ()
    assert plan(base.assign(title=[f"the house of {row}" for row in range(200)])).keys == ("title",)


def test_days_and_months_that_could_be_either_are_asked_for_and_can_be_said(plan, base):
    table = base.assign(seen=[f"0{1 + i % 9}/0{1 + i % 7}/2020" for i in range(200)])
    question = next(decision for decision, _ in questions(plan(table)) if decision.about == "seen")
    assert (question.value, question.option) == ("times, %m/%d/%Y", "--day-first yes")
    assert answered(plan(table), Options(), question, "%d/%m/%Y").day_first is True
    told = [item.value for item in plan(table, day_first=True).decisions if item.about == "seen"]
    assert "times, %d/%m/%Y" in told
