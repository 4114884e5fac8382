"""The screen and the markdown about a look at production."""

import pytest

from mlops.report.monitor import report, screen, sparkline, title


def facts(status="attention", said="AUC 0.661, and 0.695 on the held-out rows", name="temp", window="2013-11", **more):
    columns = {name: {"psi": 0.5, "missing": 0.03, "reference_missing": 0.002, "new": None, "why": "", "told": False}}
    columns["gone"] = {"psi": None, "missing": 1.0, "reference_missing": 0.0, "new": None, "why": "every value is missing", "told": True}
    now = {"value": 0.661, "low": 0.65, "high": 0.67, "gain": -0.034, "gain_low": -0.044, "gain_high": -0.023}
    one = {"window": window, "rows": 26971, "labelled": 26971, "positive_share": 0.181, "mean_score": 0.249, "performance": now}
    return {
        "model": "flights",
        "version": 1,
        "status": status,
        "findings": [{"kind": "performance", "status": status, "window": window, "subject": "auc", "said": said, "evidence": "page.html"}],
        "windows": [one | {"columns": columns, "score": {"psi": 0.03}}],
        "reference": {"kind": "train", "rows": 217727, "held_out": 55628, "positive_share": 0.157, "mean_score": 0.227},
        "metric": {"name": "auc", "value": 0.695},
        "rules": {"drift": {"at_most": 0.2}},
        "retrain": False,
        "why": "nothing asks for it",
        "run": 3,
        "folder": ".mlops/runs/3",
        "at": "2026-11-24T11:29:00Z",
    } | more


def test_the_title_is_the_worst_finding():
    assert title(facts()) == "flights v1: performance: 2013-11: AUC 0.661, and 0.695 on the held-out rows"
    assert title(facts("ok")) == "flights v1 is well"
    assert len(title(facts(said="w" * 400))) == 200


def test_the_screen_shows_status_windows_findings_and_what_to_do_within_the_width():
    shown = screen(facts(), width=80, colour=False)
    assert "! flights v1 needs a look" in shown
    assert "2013-11  26,971    18.1 %  0.661  −0.034 [−0.044, −0.023]   1 of 1" in shown
    assert "train again  no: nothing asks for it" in shown
    assert "train on newer rows" in shown
    assert max(map(len, screen(facts(said="word " * 60), width=80, colour=False).splitlines()[:12])) <= 80


def test_the_markdown_has_every_window_and_column_with_what_could_not_be_computed():
    """D8."""
    told = report(facts())
    assert "| 2013-11 | 26,971 | 26,971 | 18.1 % | 24.9 % | 0.661 | −0.034 [−0.044, −0.023] | 0.03 | 1 of 1 |" in told
    assert "| temp | █ | 0.50 | 3.0 %, 0.2 % |  |  |" in told
    assert "| gone | · | – | 100.0 %, 0.0 % |  | insufficient data: every value is missing |" in told
    assert "217,727 training rows" in told


@pytest.mark.parametrize("part", ["said", "name", "window", "why"])
def test_what_comes_from_data_is_text_in_the_markdown(part):
    """D12: it closes no table, writes no tag, links nothing and calls nobody."""
    told = report(facts(**{part: "1a|b\n# <img src=x> @octocat #1 [x](y) **z** `q`"}))
    assert "<img" not in told
    assert "@octocat" not in told
    assert "a&#124;b " in told
    assert "&#91;x&#93;(y) &#42;&#42;z&#42;&#42; &#96;q&#96;" in told
    assert "\n# " not in told


def test_a_look_that_measured_nothing_is_told_all_the_same():
    told = facts("bad", windows=[], reference=None, metric=None, version=None)
    assert "### By window" not in report(told)
    assert "✘ flights v– is not well" in screen(told, width=80, colour=False)


def test_a_sparkline_goes_from_the_smallest_to_the_largest_or_between_given_ends():
    assert sparkline([0, 1, None, 2]) == "▁▅·█"
    assert sparkline([0.1, 0.2, 9.0], 0.0, 0.4) == "▃▅█"
    assert sparkline([float("nan"), 1.0]) == "·▁"
