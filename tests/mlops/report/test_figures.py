"""Numbers as a person reads them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.report import figures
from mlops.report.comparison import Difference


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "0.5", True, [], {}])
def test_what_is_no_number_is_a_dash(value):
    assert {figures.decimal(value), figures.signed(value), figures.count(value), figures.percent(value), figures.seconds(value)} == {"–"}


def test_signs_are_true_and_zero_has_none():
    assert [figures.signed(value) for value in (0.0812, -0.0812, 0.0, -0.0001)] == ["+0.081", "−0.081", "0.000", "0.000"]


def test_small_numbers_get_the_digits_they_need():
    assert [figures.places(0.05, 0.2), figures.places(0.0004, 0.2), figures.places(-0.00004)] == [3, 4, 5]


def test_a_metric_has_the_digits_of_its_scale():
    values = (0.742, 0.0131, 3_012_345.6, 12.34, 0.000312, -0.4, None)
    assert [figures.measured(value) for value in values] == ["0.742", "0.013", "3,012,346", "12.3", "0.000312", "−0.400", "–"]
    assert [figures.bound(value) for value in (0.66, 3_000_000, 0.0003)] == ["0.66", "3,000,000", "0.0003"]
    assert [figures.places(-120_000.0, 5000), figures.places(0.00000321)] == [0, 8]


def test_durations_change_their_unit():
    assert [figures.seconds(value) for value in (0.012, 9.84, 161, 7500)] == ["0.01 s", "9.8 s", "2 min 41 s", "2 h 5 min"]


@given(st.text())
def test_plain_text_has_no_control_character_left(words):
    assert not [character for character in figures.line(words) if ord(character) < 32 or 127 <= ord(character) < 160]


@pytest.mark.parametrize(
    ("better", "low", "high", "mark"),
    [
        ("higher", 0.01, 0.03, "▲"), ("higher", -0.03, -0.01, "▼"), ("higher", -0.01, 0.01, "≈"), ("higher", 0.0, 0.0, "≈"),
        ("lower", -0.03, -0.01, "▲"), ("lower", 0.01, 0.03, "▼"), ("lower", None, 0.01, ""),
    ],
)  # fmt: skip
def test_mark_follows_the_interval_and_the_direction(better, low, high, mark):
    assert Difference("m", better, 1, 1, 0, low, high).mark == mark
