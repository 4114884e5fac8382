"""A contract file, from YAML to rules: what it says, and what is told of a malformed one."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_data_contract_standard import model

from mlops.contract.check import check
from mlops.contract.rules import Range
from mlops.contract.standard import load
from mlops.errors import SpecError, UsageError


def rules(path):
    return {rule.name: rule for rule in load(path).rules}


def quality(text):
    """A change that gives `miles` one rule of its `quality` list."""
    line = "      - {name: miles, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 100}}"
    return line, f"      - name: miles\n        logicalType: number\n        quality:\n          - {text}"


def test_every_word_of_a_column_becomes_a_rule(write):
    found = rules(write())
    assert [name for name in found if name.startswith("trips.id")] == ["trips.id.type", "trips.id.required"]
    assert found["trips.miles.range"].arguments == {"range": Range(0, 100)}
    assert found["trips.city.set"].arguments == {"values": ["York", "Bath"]}
    assert found["trips.key"].columns == ("id",)


def test_a_table_must_have_rows_whether_or_not_the_contract_says_so(write):
    """D1: Great Expectations' expectations about rows pass on an empty table."""
    assert rules(write())["trips.rows"].arguments == {"range": Range(low=1)}


def test_a_number_without_limits_must_be_finite(write):
    """D9."""
    assert "trips.fare.finite" in rules(write())


def test_a_rule_knows_its_severity_and_its_line(write):
    found = rules(write())
    assert (found["trips.city.set"].severity, found["trips.id.required"].severity) == ("warn", "stop")
    assert found["trips.miles.range"].line == 15


def test_owner_licence_and_leakage_are_read(write):
    contract = load(write())
    assert (contract.owner, contract.licence, contract.leakage) == ("trips team", "CC0-1.0", ("fare",))


@pytest.mark.parametrize(
    ("comparison", "limits", "words"),
    [
        ("mustBe: 12", Range(12, 12), "must be 12"),
        ("mustBeBetween: [10, 20000]", Range(10, 20000), "must be 10 to 20,000"),
        ("mustBeGreaterThan: 3", Range(3, None, above=True), "must be more than 3"),
        ("mustBeGreaterOrEqualTo: 3", Range(3), "must be at least 3"),
        ("mustBeLessThan: 9", Range(None, 9, below=True), "must be less than 9"),
        ("mustBeLessOrEqualTo: 9", Range(None, 9), "must be at most 9"),
    ],
)
def test_the_standards_comparisons(write, comparison, limits, words):
    change = ("    properties:\n", f"    quality:\n      - {{name: size, metric: rowCount, {comparison}}}\n    properties:\n")
    rule = rules(write(change))["trips.size"]
    assert (rule.arguments["range"], rule.wording) == (limits, words)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("{metric: nullValues, mustBe: 0}", "required"),
        ("{metric: duplicateValues, mustBe: 0}", "unique"),
        ("{metric: invalidValues, arguments: {validValues: [1, 2]}, mustBe: 0}", "set"),
        ("{metric: invalidValues, arguments: {pattern: '^a'}, mustBe: 0}", "pattern"),
        ("{metric: invalidValues, arguments: {minimum: 1}, mustBe: 0}", "range"),
        (
            "{type: custom, engine: great-expectations, implementation: {type: expect_column_median_to_be_between, kwargs: {max_value: 9}}}",
            "custom",
        ),
    ],
)
def test_the_standards_metrics(write, given, kind):
    assert rules(write(quality(given)))[f"trips.miles.{kind}"].kind == kind


def test_a_share_of_rows_may_break_a_rule(write):
    rule = rules(write(quality("{metric: nullValues, mustBeLessOrEqualTo: 5, unit: percent}")))["trips.miles.required"]
    assert rule.share == 0.05
    assert not rule.by_row


def test_less_than_a_share_is_not_that_share(write, trips):
    rule = "{metric: nullValues, %s: 25, unit: percent}"
    trips.loc[[0, 1, 2], "miles"] = None
    outcomes = [check(load(write(quality(rule % words))), {"trips": trips}).findings for words in ("mustBeLessThan", "mustBeLessOrEqualTo")]
    assert [next(f.outcome for f in found if f.rule.name == "trips.miles.required") for found in outcomes] == ["broken", "held"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("required: true, partitioned", "requird: true, partitioned", 13, "no key 'requird'"),
        ("logicalType: integer", "logicalType: int", 14, "'int' cannot be checked"),
        ("maximum: 100", "maximum: many", 15, "'many' is not a number"),
        ("maximum: 100", "maximun: 100", 15, "the option 'maximun'"),
        ("value: [fare]", "value: [fair]", 11, "leakage names 'fair'"),
        ("property: leakage", "property: leakge", 11, "'leakge' is not known"),
        ("property: leakage", "property: severity", 11, "'severity' is not read here"),
        ("value: warn", "value: warm", 19, "unknown severity 'warm'"),
        ("name: miles", "name: id", 15, "the column 'id' is there twice"),
        ("required: true, primaryKey", "required: [1], primaryKey", 14, "valid boolean"),
        ("logicalTypeOptions: {minimum: 0, maximum: 100}", "logicalTypeOptions: {pattern: '('}", 15, "not a regular expression"),
    ],
)
def test_a_mistake_is_told_with_its_line(write, old, new, line, says):
    with pytest.raises(SpecError) as error:
        load(write((old, new)))
    assert any(problem.line == line and says in problem.message for problem in error.value.problems), str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{metric: nullValues}", "needs one comparison"),
        ("{metric: nullValues, mustBe: 0, mustBeLessThan: 3}", "needs one comparison"),
        ("{metric: nullValues, mustBeLessThan: 30}", "unit: percent"),
        ("{metric: entropy, mustBe: 0}", "'entropy' cannot be checked"),
        ("{metric: invalidValues, mustBe: 0}", "'invalidValues' cannot be checked"),
        ("{type: custom, engine: soda, implementation: x}", "one of Great Expectations"),
        ("{type: sql, query: select 1, mustBe: 0}", "cannot be checked"),
        ("{metric: duplicateValues, arguments: {properties: [id, mile]}, mustBe: 0}", "is about 'mile'"),
        ("{metric: nullValues, arguments: {per: month}, mustBe: 0}", "unknown `per`"),
        ("{metric: missingValues, arguments: {missingValues: [N/A]}, mustBe: 0}", "the argument 'missingValues' cannot be checked"),
        ("{metric: nullValues, arguments: {pattern: a}, mustBe: 0}", "the argument 'pattern' cannot be checked"),
        ("{metric: invalidValues, arguments: {validValues: [1], pattern: a}, mustBe: 0}", "is more than one rule"),
        ("{metric: nullValues, mustBeBetween: [5, 10], unit: percent}", "at least cannot be checked"),
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_and_never_left_out(write, given, says):
    """D2."""
    with pytest.raises(SpecError, match=says):
        load(write(quality(given)))


@pytest.mark.parametrize(
    "text", ["", "- a", "schema: 3", "schema: []", "schema: [3]", "schema: [{}]", "kind: x", "{", "a: !!python/object:x {}"]
)
def test_what_is_no_contract_is_refused(write, text):
    with pytest.raises(SpecError):
        load(write(text=text))


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(9, 19), cut=st.integers(0, 60), junk=st.sampled_from(["", "x", "[", "{", ": ", "- ", "null", "3", "'", "\t"]))
def test_a_spoilt_contract_is_told_or_read_and_nothing_else(write, line, cut, junk):
    """Fuzzing: no mistake in the file ends in a stack trace."""
    lines = write().read_text().splitlines()
    lines[line] = lines[line][:cut] + junk
    with contextlib.suppress(UsageError):
        load(write(text="\n".join(lines)))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{metric: nullValues, mustBe: 0, mustNotBe: 3}", "`mustNotBe` cannot be checked here"),
        ("{metric: missingValues, arguments: {missingValues: [x]}, mustBe: 0}", "the argument 'missingValues' cannot be checked"),
        ("{metric: nullValues, mustBe: 0, customProperties: [{property: severty, value: warn}]}", "'severty' is not known"),
    ],
)
def test_nothing_that_sounds_like_a_rule_is_passed_over(write, rule, told):
    with pytest.raises(SpecError, match=told):
        load(write(quality(rule)))


def test_the_page_says_of_every_word_of_the_standard_whether_it_is_checked():
    page = (Path(__file__).parents[3] / "docs/how-to/contract.md").read_text(encoding="utf-8").partition("## Every word of the standard")[2]
    parts = (
        model.OpenDataContractStandard,
        model.SchemaObject,
        model.SchemaProperty,
        model.DataQuality,
        model.ServiceLevelAgreementProperty,
    )
    words = {info.alias or name for part in parts for name, info in part.model_fields.items()}
    assert sorted(word for word in words if f"`{word}`" not in page) == []


@pytest.mark.parametrize("to", ["trip.id", "trips.idd"])
def test_a_reference_to_no_column_of_the_contract_is_told_with_its_line(write, to):
    change = ("customProperties: [{property: severity, value: warn}]", f"relationships: [{{to: {to}}}]")
    with pytest.raises(SpecError, match=f"'{to}' is no column of a table here") as error:
        load(write(change))
    assert (error.value.problems[0].line, 'did you mean "trips.id"?' in str(error.value)) == (19, True)
