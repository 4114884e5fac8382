"""The data card: a name reads as it is, and can do nothing."""

import pytest

from mlops.adopt.card import code


@pytest.mark.parametrize(
    ("name", "shown"), [("total_bill", "`total_bill`"), ("a`|<b>", "`a'\\|<b>`"), ("[x](http://y)", "`[x](http://y)`")]
)
def test_a_name_in_a_code_span_has_no_backslash_but_before_the_sign_of_the_table(name, shown):
    assert code(name) == shown
