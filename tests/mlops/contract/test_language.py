"""What a contract can say beyond a column's plain words, from its text to the verdict."""

import pandas as pd
import pytest

from mlops.contract.check import check
from mlops.contract.standard import load
from mlops.errors import SpecError

TABLE = "    customProperties: [{property: leakage, value: [fare]}]\n"


def custom(kind, kwargs, more=""):
    return f"{{type: custom, engine: great-expectations, implementation: {{type: {kind}, kwargs: {kwargs}}}{more}}}"


def of_table(rule):
    return TABLE, f"{TABLE}    quality:\n      - {rule}\n"


def of_miles(rule):
    line = "      - {name: miles, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 100}}"
    return line, f"      - name: miles\n        logicalType: number\n        quality:\n          - {rule}"


def broken(path, trips):
    return {finding.rule.name: finding for finding in check(load(path), {"trips": trips}).findings if finding.outcome != "held"}


def test_a_relation_names_the_rows_that_break_it(write, trips):
    path = write(of_table(custom("expect_rows_to_keep", '{expression: "fare == 2.5 * miles"}')))
    trips.loc[[3, 7], "fare"] = 1.0
    assert list(broken(path, trips)["trips.relation"].rows) == [3, 7]


def test_a_column_that_others_determine_is_the_commonest_for_them(write, trips):
    path = write(of_table(custom("expect_columns_to_determine_the_last", "{column_list: [city, fare]}")))
    trips["fare"] = trips["city"].map({"York": 4.0, "Bath": 9.0})
    assert broken(path, trips) == {}
    trips.loc[5, "fare"] = 8.0
    assert list(broken(path, trips)["trips.determined"].rows) == [5]


def test_a_band_warns_and_far_outside_of_it_stops(write, trips):
    bands = custom(
        "expect_column_to_be_as_before",
        "{mean: [0, 10]}",
        ", severity: warn, customProperties: [{property: per, value: partition}, {property: stopBeyond, value: 1}]",
    )
    path = write(of_miles(bands))
    trips.loc[8:, "miles"] += 5
    found = broken(path, trips)
    assert {name: finding.rule.severity for name, finding in found.items()} == {"trips.miles.distribution": "warn"}
    assert found["trips.miles.distribution"].observed == "mean 14.5 (before 0 to 10)"
    trips.loc[8:, "miles"] += 20
    assert [finding.rule.severity for finding in broken(path, trips).values()] == ["warn", "stop"]


@pytest.mark.parametrize(
    ("bands", "gone"),
    [
        ("{median: [0, 10]}", lambda t: t.assign(miles=t.miles.where(t.index < 8))),
        ("{correlation: {fare: [0, 1]}}", lambda t: t.assign(miles=t.miles.where(t.index < 8, 5.0))),
        ("{by: {city=York: [0, 10]}}", lambda t: t.assign(city=t.city.where(t.index < 8, "Bath"))),
    ],
)
def test_a_number_that_there_is_no_more_breaks_its_band_unless_none_is_said_to_be_well(write, trips, bands, gone):
    per = ", customProperties: [{property: per, value: partition}]"
    path = write(of_miles(custom("expect_column_to_be_as_before", bands, per)))
    assert broken(path, trips) == {}
    found = broken(path, gone(trips))["trips.miles.distribution"]
    assert found.observed.partition(" (")[0].endswith("has no number")
    path.write_text(path.read_text().replace("0]", "0, null]").replace("[0, 1]", "[0, 1, null]"))
    assert broken(path, gone(trips)) == {}


def test_a_statistic_of_a_partition_that_has_no_value_breaks_its_rule(write, trips):
    rule = custom("expect_column_mean_to_be_between", "{min_value: 0}", ", customProperties: [{property: per, value: partition}]")
    path = write(of_miles(rule))
    found = broken(path, trips.assign(miles=trips.miles.where(trips.index < 8)))
    assert found["trips.miles.custom"].observed == "no number in 1 of 3 partitions"


def test_a_partition_is_compared_with_those_before_it(write, trips):
    rule = "{metric: rowCount, arguments: {per: partition, previous: 2}, unit: percent, mustBeBetween: [80, 125]}"
    path = write(of_table(rule))
    assert broken(path, trips) == {}
    assert list(broken(path, trips.iloc[:10])["trips.rows"].rows) == [2]


def test_untidy_text_is_told_and_a_word_that_is_allowed_is_not(write, trips):
    path = write(
        (
            "        enum: [{value: York}, {value: Bath}]\n",
            f"        quality: [{custom('expect_column_values_to_be_tidy', '{allow: [none]}')}]\n",
        )
    )
    trips["city"] = ["York", "none", "N/A", " Bath", "CafÃ©", "=cmd()", "<b>x", *["Bath"] * 5]
    assert list(broken(path, trips)["trips.city.tidy"].rows) == [2, 3, 4, 5, 6]


def test_another_column_is_told_where_the_contract_wants_none(write, trips):
    path = write((TABLE, "    customProperties: [{property: otherColumns, value: stop}]\n"))
    assert broken(path, trips.assign(new=1))["trips.columns"].observed == "unexpected new"


def test_values_must_be_in_the_other_table(write, trips):
    city = "  - name: cities\n    properties:\n      - {name: town, logicalType: string}\n"
    column = "        enum: [{value: York}, {value: Bath}]\n"
    path = write((column, column + "        relationships: [{type: foreignKey, to: cities.town}]\n"))
    path.write_text(path.read_text() + city)
    frames = {"trips": trips, "cities": pd.DataFrame({"town": ["York"]})}
    found = {f.rule.name: f for f in check(load(path), frames).findings if f.outcome != "held"}
    assert list(found["trips.city.reference"].rows) == [1, 3, 5, 7, 9, 11]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (custom("expect_rows_to_keep", '{expression: "miles <="}'), "cannot be checked: not an expression"),
        (custom("expect_rows_to_keep", '{expression: "mile <= 1"}'), "is about 'mile', which is no column"),
        (custom("expect_column_to_be_as_before", "{average: [1, 2]}"), "no number of a column is called 'average'"),
        (custom("expect_column_to_be_as_before", "{mean: 3}"), "3 is no band"),
        (custom("expect_column_to_be_as_before", "{mean: [3, 1]}"), "the wrong way round"),
        (custom("expect_columns_to_determine_the_last", "{column_list: [id]}"), "needs two columns"),
        ("{type: sql, query: select 1, mustBe: 0}", "a rule in SQL cannot be checked here"),
    ],
)
def test_each_mistake_is_told_at_its_line(write, rule, says):
    with pytest.raises(SpecError, match=says) as caught:
        load(write(of_miles(rule)))
    assert ":18:" in str(caught.value) or "which is no column" in says


def test_a_relation_that_most_rows_break_stops_and_a_few_go_to_quarantine(write, trips):
    more = ", severity: warn, customProperties: [{property: stopBeyond, value: 0.5}]"
    path = write(of_table(custom("expect_rows_to_keep", '{expression: "fare == 2.5 * miles"}', more)))
    trips["fare"] = 2.5 * trips["miles"]
    trips.loc[[3, 7], "fare"] = -1.0
    assert list(broken(path, trips)) == ["trips.relation"]
    trips["fare"] += 100
    assert list(broken(path, trips)) == ["trips.relation", "trips.relation.far"]


def test_stop_beyond_is_refused_where_it_says_nothing(write):
    rule = "{metric: rowCount, mustBe: 4, severity: warn, customProperties: [{property: stopBeyond, value: 1}]}"
    with pytest.raises(SpecError, match="stopBeyond: 1` says nothing here"):
        load(write(of_table(rule)))


def test_rows_of_an_earlier_partition_are_told_though_they_have_another_name(write, trips):
    """D13."""
    bands = custom("expect_column_to_be_as_before", "{repeated: [0, 0.1]}", ", customProperties: [{property: per, value: partition}]")
    path = write(of_table(bands))
    assert "trips.distribution" not in broken(path, trips)
    first, last = trips["month"].iloc[0], trips["month"].iloc[-1]
    again = trips[trips["month"] == first].assign(month=last)
    told = broken(path, pd.concat([trips[trips["month"] != last], again], ignore_index=True))
    assert told["trips.distribution"].observed == "repeated 1 (before 0 to 0.1)"
