"""Who gets the traffic next: decided on values alone."""

from __future__ import annotations

import pytest

from mlops.azure.traffic import (
    COMING,
    SERVES,
    Change,
    Deployed,
    Seen,
    arrived,
    cut_short,
    deployment_name,
    mirrored,
    put_back,
    shifted,
    spare,
    stages,
)

STAGES = (10, 50, 100)


def seen(traffic=None, mirror=None, tags=None, names=("v1-a", "v2-b", "v3-c")):
    return Seen(traffic or {}, mirror or {}, tags or {}, {name: Deployed(name, "Succeeded", {"version": name[1]}) for name in names})


def after(before: Seen, change: Change) -> Seen:
    return Seen({k: v for k, v in change.traffic.items() if v}, change.mirror, {**before.tags, **change.tags}, before.deployments)


def test_a_deployment_is_called_after_its_version_and_files():
    assert deployment_name(12, "sha256:0123456789abcdef") == "v12-01234567"


def test_the_whole_way_sums_up_to_a_hundred_and_is_whole_after_every_step():
    now = seen({"v1-a": 100})
    now = after(now, mirrored(now, "v2-b", 10))
    assert (now.serves, now.coming, now.mirror) == ("v1-a", "v2-b", {"v2-b": 10})
    for percent in STAGES:
        now = after(now, shifted(now, "v2-b", percent))
        assert sum(now.traffic.values()) == 100
        assert (now.serves, now.coming) == ("v1-a", "v2-b"), "until it was watched to the end, the old one is what is gone back to"
    now = after(now, arrived(now, "v2-b"))
    assert (now.traffic, now.serves, now.before, now.coming) == ({"v2-b": 100}, "v2-b", "v1-a", None)
    assert put_back(now) is None


@pytest.mark.parametrize("percent", [0, *STAGES])
def test_from_each_stage_one_change_puts_all_of_it_back(percent):
    now = seen({"v1-a": 100})
    now = after(now, mirrored(now, "v2-b", 10) if not percent else shifted(now, "v2-b", percent))
    back = after(now, put_back(now))
    assert (back.traffic, back.mirror, back.serves, back.coming) == ({"v1-a": 100}, {}, "v1-a", None)


def test_a_shift_goes_on_where_it_was_cut_short_and_another_version_puts_it_back_first():
    now = after(seen({"v1-a": 100}), shifted(seen({"v1-a": 100}), "v2-b", 50))
    assert stages(now, "v2-b", STAGES) == (50, 100)
    assert not cut_short(now, "v2-b")
    assert cut_short(now, "v3-c")


def test_the_first_version_gets_all_at_once_and_nothing_where_it_is_put_back():
    now = seen()
    assert mirrored(now, "v1-a", 10) is None
    assert stages(now, "v1-a", STAGES) == (100,)
    now = after(now, shifted(now, "v1-a", 100))
    assert (now.traffic, now.serves) == ({"v1-a": 100}, None)
    assert put_back(now) == Change({}, {}, {SERVES: "", COMING: ""})


def test_only_what_nobody_is_sent_to_may_go():
    now = seen({"v2-b": 100}, tags={SERVES: "v2-b", "slipway-before": "v1-a"})
    assert spare(now) == ("v3-c",)
    assert spare(now, "v3-c") == ()
    assert spare(seen({"v2-b": 90, "v3-c": 10}, tags={SERVES: "v2-b", COMING: "v3-c"})) == ("v1-a",)


def test_a_deployment_of_somebody_else_is_left_alone():
    theirs = Seen(
        {"v1-a": 100}, {}, {}, {"v1-a": Deployed("v1-a", "Succeeded", {"version": "1"}), "theirs": Deployed("theirs", "Succeeded")}
    )
    assert spare(theirs) == ()
