"""Contracts run by Great Expectations: the verdict on small tables, and that nothing passes by being left out."""

import numpy as np
import pandas as pd
import pytest

from mlops.contract import check as room
from mlops.contract.check import check
from mlops.contract.detail import detail
from mlops.contract.standard import load
from mlops.errors import SpecError


@pytest.fixture(params=["whole", "in chunks"])
def judge(write, in_chunks, request):
    """Check trips against the contract, with changes to it: in memory, and five rows at a time."""

    def judge(frame, *changes):
        return check(load(write(*changes)), {"trips": frame if request.param == "whole" else in_chunks(frame)})

    return judge


def broken(verdict):
    return {finding.rule.name for finding in verdict.findings if finding.outcome != "held"}


def test_rows_that_keep_the_contract_break_nothing(judge, trips):
    verdict = judge(trips)
    assert broken(verdict) == set()
    assert len(verdict.findings) == len(verdict.contract.rules)


@pytest.mark.parametrize(
    ("column", "row", "value", "rule"),
    [
        ("id", 3, 4, "trips.key"),
        ("miles", 3, -1.0, "trips.miles.range"),
        ("miles", 3, float("inf"), "trips.miles.range"),
        ("fare", 3, float("-inf"), "trips.fare.finite"),
        ("city", 3, "Yrok", "trips.city.set"),
        ("month", 3, None, "trips.month.required"),
    ],
)
def test_one_bad_value_breaks_the_rule_that_it_is_about(judge, trips, column, row, value, rule):
    """D9, D10: out of range, infinite, an id twice."""
    trips.loc[row, column] = value
    finding = next(f for f in judge(trips).findings if f.rule.name == rule)
    assert finding.outcome == "broken"
    assert row in finding.rows


def test_an_empty_table_is_never_well(judge, trips):
    """D1: every expectation about rows passes on it."""
    assert "trips.rows" in {finding.rule.name for finding in judge(trips.head(0)).stops}


def test_a_missing_column_breaks_its_type_and_leaves_its_other_rules_not_evaluated(judge, trips):
    """D2: they count as broken, each by name."""
    found = {f.rule.name: f for f in judge(trips.drop(columns="miles")).findings}
    assert (found["trips.miles.type"].outcome, found["trips.miles.type"].observed) == ("broken", "there is no such column")
    assert found["trips.miles.range"].outcome == "not evaluated"


@pytest.mark.parametrize("values", [["a"] * 12, ["1", 2] * 6, [True, False] * 6, pd.date_range("2024", periods=12)])
def test_another_type_is_told_by_name(judge, trips, values):
    """D4: text, a mixture, booleans and dates where numbers belong."""
    assert "trips.miles.type" in broken(judge(trips.assign(miles=values)))


def test_fractions_are_no_whole_numbers(judge, trips):
    assert broken(judge(trips.assign(id=trips["id"] + 0.5))) == {"trips.id.type"}


def test_a_column_without_a_value_is_of_any_type_and_breaks_only_what_requires_one(judge, trips):
    """D8."""
    assert broken(judge(trips.assign(miles=np.nan))) == set()
    assert broken(judge(trips.assign(month=None))) == {"trips.month.required"}


def test_an_expectation_that_raises_counts_as_broken(judge, trips):
    """D2: the mean of words makes Great Expectations raise inside."""
    rule = "{type: custom, engine: great-expectations, implementation: {type: expect_column_mean_to_be_between, kwargs: {max_value: 1}}}"
    verdict = judge(trips, ("        enum:", f"        quality: [{rule}]\n        enum:"))
    finding = next(f for f in verdict.findings if f.rule.kind == "custom")
    assert finding.outcome == "not evaluated"
    assert "raised" in finding.observed
    assert finding in verdict.stops


def test_an_expectation_without_a_result_counts_as_broken(judge, trips, monkeypatch):
    """D2: Great Expectations is made to leave one out."""

    def forgetful(self, name, frame, checks, run=room.Engine.run):
        found = run(self, name, frame, checks)
        found.result.results = [entry for entry in found.result.results if "range" not in room.rule_of(entry)]
        return found

    monkeypatch.setattr(room.Engine, "run", forgetful)
    assert {f.rule.name for f in judge(trips).stops} == {"trips.miles.range"}


def test_an_expectation_that_there_is_not_is_a_mistake_in_the_contract(judge, trips):
    rule = "{type: custom, engine: great-expectations, implementation: {type: expect_column_to_be_nice}}"
    with pytest.raises(SpecError, match="expect_column_to_be_nice is no expectation that can be run") as error:
        judge(trips, ("{name: fare, logicalType: number}", f"{{name: fare, logicalType: number, quality: [{rule}]}}"))
    assert error.value.problems[0].line == 20


@pytest.mark.parametrize(("limit", "holds"), [(10, True), (5, False)])
def test_a_share_of_rows_may_break_a_rule(judge, trips, limit, holds):
    rule = f"{{metric: nullValues, unit: percent, mustBeLessOrEqualTo: {limit}}}"
    trips.loc[0, "fare"] = np.nan
    verdict = judge(trips, ("{name: fare, logicalType: number}", f"{{name: fare, logicalType: number, quality: [{rule}]}}"))
    assert ("trips.fare.required" not in broken(verdict)) == holds


PER_MONTH = (
    "    properties:\n",
    "    quality: [{metric: rowCount, arguments: {per: partition}, mustBeBetween: [4, 6]}]\n    properties:\n",
)


def test_a_rule_per_partition_is_held_against_each_month(judge, trips):
    verdict = judge(trips.drop(index=[5, 6]).reset_index(drop=True), PER_MONTH)
    finding = next(f for f in verdict.findings if f.rule.per_partition)
    told = detail(finding, verdict.contract.tables[0], trips.drop(index=[5, 6]))
    assert (finding.failed, finding.total) == (1, 3)
    assert told.broken_in == ("2024-02",)


def test_a_statistic_of_a_month_is_held_against_its_limits(judge, trips):
    body = "{type: expect_column_median_to_be_between, kwargs: {max_value: 8}}"
    rule = f"{{type: custom, engine: great-expectations, implementation: {body}, customProperties: [{{property: per, value: partition}}]}}"
    change = ("{minimum: 0, maximum: 100}}", f"{{minimum: 0, maximum: 100}}, quality: [{rule}]}}")
    assert broken(judge(trips, change)) == {"trips.miles.custom"}


def test_the_history_says_since_when(judge, trips):
    trips.loc[[8, 9, 11], "miles"] = 1000
    verdict = judge(trips)
    finding = next(f for f in verdict.findings if f.rule.name == "trips.miles.range")
    told = detail(finding, verdict.contract.tables[0], trips)
    assert [(share.partition, share.failed) for share in told.history] == [("2024-01", 0), ("2024-02", 0), ("2024-03", 3)]
    assert told.examples[0] == ("8", "miles 1000")


def test_another_unit_is_suspected(judge, trips):
    trips["miles"] = [50.0, 60.0, 70.0, 80.0] * 3
    trips.loc[8:, "miles"] *= 1.609
    verdict = judge(trips)
    finding = next(f for f in verdict.findings if f.rule.name == "trips.miles.range")
    assert "1.609 times" in detail(finding, verdict.contract.tables[0], trips).remark


def test_rows_that_break_a_warning_are_named_with_every_reason(judge, trips):
    trips.loc[3, "city"] = "Rome"
    verdict = judge(trips)
    assert not verdict.stops
    assert verdict.quarantined("trips") == {3: ["city must be one of York, Bath"]}


@pytest.mark.parametrize(("more", "leaving"), [("", [3, 8]), (", mostly: 0.9", [])])
def test_the_rows_that_break_a_warning_of_great_expectations_own_leave(judge, trips, more, leaving):
    kwargs = f"{{type: expect_column_value_lengths_to_equal, kwargs: {{value: 4{more}}}}}"
    rule = f"{{type: custom, severity: warn, engine: great-expectations, implementation: {kwargs}}}"
    change = ("enum: [{value: York}, {value: Bath}]", f"quality: [{rule}]")
    trips.loc[[3, 8], "city"] = "Leeds"
    verdict = judge(trips, change)
    assert [finding.rule.kind for finding in verdict.warnings] == ["custom"]
    assert list(verdict.quarantined("trips")) == leaving
