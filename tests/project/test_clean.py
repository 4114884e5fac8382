"""Clean: the target is what it says, and nothing that is known only afterwards is left."""

import pandas as pd
import pytest


def write(folder, frame):
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "flights.parquet")


@pytest.fixture
def arrived(done):
    return pd.read_parquet(done.folder / "validate/valid/flights.parquet")


@pytest.mark.slow
def test_a_flight_is_late_from_the_given_minute_on(flow, tmp_path, arrived):
    write(tmp_path / "valid", arrived.head(4).assign(arr_delay=[14.0, 15.0, 16.0, -3.0]))
    cleaned = pd.read_parquet(flow.run("clean", valid=tmp_path / "valid", minutes=15)["cleaned"] / "flights.parquet")
    assert cleaned["late"].tolist() == [0, 1, 1, 0]


def test_flights_without_an_arrival_leave_and_are_counted(flow, tmp_path, arrived, capsys):
    write(tmp_path / "valid", arrived.head(3).assign(arr_delay=[14.0, None, 16.0]))
    cleaned = pd.read_parquet(flow.run("clean", valid=tmp_path / "valid")["cleaned"] / "flights.parquet")
    assert len(cleaned) == 2
    assert "3 rows in, 1 cancelled or diverted, 2 rows out" in capsys.readouterr().out


def test_no_column_that_is_known_only_afterwards_is_left(done):
    """D10."""
    cleaned = pd.read_parquet(done.folder / "clean/cleaned/flights.parquet")
    assert not set(cleaned) & set(done.inputs["leakage"].split(","))


def test_a_delay_that_would_stay_in_the_data_is_refused(refused, done):
    """D10: the column that the target is made from is leakage itself."""
    message = refused("clean", valid=done.folder / "validate/valid", leakage="dep_time,dep_delay")
    assert "arr_delay makes the target, so it must be among the leakage columns" in message


def test_a_month_in_which_nothing_arrived_is_refused(refused, tmp_path, arrived):
    """D8: all values of a column are missing."""
    write(tmp_path / "valid", arrived.assign(arr_delay=float("nan")))
    assert "there is nothing to learn from" in refused("clean", valid=tmp_path / "valid")


def test_a_missing_column_is_named(refused, tmp_path, arrived):
    write(tmp_path / "valid", arrived.drop(columns=["air_time"]))
    assert "flights has no column air_time" in refused("clean", valid=tmp_path / "valid")
