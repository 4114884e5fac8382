"""GitHub Actions as a host: what a run is about, from the runner's own variables and event file; the rest through the REST API.

Nothing that a change could have written decides anything here: a pull request is found in GitHub's own list, a comment of ours is one that our
own identity wrote, and what is printed is escaped.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
import urllib.parse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.ci.api import Api, Patience, System
from mlops.ci.host import Approval, Context, Job, Protection, PullRequest
from mlops.ci.markdown import cut, one_line, sound, utf8, utf16
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BOT = "github-actions[bot]"
"""Who the token of a job writes as."""
WEB = "web-flow"
"""The committer of what is merged on GitHub's pages."""
LABEL = "slipway"
LONGEST_COMMENT = 65_000  # of the 65,536 characters that GitHub takes, as it does not say how it counts
LONGEST_SUMMARY = 1024 * 1024 - 1024
LONGEST_MESSAGE = 4_000
_PAGE, _PAGES = 100, 100
_EVENTS = {"workflow_dispatch": "manual"}
_CONCLUSIONS = {
    "neutral": "success",
    "stale": "cancelled",
    "timed_out": "failure",
    "action_required": "failure",
    "startup_failure": "failure",
}


class GitHub:
    """The repository that GITHUB_REPOSITORY names, and the run that this process is in.

    Args:
        environ: The runner's variables.
        patience: How long a call of the API may take.

    Raises:
        PlatformError: The event file is not JSON.
    """

    def __init__(self, environ: Mapping[str, str], patience: Patience = Patience()) -> None:  # noqa: B008 - it is frozen
        self._environ, self._patience = environ, patience
        self._event = _read_event(environ.get("GITHUB_EVENT_PATH", ""))
        self.context = _context(environ, self._event)
        self._made_api: Api | None = None

    @property
    def api(self) -> Api:
        """The API, asked with the job's token.

        Raises:
            PlatformError: There is no token.
        """
        if self._made_api is None:
            token = self._environ.get("GITHUB_TOKEN", "").strip()
            if not token:
                hint = "Add to the step:\n  env:\n    GITHUB_TOKEN: ${{ github.token }}"
                raise PlatformError("GITHUB_TOKEN is not set, and nothing can be asked of GitHub without it", hint=hint)
            address = self._environ.get("GITHUB_API_URL") or "https://api.github.com"
            self._made_api = Api(_SYSTEM, address, token, self._patience)
        return self._made_api

    def path(self, *words: str | int) -> str:
        """Return the path of something in the repository; each word is one segment, whatever is in it."""
        owner, _, name = self.context.repository.partition("/")
        if not owner or not name:
            raise PlatformError(f"GITHUB_REPOSITORY is {self.context.repository!r}, and not owner/name", hint="Actions sets it.")
        return "/".join(["/repos", *map(segment, (owner, name, *words))])

    def pages(self, path: str, to: str, *, needs: str, query: Mapping[str, str] | None = None, key: str = "") -> Iterator[Any]:
        """Yield every entry of a list, page by page; `key` is where the list stands in the answer.

        Raises:
            PlatformError: It could not be read, or is longer than any list that is meant here.
        """
        for page in range(1, _PAGES + 1):
            answer = self.api.call("GET", path, to, needs=needs, query={**(query or {}), "per_page": str(_PAGE), "page": str(page)})
            entries = (answer or {}).get(key, []) if key else answer or []
            yield from entries
            if len(entries) < _PAGE:
                return
        raise PlatformError(f"could not {to}: there are more than {_PAGE * _PAGES} entries", where=f"GET {path}", hint="Clear the list up.")

    def output(self, name: str, value: str) -> None:
        """Append to GITHUB_OUTPUT; the delimiter is random, so that no value can end itself and begin another output."""
        mark = f"end_{secrets.token_hex(16)}"
        self._append("GITHUB_OUTPUT", f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)}<<{mark}\n{sound(value)}\n{mark}\n")

    def summary(self, markdown: str) -> None:
        """Append to the page of the run; GitHub drops all of it where a step writes more than 1 MiB."""
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        there = Path(path).stat().st_size if path and Path(path).exists() else 0
        word = "> [!NOTE]\n> Cut here: a summary has 1 MiB at most. The rest is in the report."
        text = cut(sound(markdown).rstrip("\n") + "\n", max(0, LONGEST_SUMMARY - there), utf8, word)
        if there + utf8(text) < LONGEST_SUMMARY + 512:
            self._append("GITHUB_STEP_SUMMARY", text)

    def error(self, message: str, file: str = "", line: int = 0) -> None:
        """Print an error command."""
        told = {"file": file, "line": str(line) if file and line else ""}
        properties = ",".join(f"{key}={_escaped(sound(value), ':,')}" for key, value in told.items() if value)
        print(f"::error {properties}".rstrip() + f"::{_escaped(sound(message)[:LONGEST_MESSAGE])}", flush=True)

    def comment(self, pull_request: int, key: str, body: str) -> str:
        """Write it where our own identity wrote it before, else anew; nobody else's comment is touched, whatever it begins with."""
        marker, to, needs = _marker(key), f"write the comment on pull request {pull_request}", "pull-requests: write"
        text = f"{marker}\n{self._fitting(body)}"

        def find() -> Any:
            entries = self.pages(self.path("issues", pull_request, "comments"), to, needs=needs)
            return next((entry for entry in entries if _ours(entry, marker)), None)

        found = find()
        if found is None:
            found = self.api.call("POST", self.path("issues", pull_request, "comments"), to, needs=needs, body={"body": text}, made=find)
        if _same(found["body"], text):
            return str(found["html_url"])
        return str(self.api.call("PATCH", self.path("issues", "comments", found["id"]), to, needs=needs, body={"body": text})["html_url"])

    def check(self, name: str, commit: str, conclusion: str, title: str, summary: str, url: str = "") -> str:
        """Make a check run; of several of one name on a commit GitHub shows the newest."""
        body = {
            "name": one_line(name, 255),
            "head_sha": commit,
            "status": "completed",
            "conclusion": conclusion,
            "external_id": f"{self.context.run_id}.{self.context.attempt}",
            "output": {"title": one_line(title, 255), "summary": self._fitting(summary)},
        }
        address = url or self.context.run_url
        body |= {"details_url": address} if address else {}
        made = self.api.call("POST", self.path("check-runs"), f"set the check {name!r}", needs="checks: write", body=body)
        return str(made["html_url"] or self.context.run_url)

    def issue(self, key: str, title: str, body: str) -> str:
        """Open it with our label, or rewrite the one that is open and say in a comment that the evidence is new."""
        text, needs, to = f"{_marker(key)}\n{self._fitting(body)}", "issues: write", f"write the issue {key!r}"
        title = one_line(title, 250)
        found = self._open_issue(key)
        if found is None:
            asked = {"title": title, "body": text, "labels": [LABEL]}
            found = self.api.call("POST", self.path("issues"), to, needs=needs, body=asked, made=lambda: self._open_issue(key))
        if not _same(found["body"], text) or found["title"] != title:
            self.api.call("PATCH", self.path("issues", found["number"]), to, needs=needs, body={"title": title, "body": text})
            self._say(found["number"], f"The evidence above is new{self._by_run()}.", to)
        return str(found["html_url"])

    def close_issue(self, key: str, body: str) -> str | None:
        found = self._open_issue(key)
        if found is None:
            return None
        to = f"close the issue {key!r}"
        self._say(found["number"], self._fitting(body), to)
        asked = {"state": "closed", "state_reason": "completed"}
        self.api.call("PATCH", self.path("issues", found["number"]), to, needs="issues: write", body=asked)
        return str(found["html_url"])

    def deployed(self, environment: str, commit: str, description: str, url: str = "", *, ok: bool = True) -> None:
        """Make a deployment of this run, once, and set its status."""
        to, needs, where = f"record the deployment to {environment!r}", "deployments: write", self.path("deployments")
        mark = {"run": self.context.run_id, "attempt": self.context.attempt, "description": one_line(description, 140)}
        asked = {"ref": commit, "environment": environment, "auto_merge": False, "required_contexts": [], "payload": mark}

        def find() -> Any:
            entries = self.pages(where, to, needs=needs, query={"sha": commit, "environment": environment})
            return next((entry for entry in entries if entry["payload"] == mark), None)

        made = self.api.call("POST", where, to, needs=needs, body={**asked, "description": mark["description"]}, made=find)
        status = {"state": "success" if ok else "failure", "description": mark["description"], "log_url": self.context.run_url}
        status |= {"environment_url": url} if url else {}
        self.api.call("POST", self.path("deployments", made["id"], "statuses"), to, needs=needs, body=status)

    def protection(self, environment: str) -> Protection:
        """Ask for the environment itself: one that a job made by naming it is there, and asks nobody."""
        found = self.environment(environment)
        rule = _rule(found or {}, "required_reviewers")
        reviewers, alone = len(rule.get("reviewers") or []), not rule.get("prevent_self_review", False)
        if found is None:
            told = f"there is no environment {environment!r}: a job that names it makes one that asks nobody"
        elif not reviewers:
            told = f"nobody has to approve what goes to {environment!r}"
        else:
            told = f"{reviewers} may approve, {'also' if alone else 'but not'} who started the run"
        mend = "" if reviewers else self.guard(environment, found)
        return Protection(found is not None, reviewers, alone, told, mend)

    def guard(self, environment: str, found: Any) -> str:
        """Return the command by which somebody else than who started the run must approve.

        Args:
            environment: Its name.
            found: What GitHub tells of it; what guards it already is said again, as GitHub forgets what a call leaves out.
        """
        there = [(one["type"], one["reviewer"]["id"]) for one in _rule(found or {}, "required_reviewers").get("reviewers") or []]
        fields = [f"-f 'reviewers[][type]={kind}' -F \"reviewers[][id]={who}\"" for kind, who in there or [self._owner()]]
        policy = (found or {}).get("deployment_branch_policy") or {}
        fields += [f"-F 'deployment_branch_policy[{key}]={json.dumps(value)}'" for key, value in policy.items()]
        timer = _rule(found or {}, "wait_timer").get("wait_timer")
        fields += [f"-F wait_timer={timer}"] if timer else []
        return f"{self.making(environment)} -F prevent_self_review=true {' '.join(fields)}"

    def making(self, environment: str) -> str:
        """Return the command that makes an environment that asks nobody."""
        return f"gh api --method PUT {shlex.quote(self.path('environments', environment).removeprefix('/'))}"

    def _owner(self) -> tuple[str, str]:
        """Return who can approve in this repository, as far as one can know: its owner, or a team that is to be named."""
        owner = self.repository()["owner"]
        named = ("Team", f"$(gh api orgs/{owner['login']}/teams/TEAM --jq .id)")
        return ("User", str(owner["id"])) if owner["type"] == "User" else named

    def environment(self, name: str) -> Any:
        """Return what GitHub tells of an environment; None where there is none."""
        to = f"see what guards the environment {name!r}"
        return self.api.call("GET", self.path("environments", name), to, needs="actions: read", absent=(404,))

    def repository(self) -> Any:
        """Return what GitHub tells of the repository."""
        return self.api.call("GET", self.path(), "read the repository", needs="contents: read")

    def approvals(self, environment: str) -> tuple[Approval, ...]:
        path = self.path("actions", "runs", self.context.run_id, "approvals")
        reviews = self.api.call("GET", path, "see who approved this run", needs="actions: read") or []
        return tuple(
            Approval(review["user"]["login"], environment, comment=review["comment"] or "")
            for review in reviews
            if review["state"] == "approved" and environment in [one.get("name") for one in review["environments"]]
        )

    def authors(self, commit: str) -> tuple[str, ...]:
        """Return git's author and committer, and who opened the merged pull requests that brought the commit.

        What git says its writer typed; so where no pull request brought the commit of a push, who pushed it is one of them.
        """
        path = self.path("commits", commit)
        found = self.api.call("GET", path, "see who wrote the commit", needs="contents: read", absent=(422,))
        if found is None:
            return ()
        to, needs = "see which pull requests brought the commit", "pull-requests: read"
        merged = [entry for entry in self.pages(f"{path}/pulls", to, needs=needs) if entry["merged_at"]]
        people = [_at(found, "author", "login"), _at(found, "committer", "login"), *(_at(entry, "user", "login") for entry in merged)]
        people += [self.context.starter] if self.context.event == "push" and not merged else []
        return tuple(dict.fromkeys(person for person in people if person and person != WEB))

    def tested(self) -> PullRequest | None:
        """Find it in GitHub's list by the other run's repository, branch and commit: of a fork the event itself names no pull request."""
        run = _at(self._event, "workflow_run")
        source, branch, commit = _at(run, "head_repository"), _at(run, "head_branch"), _at(run, "head_sha")
        owner = _at(source, "owner", "login")
        if _at(run, "event") != "pull_request" or not (owner and branch and commit):
            return None
        query = {"state": "open", "head": f"{owner}:{branch}"}
        entries = self.pages(self.path("pulls"), "find the pull request that was tested", needs="pull-requests: read", query=query)
        found = [
            entry
            for entry in entries
            if (entry["head"]["sha"], entry["head"]["ref"], _at(entry, "head", "repo", "full_name"))
            == (commit, branch, _at(source, "full_name"))
        ]
        if not found:
            return None
        chosen = min(found, key=lambda entry: entry["number"])
        fork = _at(source, "full_name") != self.context.repository
        return PullRequest(chosen["number"], commit, str(_at(chosen, "user", "login") or ""), fork, str(_at(run, "html_url") or ""))

    def jobs(self) -> tuple[Job, ...]:
        run = _at(self._event, "workflow_run", "id") or self.context.run_id
        path, query = self.path("actions", "runs", run, "jobs"), {"filter": "latest"}
        entries = self.pages(path, f"list the jobs of run {run}", needs="actions: read", query=query, key="jobs")
        return tuple(_job(entry) for entry in entries if entry["status"] == "completed")

    def _append(self, variable: str, text: str) -> None:
        path = self._environ.get(variable)
        if not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise PlatformError(f"{variable} cannot be written: {error.strerror}", where=path, hint="The runner makes it.") from error

    def _by_run(self) -> str:
        """Name the run that this one is about: the one that it follows, else itself."""
        run = _at(self._event, "workflow_run")
        number, address = _at(run, "id") or self.context.run_id, _at(run, "html_url") or self.context.run_url
        return f" ([run {number}]({address}))" if address else ""

    def _fitting(self, body: str) -> str:
        word = f"> [!NOTE]\n> Cut here: GitHub takes no more. The rest is on the run's page{self._by_run()}."
        return cut(sound(body), LONGEST_COMMENT, utf16, word)

    def _open_issue(self, key: str) -> Any:
        query = {"state": "open", "labels": LABEL}
        entries = self.pages(self.path("issues"), f"find the issue {key!r}", needs="issues: write", query=query)
        return next((entry for entry in entries if _ours(entry, _marker(key)) and "pull_request" not in entry), None)

    def _say(self, issue: int, text: str, to: str) -> None:
        self.api.call("POST", self.path("issues", issue, "comments"), to, needs="issues: write", body={"body": text})


def segment(word: str | int) -> str:
    """Return a name as one segment of a path, whatever is in it.

    Raises:
        UsageError: It would lead elsewhere.
    """
    if str(word) in {"", ".", ".."}:
        raise UsageError(f"{str(word)!r} is no name that GitHub could know")
    return urllib.parse.quote(str(word), safe="", errors="replace")


def _hint(status: int, needs: str) -> str:
    if status == 401:
        return "The token is not valid any more. In a workflow: `GITHUB_TOKEN: ${{ github.token }}`; on your own machine: gh auth login"
    other = "" if status == 403 else "It is not there, or the token may not see it. "
    if needs.startswith("administration"):
        return f"{other}It takes the token of an admin of the repository, which no job has: gh auth login, on your own machine."
    return f"{other}The job needs `{needs}` under its `permissions:`; a token of your own needs the same."


_SYSTEM = System(
    name="GitHub",
    token="GITHUB_TOKEN",  # noqa: S106 - the name of a variable
    health="www.githubstatus.com",
    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    hint=_hint,
)


def _read_event(path: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes()) if path and Path(path).is_file() else {}
    except (OSError, ValueError) as error:
        raise PlatformError(f"the event cannot be read: {error}", where=path, hint="GITHUB_EVENT_PATH names a JSON file.") from error


def _context(environ: Mapping[str, str], event: Any) -> Context:
    """Return the context; what the event leaves out (act's files leave much out) is told by the variables."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    repository, run = environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_RUN_ID", "")
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    attempts = int(attempt) if attempt.isdecimal() else 1
    address = f"{environ.get('GITHUB_SERVER_URL') or 'https://github.com'}/{repository}/actions/runs/{run}"
    commit, base, branch = _commits(name, event)
    return Context(
        system="github",
        event=_EVENTS.get(name, name),
        repository=repository,
        commit=commit or environ.get("GITHUB_SHA", ""),
        base=base,
        branch=branch or environ.get("GITHUB_HEAD_REF") or environ.get("GITHUB_REF_NAME", ""),
        pull_request=_number(event, environ) if name in {"pull_request", "pull_request_target"} else None,
        fork=_from_fork(event),
        labels=tuple(str(label["name"]) for label in _at(event, "pull_request", "labels") or [] if _at(label, "name")),
        actor=environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR", ""),
        starter=environ.get("GITHUB_ACTOR", ""),
        run_id=run,
        attempt=attempts,
        run_url=(f"{address}/attempts/{attempts}" if attempts > 1 else address) if run else "",
    )


def _commits(name: str, event: Any) -> tuple[str | None, str | None, str | None]:
    """Return the commit that is looked at, the one before it, and the branch, as far as the event tells."""
    places = {
        "pull_request": (("pull_request", "head", "sha"), ("pull_request", "base", "sha"), ("pull_request", "head", "ref")),
        "merge_group": (("merge_group", "head_sha"), ("merge_group", "base_sha"), ("merge_group", "head_ref")),
        "workflow_run": (("workflow_run", "head_sha"), ("none",), ("workflow_run", "head_branch")),
        "push": (("none",), ("before",), ("none",)),
    }
    found = [_at(event, *keys) for keys in places.get(name.removesuffix("_target"), ())] or [None, None, None]
    commit, base, branch = (value if isinstance(value, str) and value.strip("0") else None for value in found)
    return commit, base, branch


def _number(event: Any, environ: Mapping[str, str]) -> int | None:
    told = _at(event, "pull_request", "number") or _at(event, "number")
    ref = re.fullmatch(r"refs/pull/(\d+)/merge", environ.get("GITHUB_REF", ""))
    return told if isinstance(told, int) else int(ref[1]) if ref else None


def _from_fork(event: Any) -> bool:
    """Return whether head and base differ; a fork that is gone is null, and was one."""
    head = _at(event, "pull_request", "head")
    if not isinstance(head, dict) or "repo" not in head:
        return False
    return bool(_at(head, "repo", "full_name") != _at(event, "pull_request", "base", "repo", "full_name"))


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _job(entry: Mapping[str, Any]) -> Job:
    begun, ended = entry.get("started_at"), entry.get("completed_at")
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds() if begun and ended else None
    conclusion = entry.get("conclusion") or "failure"
    return Job(entry["name"], _CONCLUSIONS.get(conclusion, conclusion), entry.get("html_url") or "", seconds)


def _rule(environment: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((rule for rule in environment.get("protection_rules") or [] if rule["type"] == kind), {})


def _marker(key: str) -> str:
    return f"<!-- slipway:{segment(key)} -->"


def _ours(entry: Mapping[str, Any], marker: str) -> bool:
    user = entry.get("user") or {}
    return user.get("login") == BOT and user.get("type") == "Bot" and str(entry.get("body") or "").startswith(marker)


def _same(there: str | None, text: str) -> bool:
    return (there or "").replace("\r\n", "\n").strip() == text.strip()


def _escaped(text: str, more: str = "") -> str:
    """Return text that stays one argument of a workflow command: per cent first, then what ends a line or a property."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
