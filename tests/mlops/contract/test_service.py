"""Service levels: how old the newest rows may be is held against the clock, and what no row shows is told."""

import pandas as pd
import pytest

from mlops.contract.check import check
from mlops.contract.standard import load
from mlops.errors import SpecError


def level(text):
    return "schema:\n", f"slaProperties:\n  - {text}\nschema:\n"


TIMED = ("    properties:\n", "    properties:\n      - {name: at, logicalType: timestamp}\n")


def outcome(path, trips, days):
    latest = pd.Timestamp.now(tz="UTC").floor("s") - pd.Timedelta(days=days)
    frame = trips.assign(at=pd.date_range(end=latest, periods=len(trips), freq="h"))
    found = {f.rule.name: f for f in check(load(path), {"trips": frame}).findings}
    return found["trips.at.freshness"]


def test_the_newest_row_may_be_so_old_and_no_older(write, trips):
    path = write(level("{property: freshness, value: 36, unit: h, element: trips.at}"), TIMED)
    assert outcome(path, trips, days=1).outcome == "held"
    late = outcome(path, trips, days=2)
    assert (late.outcome, late.rule.wording) == ("broken", "must have a value of the last 36 hours")


def test_a_level_that_no_row_shows_is_told(write):
    assert load(write(level("{property: retention, value: 3, unit: y}"))).described == ("service level retention",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{property: freshness, value: 1, element: trips.miles}", "'trips.miles' is no column of times"),
        ("{property: freshness, value: 1, unit: moons, element: trips.at}", "unknown unit of time 'moons'"),
        ("{property: latency, value: soon, element: trips.at}", "'soon' is not a number"),
    ],
)
def test_a_freshness_that_cannot_be_checked_is_refused(write, text, told):
    with pytest.raises(SpecError, match=told):
        load(write(level(text), TIMED))
