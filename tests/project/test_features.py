"""Features: known in advance, one row per flight, and the same for training and for batch scoring."""

import shutil

import pandas as pd
import pytest
from features import minutes


@pytest.fixture
def tables(done, tmp_path):
    shutil.copytree(done.folder / "validate/valid", tmp_path / "tables")
    return tmp_path / "tables"


def run(flow, done, **changes):
    inputs = {"flights": done.folder / "clean/cleaned", "tables": done.folder / "validate/valid"}
    return pd.read_parquet(flow.run("features", **inputs | changes)["table"])


def alter(folder, name, change):
    path = folder / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def test_a_clock_time_becomes_minutes_of_the_day():
    assert minutes(pd.Series([515, 0, 2359, 1200])).tolist() == [315, 0, 1439, 720]


def test_every_flight_is_there_once_and_in_its_order(flow, done):
    cleaned = pd.read_parquet(done.folder / "clean/cleaned/flights.parquet")
    table = run(flow, done)
    assert table["flight"].tolist() == cleaned["flight"].tolist()
    assert table["late"].tolist() == cleaned["late"].tolist()


def test_the_month_is_text_that_sorts_as_time(flow, done):
    assert sorted(run(flow, done)["month"].unique())[::11] == ["2013-01", "2013-12"]


def test_the_load_of_an_hour_counts_cancelled_flights_as_they_were_scheduled_too(flow, done, tables):
    alter(tables, "flights", lambda flights: pd.concat([flights, flights.assign(arr_delay=None)]))
    assert (run(flow, done, tables=tables)["hour_load"] == 2 * run(flow, done)["hour_load"]).all()


def test_a_flight_without_weather_or_plane_stays_with_those_missing(flow, done, tables):
    alter(tables, "weather", lambda weather: weather.head(1))
    alter(tables, "planes", lambda planes: planes.head(1))
    table = run(flow, done, tables=tables)
    assert len(table) == len(run(flow, done))
    assert table[["temp", "seats", "age"]].isna().mean().min() > 0.9


@pytest.mark.parametrize("name", ["weather", "planes"])
def test_a_key_that_is_there_twice_would_make_rows_more_and_is_refused(refused, done, tables, name):
    """D10: an exploded join."""
    alter(tables, name, lambda frame: pd.concat([frame, frame]))
    message = refused("features", flights=done.folder / "clean/cleaned", tables=tables)
    assert "joining would make one flight several rows" in message


@pytest.mark.parametrize("column", ["dep_delay", "arr_time", "late"])
def test_a_column_that_is_known_only_afterwards_is_refused_as_a_feature(refused, done, column):
    """D10."""
    folders = {"flights": done.folder / "clean/cleaned", "tables": done.folder / "validate/valid"}
    assert f"{column} cannot be a feature" in refused("features", **folders, features=f"carrier,{column}")


def test_an_unknown_feature_is_named_with_those_there_are(refused, done):
    folders = {"flights": done.folder / "clean/cleaned", "tables": done.folder / "validate/valid"}
    message = refused("features", **folders, features="carrier,hour_laod")
    assert "there is no column hour_laod" in message
    assert "hour_load" in message


def test_flights_without_an_answer_get_the_same_features(flow, done):
    """Batch scoring takes flights that have not happened; training takes those that arrived."""
    learnt = run(flow, done)
    asked = run(flow, done, flights=done.folder / "import/raw", tables=done.folder / "validate/valid")
    assert "late" not in asked
    both = learnt.merge(asked, on=["date", "carrier", "flight", "origin"], suffixes=("", "_asked"))
    assert len(both) == len(learnt)
    for name in done.inputs["features"].split(","):
        pd.testing.assert_series_equal(both[name], both.get(f"{name}_asked", both[name]), check_names=False)
