"""The contract of the flights: kept by the real months, and awake when they are spoilt."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from by_hand import Pipeline

from mlops.contract.check import check
from mlops.contract.standard import load

ROOT = Path(__file__).parents[2]
FLIGHTS = ROOT / "data/flights.odcs.yml"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """All real data, as the step `import` reads it."""
    raw = Pipeline(ROOT / "src/pipelines/train.yml", tmp_path_factory.mktemp("all")).run("import")["raw"]
    return {path.stem: pd.read_parquet(path) for path in raw.iterdir()}


@pytest.fixture(scope="module")
def of_flights():
    """The part of the contract that is about flights alone: the carriers' own table is not here."""
    contract = load(FLIGHTS)
    flights = next(table for table in contract.tables if table.name == "flights")
    return replace(contract, tables=(replace(flights, rules=tuple(rule for rule in flights.rules if rule.kind != "reference")),))


@pytest.mark.slow
def test_the_real_months_keep_the_contract_and_two_odd_rows_go_to_quarantine(frames):
    """No false stop on untouched data: a flight of 17 miles, and a wind of 1,048 miles an hour."""
    verdict = check(load(FLIGHTS), frames)
    assert [finding.rule.name for finding in verdict.stops] == []
    assert frames["flights"].loc[list(verdict.quarantined("flights")), "distance"].tolist() == [17]
    assert frames["weather"].loc[list(verdict.quarantined("weather")), "wind_speed"].round().tolist() == [1048]


FAULTS = {
    "kilometres for miles": lambda f, m: f.assign(distance=f["distance"].where(~m, f["distance"] * 1.609)),
    "half of the month": lambda f, m: f.drop(index=f.index[m][::2]),
    "the month twice": lambda f, m: pd.concat([f, f[m]], ignore_index=True),
    "the month renamed, so that another is twice": lambda f, m: f.assign(month=f["month"].where(~m, 7)),
    "an origin that there is not": lambda f, m: f.assign(origin=f["origin"].where(~m, "BOS")),
    "a destination in lower case": lambda f, m: f.assign(dest=f["dest"].where(~m, f["dest"].str.lower())),
    "no destination": lambda f, m: f.assign(dest=f["dest"].where(~m, None)),
    "minus infinity": lambda f, m: f.assign(arr_delay=f["arr_delay"].where(~m, float("-inf"))),
    "the sentinel -999": lambda f, m: f.assign(arr_delay=f["arr_delay"].where(~m, -999)),
    "delays in seconds": lambda f, m: f.assign(arr_delay=f["arr_delay"].where(~m, f["arr_delay"] * 60)),
    "all delays missing": lambda f, m: f.assign(arr_delay=float("nan")),
    "dates of the year 0": lambda f, m: f.assign(year=f["year"].where(~m, 0)),
    "a clock time of 25:00": lambda f, m: f.assign(sched_dep_time=f["sched_dep_time"].where(~m, 2500)),
    "a column gone": lambda f, m: f.drop(columns="time_hour"),
    "text for numbers": lambda f, m: f.assign(distance=f["distance"].astype("str") + " mi"),
    "mixed types": lambda f, m: f.assign(flight=f["flight"].astype("object").where(~m, "UA1")),
    "fractions for whole numbers": lambda f, m: f.assign(flight=f["flight"] + 0.5),
    "no rows at all": lambda f, m: f.head(0),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_contract_stops(frames, of_flights, fault):
    """D1, D4, D8, D9, D10: what would have gone into a model."""
    flights = frames["flights"].query("month in [7, 8]").reset_index(drop=True)
    spoilt = FAULTS[fault](flights, flights["month"] == 8).reset_index(drop=True)
    assert check(of_flights, frames | {"flights": spoilt}).stops


@pytest.mark.slow
def test_a_new_carrier_goes_to_quarantine_and_stops_nothing(frames, of_flights):
    """D7: declared behaviour for a new category."""
    flights = frames["flights"].query("month == 8").reset_index(drop=True)
    flights.loc[5, "carrier"] = "ZZ"
    verdict = check(of_flights, frames | {"flights": flights})
    assert not verdict.stops
    assert list(verdict.quarantined("flights")) == [5]
