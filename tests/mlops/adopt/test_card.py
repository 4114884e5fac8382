"""Words of the data in Markdown: they are shown as they are, and are never a link, a tag or a cell."""

from types import SimpleNamespace

import pytest

from mlops.adopt import readme
from mlops.adopt.card import cell, code, text


@pytest.mark.parametrize(
    ("words", "told"),
    [("total_bill", "`total_bill`"), ("a|b", r"`a\|b`"), ("a`b``c", "``` a`b``c ```"), ("a\n\nb", "`a b`"), ("<b>", "`<b>`"), ("", "` `")],
)
def test_a_name_in_code_is_shown_with_the_signs_that_it_has(words, told):
    assert code(words) == told


def test_a_bar_outside_of_a_table_is_itself():
    assert code("a|b", table=False) == "`a|b`"


def test_a_class_that_looks_like_a_link_is_none_in_the_readme():
    evil = "[x](http://evil)"
    plan = SimpleNamespace(name="m", columns=[], rows=9, task="binary", target="total_bill", positive=evil, classes=())
    measured = SimpleNamespace(rows=9, metric="roc_auc", model=0.9, guess=0.5, guess_words=f"always {evil}")
    text = readme.rewritten(readme.ANCHOR, plan, measured)
    assert "whether `total_bill` is `[x](http://evil)`" in text
    assert f"(always {cell(evil)})" in text
    assert f"always {evil}" not in text


def test_the_card_says_where_each_part_of_the_preparation_is(plan, base):
    layout = SimpleNamespace(name="m", package="src/project", data="data/m")
    told = text(plan(base.assign(seen="2020-01-01")), layout, "here", None)
    parts = [line.split(" | ")[0] for line in told.partition("## Preparation")[2].splitlines() if line.startswith("| ")]
    assert parts[1:] == [f"| {name}" for name in ("import", "validate", "clean", "wrangle", "stage", "transform", "normalise")]
    assert "branch `numbers` (3 columns)" in told
