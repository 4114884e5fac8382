"""Azure's pipelines, run by the expander on a small fork: from a push to production and back to a pull request, with a loopback in the place of Azure DevOps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.contract.azure_expander import TASKS, Event, Run
from tests.mlops.ci.azure_loopback import azure_devops
from tests.mlops.workflows.devops import APPROVER, AUTHOR, CI, DELIVER, Fork, python

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """A fork that nobody has set anything up for."""
    with pytest.MonkeyPatch.context() as patch, azure_devops() as project:
        patch.setitem(TASKS, "UsePythonVersion@0", ({"versionSpec"}, python))
        yield Fork(tmp_path_factory.mktemp("azure"), project)


@dataclass(frozen=True)
class Told:
    """What a run was at a time: it may go on later."""

    result: str
    stages: dict[str, str]
    verbs: list[tuple[str, str]]
    ticket: str
    kept: str
    text: str


def told(fork: Fork, run: Run) -> Told:
    ticket = run.jobs["train_shops"]["train"].outputs["train.ticket"]
    stages = {name: record.result for name, record in run.stages.items()}
    return Told(run.result, stages, [(verb, result) for _, verb, result in run.verbs], ticket, fork.kept(), run.text())


@pytest.fixture(scope="module")
def delivery(fork):
    """A first delivery: as it was when nobody had approved it, and as it was when somebody had."""
    event = Event("push", fork.push("Leave less to chance", blind="0.6"), by=AUTHOR)
    assert fork.service.started(event) == [DELIVER]
    run = fork.service.run(DELIVER, event)
    unapproved = told(fork, run)
    fork.guard_production()
    fork.service.again(run)
    waits = run.waits
    fork.says = APPROVER
    fork.service.go_on(run)
    return unapproved, waits, told(fork, run)


def test_a_delivery_that_nobody_approved_leaves_production_as_it_was_and_says_what_to_do(delivery):
    """C7: the environment came to be without a rule, when the run first named it."""
    before, _, _ = delivery
    ends = {
        "plan": "succeeded",
        "check": "succeeded",
        "train_shops": "succeeded",
        "staging_shops": "succeeded",
        "production_shops": "failed",
    }
    assert before.stages == ends, before.text
    assert "nobody approved this run for production; what serves there is as it was" in before.text
    assert "_environments: New environment 'production', then its Approvals and checks: Approvals." in before.text
    assert [line.split("\t")[1] for line in before.kept.splitlines()] == ["refs/heads/mlops-state/shops"]


def test_the_same_run_goes_on_to_production_once_somebody_approves_with_the_ticket_that_it_had(fork, delivery):
    before, waits, after = delivery
    assert waits == "production_shops"
    assert after.result == "succeeded", after.text
    way = ["plan", "pages", "check", "test", "audit", "train", "promote", "stop"]
    first = [*((verb, "succeeded") for verb in way), ("promote", "failed"), ("stop", "succeeded")]
    assert after.verbs == [*first, *((verb, "succeeded") for verb in ("promote", "provenance", "stop"))]
    assert after.ticket == before.ticket
    kept = dict(reversed(line.split("\t")) for line in after.kept.splitlines())
    assert set(kept) == {"refs/heads/mlops-state/shops", "refs/tags/shops/v1^{}"}
    assert len(set(kept.values())) == 1
    fork.repository.git("fetch", "--quiet", "origin", "mlops-state/shops")
    assert fork.repository.git("log", "-1", "--format=%s", "FETCH_HEAD") == "shops: production nothing -> v1"


@pytest.mark.parametrize(
    ("number", "change", "result", "said", "state"),
    [(1, {"blind": "0.9"}, "failed", "worse", "failed"), (2, {"rows": "4000"}, "succeeded", "no clear difference", "succeeded")],
    ids=["worse", "not better"],
)
def test_a_pull_request_is_red_where_it_makes_the_model_worse_and_green_where_it_is_merely_not_better(
    fork, delivery, number, change, result, said, state
):
    event = fork.propose(number, **change)
    kept = fork.kept()
    assert fork.service.started(event) == [CI]
    run = fork.service.run(CI, event)
    assert (run.result, run.stages["try_shops"].result) == (result, result), run.text()
    (comment,) = fork.comments(number)
    assert said in comment.splitlines()[1]
    (status,) = [one for one in fork.project.statuses if one["at"].startswith(str(number))]
    assert (status["state"], status["context"]["name"]) == (state, "model: shops")
    assert fork.kept() == kept
