"""A small Azure DevOps on a port of this machine: it keeps what it is told, and refuses what the published description of its REST API does not have.

Which calls there are, which version each takes and which fields a body must have is read off the description, version 7.1 (environments: 7.2-preview.1,
where they are described). Faults can be queued: they hit the next call that matches.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

JSON, PATCH = "application/json", "application/json-patch+json"
REPO, PR = r"git/repositories/[^/]+", r"git/repositories/[^/]+/pullRequests/(\d+)"
ITEM = {"System.Title", "System.Description"}


@dataclass(frozen=True)
class Fault:
    """What happens to the next `times` calls whose "METHOD path" matches; `after` means that the call is carried out first."""

    match: str
    status: int = 500
    body: str = '{"message": "TF400733: The request has been canceled"}'
    form: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    after: bool = False
    drop: bool = False


@dataclass
class Project:
    """What is kept, and every call as it came."""

    url: str = ""
    token: str = "the-job-token"
    personal: str = "somebodys-own-token"
    threads: list[dict] = field(default_factory=list)
    labels: list[dict] = field(default_factory=list)
    iterations: list[dict] = field(default_factory=list)
    statuses: list[dict] = field(default_factory=list)
    items: list[dict] = field(default_factory=list)
    types: tuple[str, ...] = ("Epic", "Issue", "Task")
    states: dict[str, str] = field(default_factory=lambda: {"To Do": "Proposed", "Doing": "InProgress", "Done": "Completed"})
    environments: list[dict] = field(default_factory=list)
    checks: list[dict] = field(default_factory=list)
    deployments: list[dict] = field(default_factory=list)
    records: list[dict] = field(default_factory=list)
    approvals: list[dict] = field(default_factory=list)
    commits: dict[str, dict] = field(default_factory=dict)
    brought: list[tuple[str, str, dict]] = field(default_factory=list)
    """How a pull request is found (`lastMergeCommit` or `commit`), by which commit, and the pull request."""
    foreign: set[int] = field(default_factory=set)
    """Threads that somebody else wrote: no edit by us."""
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What the description does not have: a test that ends with one in here fails."""

    def count(self, match: str) -> int:
        return sum(bool(re.search(match, call)) for call in self.calls)


class Unknown(Exception):
    """The description has no such call."""


def need(body, **fields):
    for name, kind in fields.items():
        if not isinstance(body.get(name), kind):
            raise Unknown(f"the body needs {name}: {body}")


def thread(project, body, number):
    need(body, comments=list, status=str)
    need(body["comments"][0], content=str)
    if body["status"] not in {"active", "fixed", "wontFix", "closed", "byDesign", "pending"}:
        raise Unknown(f"no such status of a thread: {body['status']}")
    new = {
        "id": 100 + len(project.threads),
        "status": body["status"],
        "comments": [{"id": 1, **body["comments"][0]}],
        "pullRequestId": int(number),
    }
    project.threads.append(new)
    return new


def edit(project, body, _, thread_id, comment_id):
    need(body, content=str)
    (found,) = [one for one in project.threads if one["id"] == int(thread_id)]
    if found["id"] in project.foreign:
        return 403, {"message": "only the author may edit a comment"}
    (comment,) = [one for one in found["comments"] if one["id"] == int(comment_id)]
    if len(body["content"]) > 150_000:
        return 400, {"message": "the comment is too long"}
    comment["content"] = body["content"]
    return comment


def status(project, body, *where):
    need(body, state=str, context=dict)
    if body["state"] not in {"notSet", "pending", "succeeded", "failed", "error", "notApplicable"} or not body["context"].get("name"):
        raise Unknown(f"no such status: {body}")
    project.statuses.append({**body, "at": "/".join(where)})
    return body


def fields_of(body):
    if not isinstance(body, list) or any(one["op"] not in {"add", "replace"} or not one["path"].startswith("/fields/") for one in body):
        raise Unknown(f"not a JSON patch: {body}")
    return {one["path"].removeprefix("/fields/"): one["value"] for one in body}


def create(project, body, kind):
    fields = fields_of(body)
    if kind not in project.types or not fields.keys() >= ITEM:
        raise Unknown(f"no work item of type {kind} with {sorted(fields)}")
    new = {"id": 1 + len(project.items), "fields": {"System.WorkItemType": kind, "System.State": next(iter(project.states)), **fields}}
    project.items.append(new)
    return new


def change(project, body, number):
    (found,) = [one for one in project.items if one["id"] == int(number)]
    fields = fields_of(body)
    if fields.get("System.State", next(iter(project.states))) not in project.states:
        return 400, {"message": "The field 'State' contains a value that is not in the list of supported values"}
    found["fields"].update(fields)
    return found


def wiql(project, body):
    need(body, query=str)
    tag = re.search(r"CONTAINS '([^']*)'", body["query"])[1]
    return {"workItems": [{"id": one["id"]} for one in reversed(project.items) if tag in one["fields"].get("System.Tags", "")]}


def pull_requests(project, body):
    """A dictionary of commit -> pull requests for each query, in their order."""
    need(body, queries=list)
    for query in body["queries"]:
        need(query, type=str, items=list)
        if query["type"] not in {"lastMergeCommit", "commit"}:
            raise Unknown(f"no such query: {query}")
    found = [
        [(sha, [one for how, of, one in project.brought if (how, of) == (q["type"], sha)]) for sha in q["items"]] for q in body["queries"]
    ]
    return {"queries": body["queries"], "results": [{sha: ones for sha, ones in entry if ones} for entry in found]}


def listed(values):
    return {"count": len(values), "value": values}


# Method, path below _apis, api-version, content type of the body, query parameters that must be there, what answers.
CALLS = [
    ("GET", f"{PR}/threads", "7.1", None, (), lambda p, b, n: listed([one for one in p.threads if one["pullRequestId"] == int(n)])),
    ("POST", f"{PR}/threads", "7.1", JSON, (), thread),
    ("PATCH", rf"{PR}/threads/(\d+)/comments/(\d+)", "7.1", JSON, (), edit),
    ("GET", f"{PR}/labels", "7.1", None, (), lambda p, b, n: listed(p.labels)),
    ("GET", f"{PR}/iterations", "7.1", None, (), lambda p, b, n: listed(p.iterations)),
    ("POST", f"{PR}/statuses", "7.1", JSON, (), status),
    (
        "GET",
        rf"{REPO}/commits/(\w+)",
        "7.1",
        None,
        (),
        lambda p, b, sha: p.commits.get(sha, (404, {"message": "TF401175: no such commit"})),
    ),
    ("POST", rf"{REPO}/commits/(\w+)/statuses", "7.1", JSON, (), status),
    ("POST", rf"{REPO}/pullrequestquery", "7.1", JSON, (), pull_requests),
    ("POST", r"wit/wiql", "7.1", JSON, (), wiql),
    ("GET", r"wit/workitems", "7.1", None, ("ids",), lambda p, b: listed(p.items[::-1])),
    ("GET", r"wit/workitemtypes", "7.1", None, (), lambda p, b: listed([{"name": name} for name in p.types])),
    (
        "GET",
        r"wit/workitemtypes/(\w+)/states",
        "7.1",
        None,
        (),
        lambda p, b, t: listed([{"name": n, "category": c} for n, c in p.states.items()]),
    ),
    ("POST", r"wit/workitems/\$(\w+)", "7.1", PATCH, (), create),
    ("PATCH", r"wit/workitems/(\d+)", "7.1", PATCH, (), change),
    ("GET", r"pipelines/environments", "7.2-preview.1", None, (), lambda p, b: listed(p.environments)),
    ("GET", r"pipelines/environments/(\d+)/environmentdeploymentrecords", "7.2-preview.1", None, (), lambda p, b, n: listed(p.deployments)),
    ("GET", r"pipelines/checks/configurations", "7.1-preview.1", None, ("resourceType", "resourceId"), lambda p, b: listed(p.checks)),
    ("GET", r"pipelines/approvals", "7.1", None, ("approvalIds",), lambda p, b: listed(p.approvals)),
    ("GET", r"build/builds/(\d+)/timeline", "7.1", None, (), lambda p, b, n: {"id": "t", "records": p.records}),
]


def answer(project, method, target, form, content):
    """Carry out one call; raise Unknown where the description has none like it."""
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
    found = re.fullmatch(r"/org/my%20project/_apis/(.*)", parts.path)
    if not found:
        raise Unknown("not below the organization and the project")
    for verb, path, version, needed, parameters, do in CALLS:
        match = re.fullmatch(path, unquote(found[1]))
        if verb != method or not match:
            continue
        if query.get("api-version") != version:
            raise Unknown(f"api-version {query.get('api-version')}, not {version}")
        if form != needed or any(name not in query for name in parameters):
            raise Unknown(f"content type {form}, not {needed}; or without one of {parameters}")
        done = do(project, json.loads(content) if content else None, *match.groups())
        return done if isinstance(done, tuple) else (200, done)
    raise Unknown("no such call")


class Handler(BaseHTTPRequestHandler):
    def serve(self):
        project = self.server.project
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        name = f"{self.command} {self.path}"
        project.calls.append(name)
        personal = base64.b64encode(f":{project.personal}".encode()).decode()
        if self.headers.get("authorization") not in {f"Bearer {project.token}", f"Basic {personal}"}:
            return self.reply(203, "<html>Azure DevOps Services | Sign In</html>", "text/html")
        fault = next((one for one in project.faults if re.search(one.match, name)), None)
        if fault:
            project.faults.remove(fault)
            if fault.times > 1:
                project.faults.insert(0, Fault(**{**fault.__dict__, "times": fault.times - 1}))
            if fault.after:
                answer(project, self.command, self.path, self.headers.get("content-type"), content)
            return None if fault.drop else self.reply(fault.status, fault.body, fault.form, fault.headers)
        try:
            code, value = answer(project, self.command, self.path, self.headers.get("content-type"), content)
        except Unknown as error:
            project.refused.append(f"{name}: {error}")
            code, value = 400, {"message": str(error)}
        return self.reply(code, json.dumps(value), JSON)

    def reply(self, code, body, form, headers=()):
        data = body.encode()
        self.send_response(code)
        for key, value in {"Content-Type": form, "Content-Length": str(len(data)), **dict(headers)}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = serve  # noqa: N815 - as the server calls them

    def log_message(self, *words):
        pass


@contextmanager
def azure_devops():
    """Serve an empty project; at the end nothing may have been asked that the description does not have."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.project = Project(f"http://127.0.0.1:{server.server_port}/org/")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield server.project
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    assert server.project.refused == []
