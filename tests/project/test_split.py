"""Split: by time, each row once, and never a part that nothing can be learnt from or judged on."""

import pandas as pd
import pytest


@pytest.fixture
def table(done):
    return pd.read_parquet(done.folder / "features/table")


@pytest.fixture
def split(flow, tmp_path):
    def run(frame, **changes):
        frame.to_parquet(tmp_path / "table")
        return {name: pd.read_parquet(path) for name, path in flow.run("split", table=tmp_path / "table", **changes).items()}

    return run


def test_training_is_before_the_test_and_the_test_before_what_is_later(split, table):
    parts = split(table)
    assert parts["train"]["month"].max() < parts["test"]["month"].min()
    assert parts["test"]["month"].max() < parts["later"]["month"].min()


def test_every_row_is_in_one_part(split, table):
    """D10: no overlap of training and test."""
    parts = split(table)
    together = pd.concat(parts.values())
    assert len(together) == len(table)
    assert not together.duplicated(["date", "carrier", "flight", "origin"]).any()


def test_there_may_be_nothing_later(split, table):
    assert split(table, train_until="2013-08", test_until="2013-12")["later"].empty


@pytest.mark.parametrize(("until", "part"), [(("2012-12", "2013-10"), "train"), (("2013-12", "2014-02"), "test")])
def test_an_empty_part_is_refused(split, table, until, part):
    with pytest.raises(SystemExit, match=f"{part} has no rows; the table has 2013-01 to 2013-12"):
        split(table, train_until=until[0], test_until=until[1])


def test_a_part_with_one_class_is_refused(split, table):
    """D7."""
    table.loc[table["month"] > "2013-08", "late"] = 0
    with pytest.raises(SystemExit, match="test has only rows with late = 0"):
        split(table)


@pytest.mark.parametrize("value", [float("nan"), 2.0, float("-inf")])
def test_a_target_that_is_neither_0_nor_1_is_refused_with_its_row(split, table, value):
    """D9: NaN and infinity in the target."""
    table["late"] = table["late"].astype("float64")
    table.loc[7, "late"] = value
    with pytest.raises(SystemExit, match=r"1 rows have a late that is neither 0 nor 1 .* the first is .*carrier"):
        split(table)


def test_a_row_that_is_there_twice_is_refused(split, table):
    """D10: it could be in training and in the test."""
    with pytest.raises(SystemExit, match="1 rows have the keys of another row"):
        split(pd.concat([table, table.head(1)]))


def test_months_in_the_wrong_order_are_refused(split, table):
    with pytest.raises(SystemExit, match=r"train_until \(2013-09\) must be before test_until"):
        split(table, train_until="2013-09", test_until="2013-09")


def test_a_table_without_the_target_is_refused(split, table):
    with pytest.raises(SystemExit, match="there is no column late"):
        split(table.drop(columns="late"))
