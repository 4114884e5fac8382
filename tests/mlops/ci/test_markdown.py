"""Markdown that fits, however a system counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.ci.markdown import cut, one_line, sound, utf8, utf16

PIECES = st.lists(st.sampled_from(["```\n", "~~~~\n", "<details>\n", "</details>\n", "| a | b |\n", "🛫é", "x" * 40]), max_size=60).map(
    "".join
)


@pytest.mark.slow
@pytest.mark.parametrize("size", [utf8, utf16])
@given(text=PIECES, limit=st.integers(120, 900))
@settings(max_examples=150)
def test_what_is_cut_fits_and_says_so_and_what_fits_is_not_touched(size, text, limit):
    fits = cut(text, limit, size, "cut here")
    assert size(fits) <= limit
    assert fits == text if size(text) <= limit else fits.endswith("\n\ncut here\n")


def test_a_cut_ends_with_a_line_and_with_the_blocks_that_it_opened():
    text = "<details>\n\n~~~~\n" + "a line of a log\n" * 50
    assert cut(text, 200, len, "more").endswith("a line of a log\n~~~~\n</details>\n\nmore\n")


def test_a_title_is_one_line_and_no_half_character():
    assert one_line("a\r\nb\t\ud800 " + "c" * 9, 8) == "a b ? c…"
    assert sound("\0") == "�"
