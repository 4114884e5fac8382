"""From the service's states to the engine's events: values alone, no Azure, no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.azure.following import ENDED, Progressed, Seen
from mlops.engine.events import Canceled, Failed, Finished, Progress, Reused, Skipped, Started

pytestmark = pytest.mark.slow

NEEDS = {"make": (), "double": ("make",), "count": ("double",)}


def seen(step, status, **more):
    return Seen(step, f"run-of-{step}", status, **more)


def test_each_step_is_told_as_it_goes():
    told = Progressed(NEEDS, {"make": ("numbers",)})
    assert [type(one) for one in told.events([seen("make", "Queued")], 10)] == [Started, Progress]
    assert list(told.events([seen("make", "Queued")], 11)) == []
    assert list(told.events([seen("make", "Running")], 12)) == [Progress("make", "running")]
    (ended,) = told.events([seen("make", "Completed")], 15)
    assert (type(ended), ended.seconds) == (Finished, 5)
    assert ended.outputs["numbers"].path == "azureml://jobs/run-of-make/outputs/numbers"


def test_a_reused_step_is_told_with_the_run_that_it_is_from():
    (event,) = Progressed(NEEDS, {}).events([seen("make", "Completed", reused_from="9f2")], 1)
    assert (type(event), event.reason) == (Reused, "Azure ML has it from 9f2")


def test_what_never_began_is_skipped_for_the_step_that_failed():
    told = Progressed(NEEDS, {})
    assert [type(one) for one in told.events([seen("make", "Completed"), seen("double", "Failed")], 1)] == [
        Started,
        Finished,
        Started,
        Failed,
    ]
    assert list(told.rest("failed")) == [Skipped("count", "double failed")]


def test_what_runs_when_the_job_is_canceled_is_canceled():
    told = Progressed(NEEDS, {})
    list(told.events([seen("make", "Running")], 1))
    assert list(told.rest("canceled")) == [
        Canceled("make", 0.0, "the job is canceled"),
        Skipped("double", "the job is canceled"),
        Skipped("count", "the job is canceled"),
    ]


STATES = ["NotStarted", "Preparing", "Queued", "Running", "Finalizing", "CancelRequested", *ENDED, "a state of next year"]


@given(st.lists(st.lists(st.builds(seen, st.sampled_from([*NEEDS, "a stranger"]), st.sampled_from(STATES)), max_size=4), max_size=12))
def test_whatever_comes_in_whatever_order_each_step_ends_once(looks):
    told = Progressed(NEEDS, {})
    events = [event for n, look in enumerate(looks) for event in told.events(look, n)] + list(told.rest("failed"))
    ends = [event.step for event in events if not isinstance(event, Started | Progress)]
    assert sorted(ends) == sorted(NEEDS)
    for step in NEEDS:
        own = [type(event) for event in events if event.step == step]
        assert own.count(Started) <= 1
        assert own[-1] not in {Started, Progress}
