"""A contract proposed from data: the data pass it, an honest next part passes it, and what is wrong does not."""

import re

import numpy as np
import pandas as pd
import pytest

from mlops.contract.check import check
from mlops.contract.profile import propose
from mlops.contract.standard import load
from mlops.errors import UsageError


@pytest.fixture
def verdict(tmp_path):
    def verdict(proposal, frame):
        path = tmp_path / "made.odcs.yml"
        path.write_text(proposal.text, encoding="utf-8")
        return check(load(path), {"made": frame})

    return verdict


def months(count, seed=3):
    random = np.random.default_rng(seed)
    rows = 400 * count
    net = random.gamma(2, 50, rows).round(2)
    frame = pd.DataFrame({"month": np.repeat([f"2024-{n + 1:02}" for n in range(count)], 400), "net": net, "tax": (net * 0.2).round(2)})
    frame["total"] = (frame.net + frame.tax).round(2)
    frame["code"] = [f"A{n:03}" for n in random.integers(0, 300, rows)]
    frame["city"] = random.choice(["York", "Bath", "Leeds"], rows, p=[0.5, 0.3, 0.2])
    return frame


ODD = {
    "all missing": [None] * 60,
    "nothing but nan": [np.nan] * 60,
    'quote " and: {brace}': range(60),
    "\n": ["x"] * 60,
    "mixed": [1, "a"] * 30,
    "infinite": [np.inf, 1.0] * 30,
    "lists": [[1], [2]] * 30,
    "flag": [True, None] * 30,
    "category": pd.Categorical(["u", "v"] * 30),
    "huge": [1e300, -1e300] * 30,
    "zone": pd.date_range("2020-01-01", periods=60, tz="Europe/Berlin"),
    "emoji 😀": ["=cmd()", "<script>"] * 30,
    "yes": ["no", "null"] * 30,
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 30, 60])
def test_any_table_passes_what_was_proposed_from_it(verdict, rows):
    frame = pd.DataFrame(ODD).iloc[:rows]
    assert verdict(propose("made", frame), frame.reset_index(drop=True)).stops == ()


def test_the_relations_that_hold_are_found():
    told = " ".join(propose("made", months(4), partition=["month"]).remarks)
    assert "abs(net - (5 * tax)) <=" in told
    assert "abs(net - (0.83333 * total)) <=" in told


def test_an_honest_next_month_passes_and_another_unit_does_not(verdict):
    proposal, next_month = propose("made", months(4), partition=["month"]), months(5)
    assert verdict(proposal, next_month).stops == ()
    next_month.loc[next_month.month == "2024-05", "net"] *= 2.2
    assert "made.net.distribution.far" in {finding.rule.name for finding in verdict(proposal, next_month).stops}


def test_few_valued_text_becomes_a_set_and_fixed_form_text_a_pattern():
    text = propose("made", months(2)).text
    assert "validValues: [Bath, Leeds, York]" in text
    assert "^[A-Z][0-9]{3}$" in text


def test_what_stands_for_a_missing_value_is_told():
    frame = months(1).assign(age=lambda f: np.where(f.index % 9 == 0, -999, 40 + f.index % 30), note=["N/A", "fine "] * 200)
    told = " ".join(propose("made", frame).remarks)
    assert "age is -999 in 45 rows" in told
    assert "note holds a word for a missing value in 200 rows: 'N/A'" in told
    assert "note holds blanks at an end in 200 rows: 'fine '" in told


def test_a_column_that_gives_the_target_away_is_told():
    """D10."""
    frame = months(1).assign(late=lambda f: f.total > 100, fee=lambda f: f.total.gt(100) * 5.0)
    assert "fee tells 100% of late by itself" in " ".join(propose("made", frame, target="late").remarks)


def test_two_columns_that_name_a_row_together_are_found(verdict):
    """An exploded join is then caught."""
    frame = pd.DataFrame({"station": np.repeat(["a", "b", "c"], 400), "hour": list(range(400)) * 3, "level": 1.5})
    frame["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["hour"], "h")
    proposal = propose("made", frame.drop(columns="hour"))
    assert "time, station differs from row to row" in proposal.remarks[0]
    twice = pd.concat([frame, frame.head(1)], ignore_index=True).drop(columns="hour")
    assert "made.key" in {finding.rule.name for finding in verdict(proposal, twice).stops}


def test_columns_that_differ_together_by_chance_are_no_key():
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"name": random.permutation(np.arange(60) // 2).astype(str), "town": random.permutation(list("abcdef") * 10)})
    assert "primaryKey" not in propose("made", frame).text


def test_bands_of_three_months_tell_and_stop_nothing():
    assert "stopBeyond: 1}" not in propose("made", months(3), partition=["month"]).text.replace("value: ", "")
    assert "stopBeyond, value: 1}" in propose("made", months(4), partition=["month"]).text


@pytest.mark.slow
def test_one_row_far_out_is_told_and_stops_nothing(verdict):
    proposal, next_month = propose("made", months(4), partition=["month"]), months(5)
    next_month.loc[len(next_month) - 1, "net"] = 1_200
    found = verdict(proposal, next_month)
    assert found.stops == ()
    assert found.warnings


def test_a_number_that_a_part_of_the_past_had_not_may_be_none_and_what_allows_all_is_no_band():
    frame = months(5)
    frame["seldom"] = frame["net"].where((frame.index < 400) | (frame.index % 160 == 0) & (frame.index < 1600))
    text = propose("made", frame, partition=["month"]).text
    assert re.search(r"median: \[[^]]*, null\]", text)
    assert "[-1, 1" not in text


def test_times_that_are_over_have_an_end(verdict):
    frame = months(1).assign(day=pd.date_range("2009-01-01", periods=400, tz="UTC"))
    later = frame.assign(day=frame["day"] + pd.Timedelta(days=365))
    proposal = propose("made", frame)
    assert "made.day.relation" in {finding.rule.name for finding in verdict(proposal, later).warnings}
    assert "day ends on 2010-02-04: taken for a time that is over" in proposal.remarks


def test_a_month_with_a_tenth_fewer_rows_a_day_is_told(verdict):
    days = pd.DataFrame({"at": pd.date_range("2024-01-01", "2024-06-30 23:00", freq="h")})
    days["month"], days["level"] = days["at"].dt.strftime("%Y-%m"), np.arange(len(days)) % 17 * 1.5
    proposal = propose("made", days[days["month"] < "2024-06"], partition=["month"])
    fewer = days[(days["month"] < "2024-06") | (days["at"].dt.day > 3)].reset_index(drop=True)
    assert verdict(proposal, days).warnings == ()
    assert "made.rows_2" in {f.rule.name for f in verdict(proposal, fewer).warnings}


def test_a_table_without_rows_or_with_a_name_twice_is_refused():
    """D1, D4."""
    with pytest.raises(UsageError, match="no rows"):
        propose("made", pd.DataFrame({"a": []}))
    with pytest.raises(UsageError, match="'a' twice"):
        propose("made", pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.slow
def test_two_thousand_columns_are_proposed_in_seconds():
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(100, 2000)), columns=[f"c{n}" for n in range(2000)])
    assert propose("made", frame).text.count("- name: c") + propose("made", frame).text.count("{name: c") == 2000
