"""What a request may look like, and what is said about one that may not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.registry.model import Column
from mlops.serving.body import INVOCATION_FORMS, MOST_ROWS, SCORE_FORMS, Form, Refused

FORM = Form([Column("carrier", "string"), Column("temp", "double"), Column("seats", "long"), Column("late", "boolean", required=False)])
ROW = ["UA", 0.5, 140, True]


def score(value: Any) -> list[list[Any]]:
    return FORM.read(value if isinstance(value, bytes) else json.dumps(value).encode(), SCORE_FORMS)


def table(*rows: list[Any], columns: tuple[str, ...] = ("carrier", "temp", "seats", "late")) -> dict[str, Any]:
    return {"input_data": {"columns": list(columns), "data": list(rows)}}


def refused(value: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        score(value)
    return caught.value


@pytest.mark.parametrize(
    "given",
    [
        {"dataframe_split": {"columns": ["temp", "seats", "late", "carrier"], "data": [[0.5, 140, True, "UA"]]}},
        {"dataframe_records": [{"temp": 0.5, "carrier": "UA", "late": True, "seats": 140}]},
        {"instances": [{"temp": 0.5, "carrier": "UA", "late": True, "seats": 140}]},
        {"instances": [ROW]},
        {"inputs": {"temp": [0.5], "carrier": ["UA"], "late": [True], "seats": [140]}},
        {"inputs": [ROW]},
    ],
    ids=lambda given: str(next(iter(given))),
)
def test_every_form_of_mlflow_gives_the_same_rows(given: dict[str, Any]) -> None:
    assert FORM.read(json.dumps(given).encode(), INVOCATION_FORMS) == [ROW]


def test_azure_takes_a_table_records_and_bare_rows() -> None:
    record = dict(zip(("carrier", "temp", "seats", "late"), ROW, strict=True))
    indexed = {"input_data": {**table(ROW)["input_data"], "index": ["a"]}}
    assert score(table(ROW)) == score(indexed) == score({"input_data": [record]}) == score({"input_data": [ROW]}) == [ROW]


def test_columns_in_another_order_are_put_in_order_by_name() -> None:
    """D11: never by position."""
    assert score(table([True, 140, 0.5, "UA"], columns=("late", "seats", "temp", "carrier"))) == [ROW]


def test_a_missing_number_is_null_and_an_optional_column_may_be_left_out() -> None:
    (row,) = score(table(["UA", None, 140], columns=("carrier", "temp", "seats")))
    assert math.isnan(row[1])
    assert row[3] is None


@pytest.mark.parametrize(
    ("value", "column", "row", "said"),
    [
        (table(["UA", 0.5, True], columns=("carrier", "temp", "late")), "seats", None, "column 'seats' is missing"),
        (table([*ROW, 1], columns=("carrier", "temp", "seats", "late", "dep_delay")), "dep_delay", None, "has no column 'dep_delay'"),
        (table([*ROW, 1], columns=("carrier", "temp", "seats", "late", "temp")), "temp", None, "named twice"),
        (table(ROW, ["UA", "warm", 140, True]), "temp", 1, 'must be a number, not "warm"'),
        (table(["UA", True, 140, True]), "temp", 0, "must be a number, not true"),
        (table([7, 0.5, 140, True]), "carrier", 0, "must be text, not 7"),
        (table([None, 0.5, 140, True]), "carrier", 0, "must be text, not null"),
        (table(["UA", 0.5, 1.5, True]), "seats", 0, "must be a whole number of 64 bits"),
        (table(["UA", 0.5, 2**63, True]), "seats", 0, "must be a whole number of 64 bits"),
        (table(["UA", 0.5, 140, 1]), "late", 0, "must be true or false, not 1"),
        (table(["UA", math.nan, 140, True]), "temp", 0, "must be a finite number"),
        (table(["UA", 10**400, 140, True]), "temp", 0, "too large"),
        (b'{"input_data": [["UA", 1e999, 140, true]]}', "temp", 0, "must be a finite number"),
        (table(ROW, ROW[:2]), None, 1, "row 1 has 2 values"),
        ({"input_data": [{"carrier": "UA"}]}, "temp", 0, "column 'temp' is missing in row 0"),
        ({"input_data": []}, None, None, "at least one row"),
        ({"input_data": {**table(ROW)["input_data"], "index": [1, 2]}}, None, None, "as long as data"),
        ({"input_data": {"columns": "carrier", "data": [ROW]}}, None, None, "columns in input_data is a list of names"),
        ({"data": [ROW]}, None, None, "unknown key 'data'"),
        ([ROW], None, None, "the body is a JSON object"),
    ],
)
def test_what_does_not_fit_is_named_with_column_and_row(value: Any, column: str | None, row: int | None, said: str) -> None:
    """S1: a field path in every answer."""
    found = refused(value)
    assert (found.status, found.column, found.row) == (422, column, row)
    assert said in found.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON: "),
        (b"\xff\xfe{}", "not UTF-8: byte 0"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"input_data": [[' + b"9" * 5000 + b"]]}", "not JSON that can be read"),
    ],
    ids=["empty", "blank", "cut", "latin", "deep", "digits"],
)
def test_a_body_that_cannot_be_read_is_a_bad_request(body: bytes, said: str) -> None:
    """S1, S2: also one that is nested 100,000 deep or has a number of 5,000 digits."""
    found = refused(body)
    assert found.status == 400
    assert said in found.message


def test_more_rows_than_are_scored_at_once_are_refused() -> None:
    """S2."""
    assert refused(table(*[ROW] * (MOST_ROWS + 1))).status == 413


def test_csv_is_typed_by_the_signature() -> None:
    assert FORM.read_csv(b"late,carrier,temp,seats\ntrue,007,0.5,140\n") == [["007", 0.5, 140, True]]
    with pytest.raises(Refused) as caught:
        FORM.read_csv(b"late,carrier,temp,seats\ntrue,UA,warm,140\n")
    assert (caught.value.status, caught.value.column, caught.value.row) == (422, "temp", 0)


def test_a_csv_line_of_another_length_is_refused() -> None:
    with pytest.raises(Refused, match="row 1 has 3 values"):
        FORM.read_csv(b"carrier,temp,seats,late\nUA,0.5,140,true\nUA,0.5,140\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["columns", "data", "index", "carrier", "temp"]), inner),
    max_leaves=8,
)


@given(JSON, st.sampled_from(SCORE_FORMS + INVOCATION_FORMS))
def test_any_json_is_taken_or_refused_and_never_an_error(value: Any, name: str) -> None:
    """S1: no shape of a body reaches anything but the check."""
    try:
        rows = FORM.read(json.dumps({name: value}).encode(), SCORE_FORMS + INVOCATION_FORMS)
    except Refused as error:
        assert json.loads(error.body())["error"]["message"]  # noqa: PT017 - either is right
    else:
        assert all(len(row) == 4 for row in rows)


def test_a_type_that_json_cannot_hold_is_told_when_the_model_is_loaded() -> None:
    with pytest.raises(ValueError, match="of type binary"):
        Form([Column("photo", "binary")])
