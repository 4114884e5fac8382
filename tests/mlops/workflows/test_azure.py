"""Azure's pipelines, run by the expander on a small fork: from a push to production and back to a pull request, with a loopback in the place of Azure DevOps."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.azure_expander import TASKS, Environment, Event, Run, Service
from tests.mlops.ci.azure_loopback import azure_devops
from tests.mlops.workflows.repository import ROOT, STANDINS, Repository

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FILES = runpy.run_path(str(ROOT / "tests/mlops/delivery/conftest.py"))["FILES"]
PIPELINES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / ".azure-pipelines").rglob("*.yml")}
CI, DELIVER = ".azure-pipelines/ci.yml", ".azure-pipelines/deliver.yml"


def of_the_shops(text: str) -> str:
    """A pipeline whose models are those of the small fork, whatever they are here."""
    text = re.sub(r"(\bmodels: )\[[^\]]*\]( *#.*)?$", r"\1[shops]", text, flags=re.MULTILINE)
    return re.sub(r"(- name: model\n(?: .*\n)*?  +default: ).*", r"\1shops", text)


OWN = {
    **{name: of_the_shops(text) for name, text in PIPELINES.items()},
    "pyproject.toml": "[project]\nname = 'shops'\nversion = '1.0.0'\n",
    # The checks of this repository are about this repository; a fork's own are three words here.
    "project.mk": "check test audit pages:\n\t@echo $@: fine\n",
}
AUTHOR, APPROVER = "dev@example.org", "eve@example.org"


class Fork:
    """A small fork on Azure DevOps: its repository, the project that is told things, and who approves."""

    def __init__(self, place: Path, project) -> None:
        self.repository, self.project = Repository(place, Path("no act here")), project
        self.repository.make({**FILES, **OWN})
        self.says: str | None = None
        self.service = Service(
            self.repository.origin,
            place / "work",
            approve=self._asked,
            secrets={"System.AccessToken": project.token},
            prepare=self._pushing_takes_the_token,
            project=(project.url, "my project"),
            validates=(CI,),
        )

    def guard_production(self) -> None:
        self.service.environments["production"] = Environment(approvers=(APPROVER,))
        self.project.environments = [{"id": 3, "name": "production"}]
        settings = {"approvers": [{"displayName": APPROVER}], "minRequiredApprovers": 1, "requesterCannotBeApprover": True}
        self.project.checks = [{"id": 1, "type": {"name": "Approval"}, "settings": settings}]

    def _asked(self, environment, run, stage):
        """Somebody's word, which the service keeps in the timeline of the run."""
        if self.says:
            self.project.records = [
                {"id": "s", "type": "Stage", "identifier": stage},
                {"id": "c", "type": "Checkpoint", "parentId": "s"},
                {"id": "a", "type": "Checkpoint.Approval", "parentId": "c"},
            ]
            step = {"status": "approved", "actualApprover": {"uniqueName": self.says}}
            self.project.approvals = [{"id": "a", "status": "approved", "steps": [step]}]
        return self.says

    def _pushing_takes_the_token(self, folder: Path) -> None:
        """The checkout keeps no credentials; who has the job's token may push, as on the service."""
        script = f'test "$SYSTEM_ACCESSTOKEN" = {self.project.token} && exec git-receive-pack "$0"'
        for name, value in {"pushurl": str(self.repository.origin), "receivepack": f"sh -c {shlex.quote(script)}"}.items():
            subprocess.run(["git", "-C", folder, "config", f"remote.origin.{name}", value], check=True)

    def push(self, message: str, **parameters: str) -> str:
        for name, value in parameters.items():
            self._set(name, value)
        commit = self.repository.commit(message)
        self.repository.git("push", "--quiet", "origin", "HEAD:main")
        self.project.commits[commit] = {"author": {"email": AUTHOR}}
        return commit

    def propose(self, number: int, **parameters: str) -> Event:
        """Open a pull request: the branch, and the merge that the service makes of it."""
        git = self.repository.git
        git("switch", "--quiet", "--create", f"topic/{number}", "main")
        for name, value in parameters.items():
            self._set(name, value)
        head = self.repository.commit(f"Change {', '.join(parameters)}")
        git("switch", "--quiet", "--detach", "main")
        git("merge", "--quiet", "--no-ff", "--message", f"Merge pull request {number}", head)
        merge = git("rev-parse", "HEAD")
        git("push", "--quiet", "origin", f"HEAD:refs/pull/{number}/merge", f"{head}:refs/heads/topic/{number}")
        git("switch", "--quiet", "main")
        self.project.iterations = [{"id": 1, "sourceRefCommit": {"commitId": head}}]
        return Event("pull_request", merge, branch=f"topic/{number}", number=number, head=head, by=AUTHOR)

    def _set(self, name: str, value: str) -> None:
        before = self.repository.git("grep", "-ho", f"{name}: [0-9.]*[,}}]", "--", "src/pipelines/train.yml")
        self.repository.edit("src/pipelines/train.yml", before, f"{name}: {value}{before[-1]}")

    def comments(self, number: int) -> list[str]:
        return [thread["comments"][0]["content"] for thread in self.project.threads if thread["pullRequestId"] == number]

    def kept(self) -> str:
        return self.repository.git("ls-remote", "origin", "refs/heads/mlops-state/*", "refs/tags/*^{}")


def python(job, inputs, step, record):
    """What UsePythonVersion@0 and `make setup` give a job."""
    words = [sys.executable, STANDINS / "setup-python/link.py"]
    return subprocess.run(words, cwd=job.variables["Build.SourcesDirectory"], check=True).returncode


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
