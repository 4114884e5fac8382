"""The contract of an adopted table: what comes in parts is held part by part."""

import pandas as pd
import pytest

from mlops.adopt.layout import Layout
from mlops.adopt.look import look
from mlops.adopt.write import _contract
from mlops.contract.check import check
from mlops.contract.detail import describe
from mlops.contract.standard import load
from mlops.datasets.reading import read
from mlops.datasets.source import read_source


@pytest.fixture
def monthly(tmp_path, draw):
    """A folder with a file for each of eight months; the frame that is read from it, and the contract that is proposed."""
    (tmp_path / "in").mkdir()
    for month in range(1, 9):
        rows = pd.DataFrame({"size": draw.normal(size=80).round(4), "y": draw.choice(["yes", "no"], 80)})
        rows.to_csv(tmp_path / f"in/2013-{month:02d}.csv", index=False)
    plan, layout = look(str(tmp_path / "in"), "y", folder=tmp_path), Layout("sizes", first=True)
    source = read_source(plan.source)
    frame = read(source)
    _contract(plan, layout, tmp_path, frame, source.partition)
    return load(tmp_path / layout.contract), frame, source.partition


def test_what_comes_in_monthly_files_is_partitioned_and_held_month_by_month(monthly):
    contract, frame, month = monthly
    (table,) = contract.tables
    assert table.partition == (month,)
    assert any(rule.per_partition for rule in table.rules)
    assert check(contract, {table.name: frame}).stops == ()


def test_a_month_that_lost_its_rows_stops_and_is_named(monthly):
    contract, frame, month = monthly
    (table,) = contract.tables
    few = frame[(frame[month] != frame[month].max()) | (frame.index % 8 == 0)].reset_index(drop=True)
    verdict = check(contract, {table.name: few})
    told = describe(contract, verdict.stops, {table.name: few}).values()
    assert {part for detail in told for part in detail.broken_in} == {"2013-08-01"}
