"""Azure DevOps as a `Host`: the predefined variables of Azure Pipelines, its logging commands, and its REST API.

The token is the job's own (`SYSTEM_ACCESSTOKEN`, which a step only has where its `env:` maps it), on a person's machine their own
(`AZURE_DEVOPS_EXT_PAT`, as for the `az` command). What takes which permission of the build service is
a table in docs/how-to/azure-devops.md; here each call names its own, for the error that says it is missing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops.ci.api import Api, Patience, Refused, System
from mlops.ci.host import Approval, Context, Job, Protection, PullRequest
from mlops.ci.markdown import cut, one_line, sound, utf8, utf16
from mlops.ci.work_items import WorkItems
from mlops.errors import PlatformError
from mlops.state.git import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

PREVIEW, ENVIRONMENTS = "7.1-preview.1", "7.2-preview.1"
GENRE = "slipway"
TOKENS = ("SYSTEM_ACCESSTOKEN", "AZURE_DEVOPS_EXT_PAT")
LONGEST_COMMENT = 140_000  # 150,000 are documented; counted as .NET does, in units of UTF-16
LONGEST_SUMMARY = 1_000_000  # bytes; no limit is documented, GitHub's is 1 MiB
LONGEST_DESCRIPTION = 250
_PAGE = "docs/how-to/azure-devops.md lists what each call takes."
_REPOS = "Project settings > Repositories > Security > the project's Build Service: allow '{}'. " + _PAGE
_EVENTS = {
    "PullRequest": "pull_request",
    "IndividualCI": "push",
    "BatchedCI": "push",
    "Schedule": "schedule",
    "BuildCompletion": "workflow_run",
    "ResourceTrigger": "workflow_run",
}
_STATES = {"success": "succeeded", "neutral": "succeeded", "failure": "failed"}
_CONCLUSIONS = {
    "succeeded": "success",
    "succeededWithIssues": "success",
    "failed": "failure",
    "canceled": "cancelled",
    "abandoned": "cancelled",
    "skipped": "skipped",
}
_APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
_LOCK = "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"
_ESCAPES = {"%": "%AZP25", ";": "%3B", "\r": "%0D", "\n": "%0A", "]": "%5D"}


class AzureDevOps:
    """A job of Azure Pipelines.

    Args:
        environ: The process's environment variables.
        patience: How long a call may take.
    """

    def __init__(self, environ: Mapping[str, str], patience: Patience = Patience()) -> None:  # noqa: B008 - it is frozen
        self._environ, self._patience = environ, patience
        self._project = "/" + quote(self._of("SYSTEM_TEAMPROJECT"), safe="")
        self._pages = self._of("SYSTEM_COLLECTIONURI").rstrip("/") + self._project
        self._run_url = f"{self._pages}/_build/results?buildId={self._of('BUILD_BUILDID')}"

    @cached_property
    def context(self) -> Context:
        """What this run is about. Of a pull request the labels are asked for, where the step has the token and it is no fork's."""
        known = _context(self._environ, self._run_url)
        if known.pull_request is None or known.fork or not self._of("SYSTEM_ACCESSTOKEN") or not self._in_azure_repos:
            return known
        path = f"{self._repository}/pullRequests/{known.pull_request}/labels"
        told = self._ask("GET", path, "read the labels of the pull request", needs=_REPOS.format("Read"))
        return replace(known, labels=tuple(label["name"] for label in told["value"] if label.get("active", True)))

    def output(self, name: str, value: str) -> None:
        """Hand a value on: `outputs['step.NAME']` of the job, where the step has a name."""
        print(f"##vso[task.setvariable variable={_escaped(name)};isOutput=true]{_escaped(value)}", flush=True)

    def summary(self, markdown: str) -> None:
        """Add a section to the run's summary."""
        more = f"Cut here: the page of a run takes no more. The whole is in the log of {self._run_url}"
        path = _new_file(Path(self._of("AGENT_TEMPDIRECTORY")), cut(sound(markdown), LONGEST_SUMMARY, utf8, more).rstrip("\n"))
        print(f"##vso[task.uploadsummary]{_escaped(str(path))}", flush=True)

    def error(self, message: str, file: str = "", line: int = 0) -> None:
        """Mark a line of the change."""
        place = f"sourcepath={_escaped(file)};" if file else ""
        place += f"linenumber={line};" if line else ""
        print(f"##vso[task.logissue type=error;{place}]{_escaped(harmless(message))}", flush=True)

    def comment(self, pull_request: int, key: str, body: str) -> str:
        """Write the one thread `key`. It is opened as closed, so that a policy on unresolved comments does not hold the pull request."""
        mark = f"<!-- {GENRE}:{key} -->"
        more = f"Cut here: a comment takes no more. The whole is in {self._run_url}"
        text = f"{mark}\n{cut(sound(body), LONGEST_COMMENT - utf16(mark) - 1, utf16, more)}".rstrip("\n")
        threads = f"{self._repository}/pullRequests/{pull_request}/threads"
        to, needs = f"write the comment on pull request {pull_request}", _REPOS.format("Contribute to pull requests")
        new = {"comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}], "status": "closed"}
        not_ours: set[int] = set()

        def find() -> dict[str, Any] | None:
            told = self._ask("GET", threads, to, needs=needs)["value"]
            return next((one for one in told if one["id"] not in not_ours and _begins_with(one, mark)), None)

        while (thread := find()) is not None:
            try:
                ours = f"{threads}/{thread['id']}/comments/{thread['comments'][0]['id']}"
                self._ask("PATCH", ours, to, body={"content": text}, needs=needs)
                break
            except Refused:  # somebody else wrote our mark: theirs stays theirs
                not_ours.add(thread["id"])
        else:
            thread = self._ask("POST", threads, to, body=new, needs=needs, made=find)
        return f"{self._web}/pullrequest/{pull_request}?discussionId={thread['id']}"

    def check(self, name: str, commit: str, conclusion: str, title: str, summary: str, url: str = "") -> str:
        """Set the status `slipway/name`: in a pull request's run of the iteration whose head the commit is, else of the commit itself.

        A newer push is a newer iteration, which has no status yet. A status has a line and no page: the summary goes to the page of the run.
        Neutral is succeeded here, for a policy that requires a status waits for that.
        """
        status: dict[str, Any] = {
            "state": _STATES[conclusion],
            "description": one_line(title, LONGEST_DESCRIPTION, utf16),
            "context": {"genre": GENRE, "name": name},
            "targetUrl": url or self._run_url,
        }
        if summary:
            self.summary(f"## {name}: {title}\n\n{summary}")
        number, to = self.context.pull_request, f"set the check {name!r}"
        if number is None:
            self._ask("POST", f"{self._repository}/commits/{commit}/statuses", to, body=status, needs=_REPOS.format("Contribute"))
            return f"{self._web}/commit/{commit}"
        pull_request, needs = f"{self._repository}/pullRequests/{number}", _REPOS.format("Contribute to pull requests")
        told = self._ask("GET", f"{pull_request}/iterations", to, needs=needs)["value"]
        iterations = [one["id"] for one in told if one.get("sourceRefCommit", {}).get("commitId") == commit]
        if not iterations:
            raise PlatformError(
                f"pull request {number} has no iteration with {commit[:12]} as its head, so there is nothing to set the check of"
            )
        self._ask("POST", f"{pull_request}/statuses", to, body={**status, "iterationId": iterations[-1]}, needs=needs)
        return f"{self._web}/pullrequest/{number}"

    def issue(self, key: str, title: str, body: str) -> str:
        """Open the one work item that has the tag `slipway key`, or bring it up to date."""
        return self._work_items.write(key, title, body)

    def close_issue(self, key: str, body: str) -> str | None:
        """Close the work item with a last word."""
        return self._work_items.close(key, body)

    def deployed(self, environment: str, commit: str, description: str, url: str = "", *, ok: bool = True) -> None:
        """Say it on the page of the run. The environment's own page has the run already: its deployment job is the record."""
        end = "went to" if ok else "did not go to"
        self.summary(f"{description} {end} **{environment}**, from commit `{commit[:12]}`.{f' It answers at {url}' if url else ''}")

    def protection(self, environment: str) -> Protection:
        """Return the approvals that a person must give before a stage uses the environment."""
        found = self._environment(environment)
        if found is None:
            mend = f"{self._pages}/_environments: New environment '{environment}', then its Approvals and checks: Approvals."
            told = f"there is no environment {environment!r}: the first run that names it makes it, without any approval"
            return Protection(exists=False, reviewers=0, author_may_approve=True, told=told, mend=mend)
        query = {"resourceType": "environment", "resourceId": str(found["id"]), "$expand": "settings"}
        page = f"{self._pages}/_environments/{found['id']}"
        needs = f"{page} > Security: the project's Build Service as 'Reader'. {_PAGE}"
        path = f"{self._project}/_apis/pipelines/checks/configurations"
        told = self._ask("GET", path, f"see what guards the environment {environment!r}", PREVIEW, query=query, needs=needs)["value"]
        return _protection(environment, [one for one in told if not one.get("isDisabled")], page)

    def approvals(self, environment: str) -> tuple[Approval, ...]:
        """Return who approved the stages of this run that use the environment.

        A stage has one checkpoint for all that it uses: where it uses another guarded resource too, its approvals are among these.
        """
        build = f"{self._project}/_apis/build/builds/{self._of('BUILD_BUILDID')}"
        records = self._records(build)
        stages = {one["id"] for one in records if one["type"] == "Stage" and one.get("identifier") in self._stages_into(environment)}
        checkpoints = {one["id"] for one in records if one["type"] == "Checkpoint" and one.get("parentId") in stages}
        asked = [one["id"] for one in records if one["type"] == "Checkpoint.Approval" and one.get("parentId") in checkpoints]
        if not asked:
            return ()
        path, query = f"{self._project}/_apis/pipelines/approvals", {"approvalIds": ",".join(asked), "$expand": "steps"}
        told = self._ask("GET", path, "see who approved this run", query=query, needs=_PAGE)["value"]
        steps = [
            step for one in told if one.get("status") == "approved" for step in one.get("steps", []) if step.get("status") == "approved"
        ]
        return tuple(
            Approval(_person(step["actualApprover"]), environment, step.get("lastModifiedOn", ""), step.get("comment") or "")
            for step in steps
        )

    def authors(self, commit: str) -> tuple[str, ...]:
        """Return the address that git has for the author, as approvals and `actor` name people by theirs, and who opened what brought the commit."""
        if not self._in_azure_repos:
            return ()
        path, needs = f"{self._repository}/commits/{commit}", _REPOS.format("Read")
        told = self._ask("GET", path, "see who wrote the commit", needs=needs, absent=(404,))
        if told is None:
            return ()
        path, to = f"{self._repository}/pullrequestquery", "see which pull requests brought the commit"
        asked = {"queries": [{"type": kind, "items": [commit]} for kind in ("lastMergeCommit", "commit")]}
        found = self._ask("POST", path, to, body=asked, needs=needs)["results"]
        brought = [one for by_commit in found for one in by_commit.get(commit, []) if one["status"] == "completed"]
        people = [told.get("author", {}).get("email", "").lower(), *(_person(one["createdBy"]) for one in brought)]
        return tuple(dict.fromkeys(filter(None, people)))

    def tested(self) -> PullRequest | None:
        """Return None: no run follows a pull request's here. Its own run comments, and a fork's has no permission to."""
        return None

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs that have ended, of the run that this one follows or of this one."""
        alias = re.sub(r"\W", "_", self._of("RESOURCES_TRIGGERINGALIAS")).upper()
        other = self._of("BUILD_TRIGGEREDBY_BUILDID") or (self._of(f"RESOURCES_PIPELINE_{alias}_RUNID") if alias else "")
        run = other or self._of("BUILD_BUILDID")
        found = self._records(f"{self._project}/_apis/build/builds/{run}")
        page = f"{self._pages}/_build/results?buildId={run}&view=logs"
        return tuple(
            Job(one["name"], _CONCLUSIONS.get(one.get("result", ""), "failure"), f"{page}&j={one['id']}", _seconds(one))
            for one in sorted(found, key=lambda one: one.get("order") or 0)
            if one["type"] == "Job" and one.get("state") == "completed"
        )

    @cached_property
    def _api(self) -> Api:
        variable = next((name for name in TOKENS if self._of(name) and not self._of(name).startswith("$(")), None)
        if variable is None:
            hint = "Give it to the step: `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`."
            raise PlatformError("this step has no SYSTEM_ACCESSTOKEN, so Azure DevOps cannot be asked", hint=hint)
        system = System(
            name="Azure DevOps",
            token=variable,
            health="status.dev.azure.com",
            headers={"Accept": "application/json"},
            hint=partial(_hint, f"{variable} is not good for {self._pages}", own=variable != TOKENS[0]),
            basic=variable != TOKENS[0],
            signs_in=True,
        )
        return Api(system, self._of("SYSTEM_COLLECTIONURI"), self._of(variable), self._patience)

    @property
    def _work_items(self) -> WorkItems:
        return WorkItems(self._api, self._project)

    @property
    def _in_azure_repos(self) -> bool:
        return self._of("BUILD_REPOSITORY_PROVIDER") in {"", "TfsGit"}

    @property
    def _repository(self) -> str:
        if not self._in_azure_repos:
            told = f"the repository is at {self._of('BUILD_REPOSITORY_PROVIDER')}, and Azure DevOps has no pull requests or statuses of it"
            raise PlatformError(told, hint="Use .github/workflows there; Azure Pipelines comments on Azure Repos only.")
        return f"{self._project}/_apis/git/repositories/{quote(self._of('BUILD_REPOSITORY_ID'), safe='')}"

    @property
    def _web(self) -> str:
        return f"{self._pages}/_git/{quote(self._of('BUILD_REPOSITORY_NAME'), safe='')}"

    def _of(self, name: str) -> str:
        return self._environ.get(name, "")

    def _ask(self, method: str, path: str, to: str, version: str = "7.1", *, query: Mapping[str, str] | None = None, **how: Any) -> Any:
        return self._api.call(method, path, to, query={**(query or {}), "api-version": version}, **how)

    def _environment(self, name: str) -> dict[str, Any] | None:
        path, needs = f"{self._project}/_apis/pipelines/environments", f"{self._pages}/_environments > Security: 'Reader'. {_PAGE}"
        told = self._ask("GET", path, f"find the environment {name!r}", ENVIRONMENTS, query={"name": name}, needs=needs)["value"]
        return next((one for one in told if one["name"].lower() == name.lower()), None)

    def _records(self, build: str) -> list[dict[str, Any]]:
        told = self._ask("GET", f"{build}/timeline", "read the stages of the run", needs=f"Pipelines > Security: 'View builds'. {_PAGE}")
        return list((told or {}).get("records") or [])

    def _stages_into(self, environment: str) -> set[str]:
        """The names of this run's stages that deploy to an environment: in its deployment job a variable says so, else its history."""
        if self._of("ENVIRONMENT_NAME").lower() == environment.lower():
            return {self._of("SYSTEM_STAGENAME")}
        found = self._environment(environment)
        if found is None:
            return set()
        path, to = f"{self._project}/_apis/pipelines/environments/{found['id']}/environmentdeploymentrecords", "see which stages deployed"
        told = self._ask("GET", path, to, ENVIRONMENTS, query={"top": "100"}, needs=_PAGE)["value"]
        return {one["stageName"] for one in told if str(one.get("owner", {}).get("id")) == self._of("BUILD_BUILDID")}


def _hint(renew: str, status: int, needs: str, *, own: bool) -> str:
    if status != 401:
        return f"{needs} A token of your own needs the scopes that the page names." if own else needs
    word = "has it ended, or is it another organization's?" if own else "is the project within 'Limit job authorization scope'?"
    return f"{renew}: {word} {_PAGE}"


def harmless(text: str) -> str:
    """Return a text in which the agent finds no command: it looks for `##vso[` anywhere in a line, and the log for `##[`."""
    return re.sub(r"##(?=(vso)?\[)", "# #", text, flags=re.IGNORECASE)


def _context(environ: Mapping[str, str], run_url: str) -> Context:
    of = environ.get
    event = _EVENTS.get(of("BUILD_REASON", ""), "manual")
    pull_request = of("SYSTEM_PULLREQUEST_PULLREQUESTID") or of("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") or ""
    about_one = event == "pull_request"
    name = of("BUILD_REPOSITORY_NAME", "")
    branch = (about_one and of("SYSTEM_PULLREQUEST_SOURCEBRANCH")) or of("BUILD_SOURCEBRANCH", "")
    return Context(
        system="azure",
        event=event,
        repository=name if "/" in name else f"{of('SYSTEM_TEAMPROJECT', '')}/{name}",
        commit=(about_one and of("SYSTEM_PULLREQUEST_SOURCECOMMITID")) or of("BUILD_SOURCEVERSION", ""),
        base=_parent(environ) if event in {"pull_request", "push"} else None,
        branch=branch.removeprefix("refs/heads/"),
        pull_request=int(pull_request) if about_one and pull_request.isdigit() else None,
        fork=about_one and of("SYSTEM_PULLREQUEST_ISFORK", "").lower() == "true",
        actor=(of("BUILD_REQUESTEDFOREMAIL") or of("BUILD_REQUESTEDFOR", "")).lower(),
        run_id=of("BUILD_BUILDID", ""),
        attempt=max(int(of(key) or 1) for key in ("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT")),
        run_url=run_url,
    )


def _parent(environ: Mapping[str, str]) -> str | None:
    """The first parent of what CI checked out: of a pull request's merge the target, of a push the commit before it. No variable has it."""
    parent = f"{environ.get('BUILD_SOURCEVERSION', '')}^1"
    return answer(Path(environ.get("BUILD_SOURCESDIRECTORY", "")), "rev-parse", "--verify", "--quiet", parent) or None


def _protection(environment: str, checks: list[dict[str, Any]], page: str) -> Protection:
    approvals = [one.get("settings") or {} for one in checks if one["type"].get("id") == _APPROVAL or one["type"].get("name") == "Approval"]
    locked = any(one["type"].get("id") == _LOCK or one["type"].get("name") == "ExclusiveLock" for one in checks)
    reviewers = sum(len(one.get("approvers") or []) for one in approvals)
    may = all(not one.get("requesterCannotBeApprover") for one in approvals)
    lock = "an exclusive lock" if locked else "no exclusive lock, so deliveries may overtake each other"
    if not reviewers:
        told = f"nobody has to approve what goes to {environment}; it has {lock}"
        mend = f"{page} > Approvals and checks > + > Approvals: name who may approve, and forbid approval of one's own runs."
        return Protection(exists=True, reviewers=0, author_may_approve=True, told=told, mend=mend)
    least = sum(one.get("minRequiredApprovers") or len(one.get("approvers") or []) for one in approvals)
    own = "may approve" if may else "may not approve"
    told = f"{least} of {reviewers} approvers must approve what goes to {environment}, who started the run {own}; it has {lock}"
    mend = "" if locked else f"{page} > Approvals and checks > + > Exclusive Lock."
    return Protection(exists=True, reviewers=reviewers, author_may_approve=may, told=told, mend=mend)


def _begins_with(thread: dict[str, Any], mark: str) -> bool:
    comments = thread.get("comments") or [{}]
    alive = not thread.get("isDeleted") and not comments[0].get("isDeleted")
    return alive and (comments[0].get("content") or "").startswith(mark)


def _person(identity: dict[str, Any]) -> str:
    return str(identity.get("uniqueName") or identity.get("displayName") or "").lower()


def _seconds(record: dict[str, Any]) -> float | None:
    if not record.get("startTime") or not record.get("finishTime"):
        return None
    start, finish = (datetime.fromisoformat(record[key][:19]) for key in ("startTime", "finishTime"))
    return (finish - start).total_seconds()


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _new_file(folder: Path, text: str) -> Path:
    """A file of its own: several steps, and several verbs of one, add to the page, and the name is the section's title."""
    number = 1
    while True:
        path = folder / (f"summary-{number}.md" if number > 1 else "summary.md")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise PlatformError(
                f"the page of the run cannot be written: {error.strerror}", where=str(path), hint="Is AGENT_TEMPDIRECTORY set?"
            ) from error
        else:
            return path
