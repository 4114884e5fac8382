"""What GitHub has to enforce, as code: `.github/rules.yml` in frozen values, and the calls that bring a repository there.

The comparison comes first, so that doing it again does nothing: a `Change` is made only of what differs, and is a value until it is applied.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.ci.github import segment
from mlops.errors import UsageError
from mlops.settings import Reader, read_approval
from mlops.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops.ci.github import GitHub
    from mlops.spec.source import Keys

RULES_FILE = Path(".github/rules.yml")
NAME = "slipway"
"""Of the ruleset; other rulesets of the repository are left alone."""
_ADMIN = "administration: write"


@dataclass(frozen=True)
class Guard:
    """What guards one environment: the branches that may deploy (any where none is named), and who approves."""

    name: str
    branches: tuple[str, ...]
    reviewers: tuple[str, ...]
    by_author: bool


@dataclass(frozen=True)
class Rules:
    """`.github/rules.yml`."""

    approvals: int
    code_owners: bool
    checks: tuple[str, ...]
    linear_history: bool
    token: str
    pull_requests: bool
    guards: tuple[Guard, ...]

    def ruleset(self) -> dict[str, Any]:
        """Return the ruleset of the default branch, as GitHub's API takes it."""
        review = {
            "required_approving_review_count": self.approvals,
            "dismiss_stale_reviews_on_push": True,
            "require_code_owner_review": self.code_owners,
            "require_last_push_approval": False,
            "required_review_thread_resolution": False,
        }
        checks = {
            "strict_required_status_checks_policy": False,
            "required_status_checks": [{"context": name} for name in self.checks],
        }
        rules: list[dict[str, Any]] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
        rules += [{"type": "required_linear_history"}] if self.linear_history else []
        rules += [{"type": "pull_request", "parameters": review}]
        rules += [{"type": "required_status_checks", "parameters": checks}] if self.checks else []
        where = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
        return {"name": NAME, "target": "branch", "enforcement": "active", "conditions": where, "rules": rules}


@dataclass(frozen=True)
class Change:
    """One call that is needed, and why."""

    what: str
    why: str
    method: str
    path: str
    body: Any = None

    def command(self) -> str:
        """Return it as a command; nothing in the JSON is read by the shell."""
        call = f"gh api --method {self.method} {shlex.quote(self.path.removeprefix('/'))}"
        return call if self.body is None else f"{call} --input - <<'JSON'\n{json.dumps(self.body, indent=2)}\nJSON"


def read_rules(root: Path) -> Rules:
    """Read `.github/rules.yml`.

    Raises:
        SpecError: With every mistake at its line.
    """
    reader = Reader(read(root / RULES_FILE))
    reader.mapping((), {"branch", "environments", "actions"})
    reader.mapping(("branch",), {"approvals", "code_owners", "checks", "linear_history"})
    reader.mapping(("actions",), {"token", "pull_requests"})
    guards = tuple(_guard(reader, root, str(name)) for name in reader.mapping(("environments",), None))
    rules = Rules(
        reader.whole(("branch", "approvals"), 1, least=0, most=10),
        reader.truth(("branch", "code_owners"), default=False),
        reader.words(("branch", "checks")),
        reader.truth(("branch", "linear_history"), default=True),
        reader.choice(("actions", "token"), ("read", "write"), "read"),
        reader.truth(("actions", "pull_requests"), default=False),
        guards,
    )
    reader.done()
    return rules


def _guard(reader: Reader, root: Path, name: str) -> Guard:
    at: Keys = ("environments", name)
    reader.mapping(at, {"branches", "reviewers"})
    reviewers, wanted = reader.words((*at, "reviewers")), read_approval(root, name)
    file = f"environments/{name}.yml"
    if wanted.required and not reviewers:
        reader.note(at, f"{name} has no `reviewers`", f"{file} asks for an approval: say who may give it, or set approval.required there.")
    if len(reviewers) > 6:
        reader.note((*at, "reviewers"), "GitHub takes six reviewers at most", "Name a team: org/team")
    return Guard(name, reader.words((*at, "branches")), reviewers if wanted.required else (), wanted.by_author)


def differences(github: GitHub, rules: Rules) -> tuple[Change, ...]:
    """Return the calls that are needed, in their order.

    Raises:
        UsageError: A reviewer is not there.
        PlatformError: GitHub could not be asked.
    """
    return (
        *_branch(github, rules),
        *(change for guard in rules.guards for change in _environment(github, guard)),
        *_actions(github, rules),
    )


def _branch(github: GitHub, rules: Rules) -> Iterator[Change]:
    to, body = "read the branch rules", rules.ruleset()
    listed = github.pages(github.path("rulesets"), to, needs=_ADMIN, query={"includes_parents": "false"})
    found = next((one for one in listed if one["name"] == NAME and one.get("target") == "branch"), None)
    if found is None:
        yield Change("branch rules", f"there is no ruleset {NAME!r}", "POST", github.path("rulesets"), body)
        return
    there = github.api.call("GET", github.path("rulesets", found["id"]), to, needs=_ADMIN)
    other = [key for key, value in body.items() if not _holds(value, there.get(key))]
    if other:
        yield Change("branch rules", f"other {', '.join(other)}", "PUT", github.path("rulesets", found["id"]), body)


def _environment(github: GitHub, guard: Guard) -> Iterator[Change]:
    found, path, what = github.environment(guard.name), github.path("environments", guard.name), f"environment {guard.name}"
    there = _told(found or {})
    wanted: dict[str, Any] = {
        "reviewers": [_reviewer(github, who) for who in guard.reviewers],
        "prevent_self_review": bool(guard.reviewers) and not guard.by_author,
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True} if guard.branches else None,
    }
    other = [key for key, value in wanted.items() if not _holds(value, there[key])]
    if found is None or other:
        why = f"other {', '.join(other)}" if found else "it is not there"
        timer = {"wait_timer": there["wait_timer"]} if there["wait_timer"] else {}
        yield Change(what, why, "PUT", path, {**wanted, **timer})
    if not guard.branches:
        return
    policies = f"{path}/deployment-branch-policies"
    custom = bool(there["deployment_branch_policy"] and there["deployment_branch_policy"]["custom_branch_policies"])
    to = f"read which branches may deploy to {guard.name}"
    held = {one["name"]: one["id"] for one in github.pages(policies, to, needs=_ADMIN, key="branch_policies")} if custom else {}
    for branch in guard.branches:
        if branch not in held:
            yield Change(what, f"{branch} may not deploy", "POST", policies, {"name": branch})
    for branch, number in held.items():
        if branch not in guard.branches:
            yield Change(what, f"{branch} may deploy", "DELETE", f"{policies}/{number}")


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """Return what GitHub tells of an environment, in the form in which it is set."""
    rules = {rule["type"]: rule for rule in found.get("protection_rules") or []}
    review = rules.get("required_reviewers", {})
    return {
        "reviewers": [{"type": one["type"], "id": one["reviewer"]["id"]} for one in review.get("reviewers") or []],
        "prevent_self_review": review.get("prevent_self_review", False),
        "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
        "deployment_branch_policy": found.get("deployment_branch_policy"),
    }


def _reviewer(github: GitHub, who: str) -> dict[str, Any]:
    if who == "{owner}":
        owner = github.repository()["owner"]
        if owner["type"] == "User":
            return {"type": "User", "id": owner["id"]}
        hint = f"Name people, or a team: {owner['login']}/TEAM"
        raise UsageError(f"{owner['login']} is an organisation, and cannot approve", where=str(RULES_FILE), hint=hint)
    organisation, slash, team = who.partition("/")
    path = f"/orgs/{segment(organisation)}/teams/{segment(team)}" if slash else f"/users/{segment(who)}"
    found = github.api.call("GET", path, f"find the reviewer {who!r}", needs="members: read", absent=(404,))
    if found is None:
        raise UsageError(f"GitHub knows no reviewer {who!r}", where=str(RULES_FILE), hint="Write a person's login, or org/team.")
    return {"type": "Team" if slash else "User", "id": found["id"]}


def _actions(github: GitHub, rules: Rules) -> Iterator[Change]:
    path = github.path("actions", "permissions", "workflow")
    there = github.api.call("GET", path, "read what a job's token may do", needs=_ADMIN)
    wanted = {"default_workflow_permissions": rules.token, "can_approve_pull_request_reviews": rules.pull_requests}
    other = [key for key, value in wanted.items() if there.get(key) != value]
    if other:
        yield Change("token of a job", f"other {', '.join(other)}", "PUT", path, wanted)


def apply(github: GitHub, change: Change) -> None:
    """Make one change.

    Raises:
        PlatformError: GitHub did not take it.
    """
    github.api.call(change.method, change.path, f"set {change.what}", needs=_ADMIN, body=change.body)


def _holds(wanted: Any, there: Any) -> bool:
    """Return whether what is there has all that is wanted; keys that GitHub adds, and the order of a list, do not matter."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(_holds(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(any(_holds(one, two) for two in there) for one in wanted)
    return bool(wanted == there)
