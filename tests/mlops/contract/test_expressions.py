"""Relations between columns: what can be written, what a row must do to keep one, and that nothing is run."""

import pandas as pd
import pytest

from mlops.contract.expressions import LONGEST, parse

TIMES = pd.to_datetime(["2024-01-31 23:00", "2024-02-01 05:00", None])
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [1.0, None, 2.0], "odd name": [517, 1730, 59], "city": ["York", "bath ", None], "at": TIMES})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a <= b", [True, True, False]),
        ("missing(b) == missing(at)", [True, False, False]),
        ("a == `odd name` // 100", [False, False, False]),
        ("`odd name` % 100 < 60", [True, True, True]),
        ("abs(a - b) < 0.5 or a > 2", [True, True, True]),
        ("city in ['York', 'Bath']", [True, False, True]),
        ("not (lower(strip(city)) == 'bath')", [True, False, True]),
        ("month(at) == a and hour(at) > 4", [True, True, True]),
        ("1 < a <= 2", [False, True, False]),
        ("at <= now()", [True, True, True]),
    ],
)
def test_a_row_keeps_a_relation_or_breaks_it_and_one_with_a_value_missing_keeps_it(text, kept):
    assert list(parse(text).keeps(FRAME)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == a",
        "a.values == 1",
        "(lambda: a)()",
        "a ** 9",
        "a in [1] * 999999999999",
        "[1] * 999999999999 == a",
        "a == [1, 2, 3]",
        "a in [[1]]",
        "a in b",
        "[x for x in a]",
        "exec('1') == a",
        "a[0] == 1",
        "1 == 1",
        "a ==",
        "f'{a}'",
    ],
)
def test_what_is_not_of_the_grammar_is_refused_and_never_run(text):
    with pytest.raises(ValueError, match=r"grammar|function|expression|column|list"):
        parse(text)


def test_an_expression_without_end_is_refused():
    with pytest.raises(ValueError, match="longer than"):
        parse("a == 1 or " * LONGEST + "a == 1")
    with pytest.raises(ValueError, match="not an expression"):
        parse("(" * 900 + "a")


def test_text_times_a_number_fills_no_memory():
    with pytest.raises(TypeError, match="is no number"):
        parse("a == 'x' * 1000000000").keeps(FRAME)


def test_text_times_a_number_is_refused_before_it_fills_the_memory():
    with pytest.raises(TypeError, match="text is no number"):
        parse("city * 999999999999 == city").keeps(FRAME)
