"""What the CI system of a fork lacks: the looks of `mlops doctor --ci`. Nothing is changed by them.

What guards an environment is asked of any host; the rest is GitHub's own. What could not be seen is not in order: on the way to production "nobody
could tell" must not pass for "somebody approves".
"""

from __future__ import annotations

import os
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops.ci.github import GitHub
from mlops.ci.origin import hosted
from mlops.errors import MlopsError
from mlops.settings import read_approval, read_environment, read_place
from mlops.verbs.doctor import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops.ci.host import Host

ENVIRONMENTS = ("staging", "production")
REQUIRED = "required"
"""The job of ci.yml that waits for all others."""
JOBS = {"staging": ("environment:staging", "environment:production"), "production": ("environment:production",)}
"""Whose jobs act in each environment's workspace, beside those of the default branch: a delivery to production moves the registry, which is in staging's."""
_ADMIN = "administration: read"


def looks(root: Path) -> list[Callable[[], Finding]]:
    """Return what is looked at, in its order.

    Raises:
        UsageError: Nobody knows which repository is meant.
        PlatformError: There is nothing to ask it with.
    """
    host = hosted(root, os.environ)
    where = Finding("repository", good=True, said=f"{host.context.repository} on {host.context.system}")
    inside = os.environ.get("GITHUB_ACTIONS") == "true"
    found: list[Callable[[], Finding]] = [lambda: where]
    found += [partial(_seen, name, partial(_guarded, host, root, name)) for name in ENVIRONMENTS]
    there = [name for name in ENVIRONMENTS if read_place(root, name) == "azure"]
    found += [partial(_seen, f"{name}: Azure", partial(_client, root, host, name)) for name in there]
    if not isinstance(host, GitHub):
        return found
    found.append(partial(_seen, "branch rules", partial(_branch, host)))
    found.append(partial(_seen, "job's token", partial(_token, host), may_fail=inside))
    found += [partial(_seen, f"{name}: OIDC", partial(_subjects, host, name), may_fail=inside) for name in there]
    return found


def _seen(name: str, look: Callable[[], Finding], *, may_fail: bool = False) -> Finding:
    """Look, and tell of an error as of anything else that is not in order.

    Args:
        name: Of the finding.
        look: What may raise.
        may_fail: Whether not to see it is no fault: a job's token never sees what takes an admin's.
    """
    try:
        return look()
    except MlopsError as error:
        return Finding(name, good=may_fail, said=f"not seen: {error.message}", mend=error.hint or "")


def _guarded(host: Host, root: Path, name: str) -> Finding:
    wanted, guard = read_approval(root, name), host.protection(name)
    if wanted.required and not guard.reviewers:
        return Finding(name, good=False, said=guard.told, mend=guard.mend)
    if not guard.exists:
        return Finding(name, good=False, said=guard.told, mend=host.making(name) if isinstance(host, GitHub) else guard.mend)
    if wanted.required and guard.author_may_approve and not wanted.by_author:
        mend = host.guard(name, host.environment(name)) if isinstance(host, GitHub) else guard.mend
        said = f"{guard.told}, and environments/{name}.yml does not allow that (approval.by_author)"
        return Finding(name, good=False, said=said, mend=mend)
    return Finding(name, good=True, said=guard.told if guard.reviewers else "it is there, and nobody has to approve")


def _branch(github: GitHub) -> Finding:
    branch = github.repository()["default_branch"]
    to, needs = f"read the rules of {branch!r}", "contents: read"
    rules = github.pages(github.path("rules", "branches", branch), to, needs=needs)
    checks = [check["context"] for rule in rules if rule["type"] == "required_status_checks" for check in _checks(rule.get("parameters"))]
    if REQUIRED not in checks:
        classic = github.api.call("GET", github.path("branches", branch), to, needs=needs).get("protection") or {}
        checks += (classic.get("required_status_checks") or {}).get("contexts") or []
    if REQUIRED in checks:
        return Finding("branch rules", good=True, said=f"{branch} takes nothing without the check {REQUIRED!r}")
    said = f"{branch} takes changes without the check {REQUIRED!r}"
    return Finding("branch rules", good=False, said=said, mend="mlops rules --apply (mlops rules shows the calls first)")


def _checks(parameters: Any) -> list[Any]:
    return list((parameters or {}).get("required_status_checks") or [])


def _token(github: GitHub) -> Finding:
    path = github.path("actions", "permissions", "workflow")
    found = github.api.call("GET", path, "read what a job's token may do", needs=_ADMIN)
    opens = bool(found["can_approve_pull_request_reviews"])
    said = f"a job that does not say may {found['default_workflow_permissions']}; Actions may {'' if opens else 'not '}open pull requests"
    mend = f"gh api --method PUT {shlex.quote(path.removeprefix('/'))} -f default_workflow_permissions=read"
    mend += f" -F can_approve_pull_request_reviews={str(opens).lower()}"
    return Finding("job's token", found["default_workflow_permissions"] == "read", said, mend)


def _client(root: Path, host: Host, name: str) -> Finding:
    """Look whether the environment's file says whom CI signs in as; it holds no secret, so nothing is kept in the CI system."""
    azure, about = read_environment(root, name).azure, f"{name}: Azure"
    wanted = ("ci_client", "ci_connection") if host.context.system == "azure" else ("ci_client",)
    missing = [key for key in wanted if azure is None or not getattr(azure, key)]
    if not missing:
        return Finding(about, good=True, said=f"CI signs in as {azure.ci_client if azure else ''}")
    values = {
        "ci_client": "the ciClientId that make infra prints",
        "ci_connection": "the resourceId in the address of the service connection's page",
    }
    mend = "; ".join(f"azure: {{{key}: ...}} in environments/{name}.yml: {values[key]}" for key in missing)
    return Finding(about, good=False, said=f"environments/{name}.yml does not say whom CI signs in as: no {', '.join(missing)}", mend=mend)


def _subjects(github: GitHub, name: str) -> Finding:
    """Say what the federated credentials' subjects have to be, letter for letter: what Azure has cannot be seen from here."""
    path = github.path("actions", "oidc", "customization", "sub")
    found = github.api.call("GET", path, "read the form of the OIDC subject", needs="actions: read")
    prefix = found.get("sub_claim_prefix") or f"repo:{github.context.repository}"
    keys = [] if found["use_default"] else found.get("include_claim_keys") or []
    contexts = (*JOBS[name], f"ref:refs/heads/{github.repository()['default_branch']}")
    subjects = dict.fromkeys(_subject(github, prefix, keys, context) for context in contexts)
    said = f"the federated credentials' subjects must be exactly {', '.join(subjects)}"
    return Finding(f"{name}: OIDC", good=True, said=said)


def _subject(github: GitHub, prefix: str, keys: list[str], context: str) -> str:
    if not keys:
        return f"{prefix}:{context}"
    known = _claims(github, context, prefix)
    return ":".join(known.get(key) or f"{key}:<its value in the job's token>" for key in keys)


def _claims(github: GitHub, context: str, prefix: str) -> dict[str, str]:
    """Return the parts of a customised subject, as far as they are the same in every such job."""
    repository = github.repository()
    owner = repository["owner"]
    return {
        "repo": prefix,
        "context": context,
        "environment": context if context.startswith("environment:") else "",
        "repository": f"repository:{github.context.repository}",
        "repository_id": f"repository_id:{repository['id']}",
        "repository_owner": f"repository_owner:{owner['login']}",
        "repository_owner_id": f"repository_owner_id:{owner['id']}",
        "repository_visibility": f"repository_visibility:{repository.get('visibility') or ('private' if repository['private'] else 'public')}",
    }
