"""A GitHub in memory, on 127.0.0.1: one repository, and every request judged by GitHub's own public description of its API.

    with Loopback("octo/flights") as github:
        github.pull_request(7, "a" * 40, branch="faster")
        github.fault(status=502, match="comments")
        ...                       # talk to github.url with github.token
        assert github.violations == []

A request that the description does not allow is answered with 422 (or 404) *and* noted in `violations`. Answers are made from the description
too: the fields that it requires, filled with what this repository holds, and judged before they are sent.
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
import urllib.parse
from dataclasses import dataclass, field
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator

DESCRIPTION = Path(__file__).parent / "github-openapi.json"
BOT = {"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
MOMENT = "2026-01-01T00:00:00Z"
LONGEST_BODY, LONGEST_DESCRIPTION = 65_536, 140  # GitHub's limits that its description does not tell


@cache
def description() -> dict[str, Any]:
    return json.loads(DESCRIPTION.read_text())


def resolved(schema: Any) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def mistakes(schema: Any, value: Any) -> list[str]:
    """What of a value a schema does not allow; a key that it does not know is a mistake too, as it is surely a misspelt one."""
    rooted = {"allOf": [schema], "components": description()["components"]}
    found = [f"{error.json_path}: {error.message[:300]}" for error in Draft202012Validator(rooted).iter_errors(value)]
    return found + [f"unknown key {key}" for key in unknown(schema, value, "$")]


def unknown(schema: Any, value: Any, at: str) -> list[str]:
    schema = resolved(schema)
    if not isinstance(schema, dict):
        return []
    branches = [part for key in ("anyOf", "oneOf") for part in schema.get(key, [])]
    if branches and "properties" not in schema:
        return min((unknown(part, value, at) for part in branches), key=len)
    if isinstance(value, list):
        return [found for n, entry in enumerate(value) for found in unknown(schema.get("items", {}), entry, f"{at}[{n}]")]
    known = known_keys(schema)
    if not isinstance(value, dict) or known is None:
        return []
    strange = [f"{at}.{key}" for key in value if key not in known]
    return strange + [found for key in value if key in known for found in unknown(known[key], value[key], f"{at}.{key}")]


def known_keys(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The keys that an object may have, also where its schema is put together from parts."""
    parts = [known_keys(resolved(part)) for part in schema.get("allOf", [])]
    found = [part for part in [*parts, schema.get("properties")] if part is not None]
    return {key: value for part in found for key, value in part.items()} if found else None


def least(schema: Any) -> Any:
    """The smallest value that a schema describes: required fields, and nothing in them that could be left out."""
    schema = resolved(schema)
    branches = schema.get("anyOf") or schema.get("oneOf") or []
    if any(part.get("type") == "null" for part in branches):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object":
        return {name: least(schema["properties"][name]) for name in schema.get("required", []) if name in schema.get("properties", {})}
    if branches:
        return least(branches[0])
    if "allOf" in schema:
        return {key: value for part in schema["allOf"] for key, value in least(part).items()}
    text = {"date-time": MOMENT, "uri": "https://github.invalid/"}.get(schema.get("format"), "x")
    return {"array": [], "integer": 1, "number": 1, "boolean": False, "string": text}.get(kind)


def filled(schema: Any, value: Any) -> Any:
    """A value with all that its schema requires, where it says nothing of its own."""
    schema = resolved(schema)
    if not isinstance(value, dict | list) or not isinstance(schema, dict):
        return value
    for part in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        made = filled(part, value)
        if not mistakes(part, made):
            return made
    if isinstance(value, list):
        return [filled(schema.get("items", {}), entry) for entry in value]
    properties, start = known_keys(schema) or {}, least(schema)
    return {**(start if isinstance(start, dict) else {}), **{key: filled(properties.get(key, {}), entry) for key, entry in value.items()}}


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    operation: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    status: int = 0


@dataclass
class Fault:
    """What happens to one request instead of an answer; with `after`, it is carried out and only its answer is lost.

    `delay` is waited before the answer, `drip` after each of its bytes; `half` ends it in the middle.
    """

    match: str = ""
    status: int = 500
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    half: bool = False
    after: bool = False


class Loopback:
    """One repository."""

    def __init__(self, repository: str = "octo/flights", token: str = "ghs_loopbackToken") -> None:
        self.repository, self.token = repository, token
        self.owner, self.name = repository.split("/")
        self.facts: dict[str, Any] = {"default_branch": "main", "private": False, "id": 4242}
        self.owner_facts: dict[str, Any] = {"login": self.owner, "id": 77, "type": "User"}
        self.pull_requests: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.checks: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.statuses: dict[int, list[dict[str, Any]]] = {}
        self.environments: dict[str, dict[str, Any]] = {}
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self.approvals: dict[int, list[dict[str, Any]]] = {}
        self.commits: dict[str, str | None] = {}
        self.committers: dict[str, str] = {}
        self.rulesets: dict[int, dict[str, Any]] = {}
        self.classic_checks: list[str] = []
        self.variables: dict[str, str] = {}
        self.oidc: dict[str, Any] = {"use_default": True}
        self.permissions = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
        self.people: dict[str, int] = {self.owner: 77}
        self.teams: dict[str, int] = {}
        self.author = dict(BOT)
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self._numbers = iter(range(1000, 10**9))
        self._lock = threading.Lock()
        self._over = threading.Event()

    # what a test sets up and looks at

    def __enter__(self) -> Self:
        outer = self

        class Handler(_Handler):
            github = outer

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def variables_of(self, folder: Path, event: str = "push", payload: Any = None, **more: str) -> dict[str, str]:
        """The variables that a job's step has on GitHub Actions."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "event.json").write_text(json.dumps(payload if payload is not None else {}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.url,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_TOKEN": self.token,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_SHA": "5" * 40,
            "GITHUB_REF_NAME": "main",
            "GITHUB_ACTOR": "ada",
            "GITHUB_RUN_ID": "901",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **more,
        }

    def pull_request(
        self, number: int, commit: str, branch: str = "change", author: str = "ada", repository: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Open a pull request; `repository` is the fork that it comes from."""
        source = repository or self.repository
        self.pull_requests[number] = made = {
            "number": number,
            "title": f"change {number}",
            "state": "open",
            "user": {"login": author},
            "labels": [],
            "head": {"ref": branch, "sha": commit, "repo": {"full_name": source, "owner": {"login": source.split("/")[0]}}},
            "base": {"ref": "main", "sha": "b" * 40, "repo": {"full_name": self.repository}},
            **more,
        }
        return made

    def workflow_run(self, number: int, run: int = 800, event: str = "pull_request") -> dict[str, Any]:
        """The event of a run that follows the run of a pull request."""
        head = self.pull_requests[number]["head"]
        told = {"id": run, "event": event, "head_sha": head["sha"], "head_branch": head["ref"], "head_repository": head["repo"]}
        address = f"https://github.com/{self.repository}/actions/runs/{run}"
        return {"action": "completed", "workflow_run": {**told, "html_url": address, "pull_requests": []}}

    def environment(
        self, name: str, reviewers: list[str] | None = None, *, self_review: bool = True, branches: list[str] | None = None
    ) -> None:
        """Make an environment; reviewers are people's names."""
        self.environments[name] = {
            "reviewers": [("User", self.people.setdefault(who, 100 + len(self.people))) for who in reviewers or []],
            "prevent_self_review": not self_review,
            "wait_timer": 0,
            "policy": None if branches is None else {"protected_branches": False, "custom_branch_policies": True},
            "branches": {next(self._numbers): branch for branch in branches or []},
        }

    def fault(self, times: int = 1, **facts: Any) -> None:
        self.faults += [Fault(**facts) for _ in range(times)]

    def seen(self, *methods: str) -> list[str]:
        """The requests so far as `METHOD path`, without the repository; of these methods only, where some are given."""
        return [
            f"{request.method} {request.path.removeprefix(f'/repos/{self.repository}')}"
            for request in self.requests
            if not methods or request.method in methods
        ]

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than this server lives."""
        self._over.wait(seconds)

    # how a request is answered

    def answer(self, method: str, target: str, headers: Any, raw: bytes) -> tuple[int, Any, Fault | None]:
        path, _, query_text = target.partition("?")
        with self._lock:
            fault = next((one for one in self.faults if one.match in f"{method} {path}"), None)
            if fault:
                self.faults.remove(fault)
        if fault:
            self.pause(fault.delay)
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode("utf-8", "replace")
        request = Request(method, path, query, body)
        with self._lock:
            if fault and not fault.after:
                status, told = fault.status, None
            else:
                try:
                    request, status, told = self._judged(request, headers)
                except Exception as error:  # a fault of this file must not look like one of GitHub's
                    status, told = self._refused(request, 500, [f"no answer: {type(error).__name__}: {error}"])
            self.requests.append(Request(**{**request.__dict__, "status": fault.status if fault else status}))
        return status, told, fault

    def _judged(self, request: Request, headers: Any) -> tuple[Request, int, Any]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return request, 401, {"message": "Bad credentials"}
        if not headers.get("User-Agent"):
            return request, *self._refused(request, 403, ["a request has a User-Agent"])
        found = self._operation(request)
        if found is None:
            return request, *self._refused(request, 404, ["the description has no such call"])
        call, parameters = found
        request = Request(**{**request.__dict__, "operation": call["operationId"], "parameters": parameters})
        wrong = self._wrong(call, request)
        if wrong:
            return request, *self._refused(request, 422, wrong)
        if parameters.get("owner", self.owner) != self.owner or parameters.get("repo", self.name) != self.name:
            return request, 404, {"message": "Not Found"}
        status, value = getattr(self, re.sub(r"\W", "_", call["operationId"]))(request)
        if status < 300 and call["responses"].get(str(status)):
            value = filled(call["responses"][str(status)], value)
            self.violations += [
                f"our answer to {request.method} {request.path}: {one}" for one in mistakes(call["responses"][str(status)], value)
            ]
        return request, status, value

    def _refused(self, request: Request, status: int, wrong: list[str]) -> tuple[int, Any]:
        self.violations += [f"{request.method} {request.path}: {one}" for one in wrong]
        return status, {"message": "Validation Failed", "errors": wrong}

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        ordered = sorted(description()["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), description()["paths"][path]) for path in ordered]

    def _operation(self, request: Request) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for pattern, methods in self._paths:
            found = pattern.fullmatch(request.path)
            if found and request.method.lower() in methods:
                call = methods[request.method.lower()]
                kinds = {part["name"]: resolved(part["schema"]).get("type") for part in call["parameters"] if part["in"] == "path"}
                return call, {name: _typed(urllib.parse.unquote(text), kinds.get(name)) for name, text in found.groupdict().items()}
        return None

    def _wrong(self, call: dict[str, Any], request: Request) -> list[str]:
        known = {(part["name"], part["in"]): part for part in call["parameters"]}
        wrong = [f"unknown query parameter {name!r}" for name in request.query if (name, "query") not in known]
        wrong += [
            f"{name} is missing"
            for (name, kind), part in known.items()
            if kind == "query" and part["required"] and name not in request.query
        ]
        values = [(name, "path", value) for name, value in request.parameters.items()]
        values += [
            (name, "query", _typed(text, resolved(known[name, "query"]["schema"]).get("type")))
            for name, text in request.query.items()
            if (name, "query") in known
        ]
        wrong += [f"{name}: {one}" for name, kind, value in values for one in mistakes(known[name, kind]["schema"], value)]
        body = call.get("requestBody")
        if body is None:
            return wrong + (["it takes no body"] if request.body is not None else [])
        if request.body is None:
            return wrong + (["its body is missing"] if body["required"] else [])
        return wrong + mistakes(body["schema"], request.body) + self._too_long(request.body)

    @staticmethod
    def _too_long(body: Any) -> list[str]:
        long = body if isinstance(body, dict) else {}
        wrong = [f"{key} is too long (maximum is {LONGEST_BODY})" for key in ("body",) if len(str(long.get(key))) > LONGEST_BODY]
        return wrong + (["description is too long"] if len(str(long.get("description", ""))) > LONGEST_DESCRIPTION else [])

    @staticmethod
    def _page(request: Request, items: list[Any], size: int = 30) -> list[Any]:
        size, page = min(100, int(request.query.get("per_page", size))), int(request.query.get("page", 1))
        return items[(page - 1) * size : page * size]

    def _address(self, kind: str, number: int) -> str:
        return f"https://github.com/{self.repository}/{kind}/{number}"

    # the calls, named as the description names them

    def repos_get(self, _: Request) -> tuple[int, Any]:
        return 200, {"name": self.name, "full_name": self.repository, "owner": self.owner_facts, **self.facts}

    def repos_get_branch(self, request: Request) -> tuple[int, Any]:
        checks = {"contexts": self.classic_checks, "checks": [{"context": name, "app_id": None} for name in self.classic_checks]}
        protection = {"enabled": bool(self.classic_checks), "required_status_checks": checks}
        return 200, {"name": request.parameters["branch"], "protected": bool(self.classic_checks), "protection": protection}

    def repos_get_commit(self, request: Request) -> tuple[int, Any]:
        sha = request.parameters["ref"]
        if sha not in self.commits:
            return 422, {"message": f"No commit found for SHA: {sha}"}
        login = self.commits[sha]
        committer = self.committers.get(sha)
        return 200, {"sha": sha, "author": {"login": login} if login else None, "committer": {"login": committer} if committer else None}

    def repos_list_pull_requests_associated_with_commit(self, request: Request) -> tuple[int, Any]:
        sha = request.parameters["commit_sha"]
        found = [one for one in self.pull_requests.values() if sha in (one["head"]["sha"], one.get("merge_commit_sha"))]
        return 200, self._page(request, found)

    def pulls_list(self, request: Request) -> tuple[int, Any]:
        found = [one for one in self.pull_requests.values() if request.query.get("state", "open") in (one["state"], "all")]
        head = request.query.get("head", "")
        if ":" in head:  # GitHub, too, tells everything where the filter is not of the form owner:branch
            found = [
                one for one in found if one["head"]["repo"] and f"{one['head']['repo']['owner']['login']}:{one['head']['ref']}" == head
            ]
        return 200, self._page(request, found)

    def issues_list_comments(self, request: Request) -> tuple[int, Any]:
        return 200, self._page(request, self.comments.get(request.parameters["issue_number"], []))

    def issues_create_comment(self, request: Request) -> tuple[int, Any]:
        number = request.parameters["issue_number"]
        if number not in self.pull_requests and number not in self.issues:
            return 404, {"message": "Not Found"}
        return 201, self.write_comment(number, request.body["body"], self.author)

    def write_comment(self, number: int, body: str, user: dict[str, Any]) -> dict[str, Any]:
        identity = next(self._numbers)
        made = {"id": identity, "body": body, "user": user, "html_url": f"{self._address('pull', number)}#issuecomment-{identity}"}
        self.comments.setdefault(number, []).append(made)
        return made

    def issues_update_comment(self, request: Request) -> tuple[int, Any]:
        for comment in (one for many in self.comments.values() for one in many):
            if comment["id"] == request.parameters["comment_id"]:
                comment["body"] = request.body["body"]
                return 200, comment
        return 404, {"message": "Not Found"}

    def checks_create(self, request: Request) -> tuple[int, Any]:
        body = {**request.body, "output": {**request.body.get("output", {}), "annotations_count": 0}}
        made = {**body, "id": next(self._numbers), "html_url": f"https://github.com/{self.repository}/runs/{len(self.checks) + 1}"}
        self.checks.append(made)
        told = {key: value for key, value in made.items() if key != "output"}
        output = {"title": None, "summary": None, "text": None, "annotations_url": "https://github.invalid/", **made["output"]}
        return 201, {**told, "output": output}

    def issues_list_for_repo(self, request: Request) -> tuple[int, Any]:
        labels = set(filter(None, request.query.get("labels", "").split(",")))
        state = request.query.get("state", "open")
        found = [
            one for one in self.issues.values() if state in (one["state"], "all") and labels <= {label["name"] for label in one["labels"]}
        ]
        return 200, self._page(request, sorted(found, key=lambda one: -one["number"]))

    def issues_create(self, request: Request) -> tuple[int, Any]:
        body = request.body
        return 201, self.write_issue(body["title"], body.get("body", ""), body.get("labels", []), self.author)

    def write_issue(self, title: str, body: str, labels: list[str], user: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self.issues[number] = made = {
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "labels": [{"name": name} for name in labels],
            "user": user,
            "html_url": self._address("issues", number),
        }
        return made

    def issues_update(self, request: Request) -> tuple[int, Any]:
        issue = self.issues.get(request.parameters["issue_number"])
        if issue is None:
            return 404, {"message": "Not Found"}
        issue.update({key: value for key, value in request.body.items() if key in ("title", "body", "state", "state_reason")})
        return 200, issue

    def repos_list_deployments(self, request: Request) -> tuple[int, Any]:
        keys = [key for key in ("sha", "environment", "task") if key in request.query]
        found = [one for one in self.deployments if all(one.get(key) == request.query[key] for key in keys)]
        return 200, self._page(request, found[::-1])

    def repos_create_deployment(self, request: Request) -> tuple[int, Any]:
        asked = {key: request.body[key] for key in ("ref", "task", "environment", "description", "payload") if key in request.body}
        made = {"environment": "production", "task": "deploy", "description": None, "payload": {}, **asked}
        made |= {"id": next(self._numbers), "sha": request.body["ref"]}
        self.deployments.append(made)
        return 201, made

    def repos_create_deployment_status(self, request: Request) -> tuple[int, Any]:
        self.statuses.setdefault(request.parameters["deployment_id"], []).append(request.body)
        body = request.body
        return 201, {"state": body["state"], "description": body.get("description", ""), "environment_url": body.get("environment_url", "")}

    def repos_get_environment(self, request: Request) -> tuple[int, Any]:
        name = request.parameters["environment_name"]
        if name not in self.environments:
            return 404, {"message": "Not Found"}
        held = self.environments[name]
        rules: list[dict[str, Any]] = []
        if held["wait_timer"]:
            rules.append({"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": held["wait_timer"]})
        if held["reviewers"]:
            who = [{"type": kind, "reviewer": self._reviewer(kind, number)} for kind, number in held["reviewers"]]
            told = {"id": 2, "node_id": "x", "type": "required_reviewers", "reviewers": who}
            rules.append({**told, "prevent_self_review": held["prevent_self_review"]})
        if held["policy"]:
            rules.append({"id": 3, "node_id": "x", "type": "branch_policy"})
        return 200, {"name": name, "protection_rules": rules, "deployment_branch_policy": held["policy"]}

    def _reviewer(self, kind: str, number: int) -> dict[str, Any]:
        if kind == "Team":
            return {"id": number, "name": "team", "slug": next(slug for slug, one in self.teams.items() if one == number).split("/")[1]}
        return {"login": next(who for who, one in self.people.items() if one == number), "id": number, "type": "User"}

    def repos_create_or_update_environment(self, request: Request) -> tuple[int, Any]:
        """What the body leaves out is set to nothing, as GitHub does."""
        body, name = request.body or {}, request.parameters["environment_name"]
        policy = body.get("deployment_branch_policy")
        self.environments[name] = {
            "reviewers": [(one["type"], one["id"]) for one in body.get("reviewers") or []],
            "prevent_self_review": body.get("prevent_self_review", False),
            "wait_timer": body.get("wait_timer", 0),
            "policy": policy,
            "branches": self.environments.get(name, {}).get("branches", {}) if policy and policy["custom_branch_policies"] else {},
        }
        return self.repos_get_environment(request)

    def repos_list_deployment_branch_policies(self, request: Request) -> tuple[int, Any]:
        held = self.environments[request.parameters["environment_name"]]["branches"]
        told = [{"id": number, "node_id": "x", "name": name} for number, name in held.items()]
        return 200, {"total_count": len(told), "branch_policies": self._page(request, told)}

    def repos_create_deployment_branch_policy(self, request: Request) -> tuple[int, Any]:
        held = self.environments[request.parameters["environment_name"]]
        if not held["policy"] or not held["policy"]["custom_branch_policies"]:
            return 404, {"message": "Not Found"}
        number = next(self._numbers)
        held["branches"][number] = request.body["name"]
        return 200, {"id": number, "name": request.body["name"]}

    def repos_delete_deployment_branch_policy(self, request: Request) -> tuple[int, Any]:
        del self.environments[request.parameters["environment_name"]]["branches"][request.parameters["branch_policy_id"]]
        return 204, None

    def actions_list_repo_variables(self, request: Request) -> tuple[int, Any]:
        return self._told_variables(request, {name: value for name, value in self.variables.items() if "/" not in name})

    def actions_list_environment_variables(self, request: Request) -> tuple[int, Any]:
        start = f"{request.parameters['environment_name']}/"
        return self._told_variables(
            request, {name.removeprefix(start): self.variables[name] for name in self.variables if name.startswith(start)}
        )

    def actions_list_repo_organization_variables(self, request: Request) -> tuple[int, Any]:
        return self._told_variables(request, {})

    def _told_variables(self, request: Request, held: dict[str, str]) -> tuple[int, Any]:
        told = [{"name": name, "value": value} for name, value in held.items()]
        return 200, {"total_count": len(told), "variables": self._page(request, told, 10)}

    def actions_get_custom_oidc_sub_claim_for_repo(self, _: Request) -> tuple[int, Any]:
        return 200, self.oidc

    def actions_get_github_actions_default_workflow_permissions_repository(self, _: Request) -> tuple[int, Any]:
        return 200, self.permissions

    def actions_set_github_actions_default_workflow_permissions_repository(self, request: Request) -> tuple[int, Any]:
        self.permissions.update(request.body)
        return 204, None

    def actions_get_reviews_for_run(self, request: Request) -> tuple[int, Any]:
        return 200, self.approvals.get(request.parameters["run_id"], [])

    def actions_list_jobs_for_workflow_run(self, request: Request) -> tuple[int, Any]:
        held = self.jobs.get(request.parameters["run_id"], [])
        return 200, {"total_count": len(held), "jobs": self._page(request, held)}

    def repos_get_branch_rules(self, request: Request) -> tuple[int, Any]:
        on = [one for one in self.rulesets.values() if one["enforcement"] == "active" and one.get("target", "branch") == "branch"]
        where = {"ruleset_source_type": "Repository", "ruleset_source": self.repository}
        told = [{**rule, **where, "ruleset_id": one["id"]} for one in on for rule in one.get("rules", [])]
        return 200, self._page(request, told)

    def repos_get_repo_rulesets(self, request: Request) -> tuple[int, Any]:
        keys = ("id", "name", "target", "source_type", "source", "enforcement")
        return 200, self._page(request, [{key: one[key] for key in keys if key in one} for one in self.rulesets.values()])

    def repos_create_repo_ruleset(self, request: Request) -> tuple[int, Any]:
        number = next(self._numbers)
        self.rulesets[number] = {"target": "branch", **request.body, "id": number, "source": self.repository, "source_type": "Repository"}
        return 201, self.rulesets[number]

    def repos_get_repo_ruleset(self, request: Request) -> tuple[int, Any]:
        return 200, self.rulesets[request.parameters["ruleset_id"]]

    def repos_update_repo_ruleset(self, request: Request) -> tuple[int, Any]:
        self.rulesets[request.parameters["ruleset_id"]].update(request.body)
        return 200, self.rulesets[request.parameters["ruleset_id"]]

    def users_get_by_username(self, request: Request) -> tuple[int, Any]:
        return self._known(self.people, request.parameters["username"], "login")

    def teams_get_by_name(self, request: Request) -> tuple[int, Any]:
        return self._known(self.teams, f"{request.parameters['org']}/{request.parameters['team_slug']}", "slug")

    @staticmethod
    def _known(held: dict[str, int], name: str, key: str) -> tuple[int, Any]:
        return (200, {key: name.rpartition("/")[2], "id": held[name]}) if name in held else (404, {"message": "Not Found"})


def _typed(text: str, kind: str | None) -> Any:
    if kind == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without asking a name server for the name of this machine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once
    github: Loopback

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, told, fault = self.github.answer(self.command, self.path, self.headers, raw)
        body = b"" if told is None else json.dumps(told).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if fault:
            status, headers = fault.status, {**headers, **fault.headers}
            body = fault.body.encode() or body
        whole = len(body)
        if fault and fault.half:
            body, self.close_connection = body[: whole // 2] or b'{"id": 1', True
            whole = max(whole, len(body) + 1)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(whole))
        self.end_headers()
        try:
            for piece in [bytes([byte]) for byte in body] if fault and fault.drip else [body]:
                self.wfile.write(piece)
                if fault and fault.drip:
                    self.wfile.flush()
                    self.github.pause(fault.drip)
        except OSError:
            self.close_connection = True  # the client did not wait

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        pass
