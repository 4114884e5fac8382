"""A small fork on Azure DevOps: its repository, a service that runs its pipelines by the expander, the project that is told things, and who approves."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.contract.azure_expander import Environment, Event, Service
from tests.mlops.workflows.repository import ROOT, STANDINS, Repository

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

    files = {**{name: textwrap.dedent(text) for name, text in FILES.items()}, **OWN}

    def __init__(self, place: Path, project, files: dict[str, str] | None = None, **service) -> None:
        """`files` are put over those of the fork; `service` is what its service is given beside."""
        self.repository, self.project = Repository(place, Path("no act here")), project
        self.repository.make({**self.files, **(files or {})})
        self.says: str | None = None
        self.service = Service(
            self.repository.origin,
            place / "work",
            approve=self._asked,
            secrets={"System.AccessToken": project.token},
            prepare=self._pushing_takes_the_token,
            project=(project.url, "my project"),
            validates=(CI,),
            **service,
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
