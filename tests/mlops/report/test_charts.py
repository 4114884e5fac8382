"""The pictures: scales that hold their values, and drawings that stay inside their frame."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.report import charts
from mlops.report.comparison import Difference
from mlops.report.gantt import bars, gantt
from mlops.report.svg import Scale, around, tag
from mlops.report.task import Told

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1))
def test_range_holds_all_values(values):
    low, high = around(values)
    assert low <= min(values)
    assert max(values) <= high


@given(NUMBERS, st.floats(0.001, 1e5))
def test_ticks_are_inside_and_few(low, width):
    scale = Scale(low, low + width, 0, 100)
    assert 1 <= len(scale.ticks(5)) <= 12


def test_text_and_attributes_are_escaped():
    assert tag("text", '<b>"', title='"><b>') == '<text title="&quot;&gt;&lt;b&gt;">&lt;b&gt;&quot;</text>'


@pytest.mark.parametrize("width", [340.0, 860.0])
def test_whiskers_stay_inside_the_picture(width):
    items = [Difference(f"carrier={n}", "higher", 0.7, 0.6, d, d - 0.1, d + 0.1, 500, "carrier") for n, d in enumerate((-0.4, 0.0, 0.4))]
    svg = charts.whiskers(items, width, "v3", "AUC")
    across = [float(x) for x in re.findall(r'(?:x1|x2|cx|x)="([-\d.]+)"', svg)]
    assert min(across) >= 0
    assert max(across) <= width


def test_one_very_wide_interval_does_not_press_the_others_together():
    items = [Difference(f"origin={n}", "higher", 0.7, 0.6, 0.0, -0.01, 0.01, 500, "origin") for n in range(5)]
    wide = Difference("origin=x", "higher", 0.7, 0.6, 0.0, -0.9, 0.9, 500, "origin")
    svg = charts.whiskers([*items, wide], 860, "v3", "AUC")
    assert ">0.5</text>" not in svg
    assert svg.count("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}") == 1


def test_months_of_which_one_has_no_auc_leave_a_gap():
    entries = [{"month": n, "auc": None if n == 3 else 0.7, "positive_share": 0.2, "rows": 9, "phase": "train"} for n in range(1, 7)]
    told = Told("binary", "auc", "late")
    svg = charts.monthly(charts.months(entries, told), 860, told)
    assert svg.count("<polyline") == 3
    assert ">Jun</text>" in svg


def test_calibration_zooms_to_what_there_is():
    svg = charts.calibration({"calibration": {"predicted": [0.1, 0.3], "observed": [0.1, 0.28], "rows": [10, 10]}}, 0.01, "v1")
    assert ">0.8</text>" not in svg
    assert ">0.3</text>" in svg


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.roc({}, None, "v"),
        lambda: charts.importance([], "fall of AUC"),
        lambda: charts.whiskers([], 340, "v", "AUC"),
        lambda: gantt([], 340),
    ],
)
def test_nothing_to_draw_is_no_picture(draw):
    assert draw() is None


def test_stations_follow_the_steps_in_time():
    run = {"seconds": 10.0, "steps": {"train": {"state": "finished", "at": 0.0, "seconds": 9.0}}}
    found = bars(run, {"staging": {"seconds": 6.0}, "production": {"seconds": 0.4}})
    assert [(bar.name, bar.at) for bar in found] == [("train", 0.0), ("staging", 10.0), ("production", 16.0)]


def test_run_in_which_all_was_reused_is_drawn():
    svg = gantt(bars({"steps": {"train": {"state": "reused", "reason": "same data"}}}, {}), 340)
    assert "none of which had to run" in svg
