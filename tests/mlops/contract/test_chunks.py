"""Tables in chunks: what is said of them is what a whole one would be told; rows that leave are counted; what does not fit is refused."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.contract.__main__ import main
from mlops.contract.check import check
from mlops.contract.detail import detail
from mlops.contract.standard import load
from mlops.contract.tables import Chunks, memory_limit, open_table, told
from mlops.errors import JobFailed, UsageError

BENCH = Path(__file__).parents[3] / "benchmarks/contracts"
STATISTIC = "{type: custom, engine: great-expectations, implementation: {type: expect_column_median_to_be_between, kwargs: {max_value: 3}}"
MEDIAN = (
    "{minimum: 0, maximum: 100}}",
    f"{{minimum: 0, maximum: 100}}, quality: [{STATISTIC}, customProperties: [{{property: per, value: partition}}]}}]}}",
)

rows = st.lists(
    st.tuples(
        st.sampled_from(["2024-01", "2024-02", "2024-03", None]),
        st.one_of(st.none(), st.integers(0, 6)),
        st.one_of(st.none(), st.integers(-2, 103)),
        st.sampled_from(["York", "Bath", "Rome", None]),
    ),
    min_size=1,
    max_size=30,
)


def table(values):
    frame = pd.DataFrame(values, columns=["month", "id", "miles", "city"]).assign(fare=1.5)
    return frame.astype({"month": "str", "city": "str", "miles": "float64", "id": "float64"})


def said(verdict):
    return [(f.rule.name, f.outcome, f.failed, f.total, sorted(map(int, f.rows))) for f in verdict.findings]


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=rows, step=st.integers(1, 7))
def test_what_is_said_of_chunks_is_what_is_said_of_the_whole(write, in_chunks, values, step):
    """D1, D2, D10: keys that cross chunks, medians of partitions that span them, columns that are missing in some."""
    contract, frame = load(write(MEDIAN)), table(values)
    assert said(check(contract, {"trips": in_chunks(frame, step)})) == said(check(contract, {"trips": frame}))


def test_the_history_and_the_examples_are_those_of_the_whole(write, in_chunks, trips):
    trips.loc[[8, 9, 11], "miles"] = 1000
    contract, chunks = load(write()), in_chunks(trips)
    finding = next(f for f in check(contract, {"trips": chunks}).findings if f.rule.name == "trips.miles.range")
    ours, whole = detail(finding, contract.tables[0], chunks), detail(finding, contract.tables[0], trips)
    assert (ours.history, ours.examples) == (whole.history, whole.examples)


def run(write, tmp_path, frame, *more):
    (tmp_path / "raw").mkdir(exist_ok=True)
    frame.to_parquet(tmp_path / "raw/trips.parquet")
    words = [w for name in ("valid", "quarantine", "report") for w in (f"--{name}", str(tmp_path / name))]
    main(["--contract", str(write()), "--data", str(tmp_path / "raw"), *words, *more])
    return pd.read_parquet(tmp_path / "valid/trips.parquet"), pd.read_parquet(tmp_path / "quarantine/trips.parquet")


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.sets(st.integers(0, 2499), max_size=40), memory=st.sampled_from(["10K", "1G"]))
def test_rows_in_are_rows_out_and_rows_in_quarantine_each_once(write, tmp_path, bad, memory):
    frame = pd.DataFrame({"month": "2024-01", "id": range(2500), "miles": 1.0, "city": "York", "fare": 2.0})
    frame.loc[sorted(bad), "city"] = "Rome"
    valid, quarantine = run(write, tmp_path, frame, "--memory", memory)
    assert sorted([*valid["id"], *quarantine["id"]]) == list(range(2500))
    assert set(quarantine["id"]) == bad
    assert quarantine["reasons"].tolist() == ["city must be one of York, Bath"] * len(bad)


def test_that_a_table_is_checked_in_chunks_is_told_with_the_sizes(write, tmp_path, trips, capsys):
    run(write, tmp_path, pd.concat([trips] * 200, ignore_index=True).assign(id=range(2400)), "--memory", "10K")
    said = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(r"trips: 2,400 rows are about \d+ KB in memory, more than 10 KB: checked in chunks of 1,000 rows", said)


def test_a_column_that_is_needed_whole_and_does_not_fit_is_refused_with_the_reason(write, trips, tmp_path):
    trips.to_parquet(tmp_path / "trips.parquet")
    chunks = Chunks(tmp_path / "trips.parquet", 12, tuple(trips.columns), 100.0, 50, 5)
    with pytest.raises(JobFailed, match=r"the rule trips\.miles\.custom needs miles whole, about"):
        check(load(write(MEDIAN)), {"trips": chunks})


@pytest.mark.parametrize(("given", "size"), [("800M", 800 * 2**20), ("2g", 2**31), ("1024", 1024)])
def test_a_size_of_memory_is_read(given, size):
    assert memory_limit(given) == size


def test_what_is_no_size_is_refused():
    with pytest.raises(UsageError, match="'much' is no size of memory"):
        memory_limit("much")


def test_a_table_that_fits_is_read_whole_and_nothing_is_said(tmp_path, trips):
    trips.to_parquet(tmp_path / "trips.parquet")
    found = open_table(tmp_path / "trips.parquet", 2**30)
    assert isinstance(found, pd.DataFrame)
    assert told("trips", found) == ""


@pytest.mark.slow
def test_two_million_rows_are_checked_in_less_memory_than_they_take_whole(tmp_path):
    """The twenty million of docs/benchmarks.md are made and checked by the same two programs."""
    subprocess.run([sys.executable, BENCH / "many_rows.py", tmp_path / "trips.parquet", "2000000"], check=True)
    words = [w for name in ("valid", "quarantine", "report") for w in (f"--{name}", str(tmp_path / name))]
    step = [sys.executable, "-m", "mlops.contract", "--contract", BENCH / "trips.odcs.yml", "--data", tmp_path, *words]
    peaks = {}
    for memory in ("20M", "2G"):
        done = subprocess.run(
            [sys.executable, BENCH / "measured.py", *step, "--memory", memory], capture_output=True, text=True, check=True
        )
        peaks[memory] = json.loads(done.stdout.splitlines()[-1])["peak"]
    assert peaks["20M"] < 0.8 * peaks["2G"]
    assert len(pd.read_parquet(tmp_path / "valid")) + len(pd.read_parquet(tmp_path / "quarantine")) == 2_000_000
