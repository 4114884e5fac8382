"""Secrets, in the files and in the commits that a change brings.

Kingfisher's rules know what the keys of some hundred services look like; `secrets.yml` adds what is left. It asks nobody whether a key
works (`--no-validate`), and no mark in the code makes it look away (`--no-ignore`): what may pass stands in the reviewed policy, by
the digest of the value, so that another value in the same place is found.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.audit.policy import POLICY_FILE
from mlops.audit.repository import failed
from mlops.audit.result import Finding, Result

if TYPE_CHECKING:
    from mlops.audit.policy import Policy
    from mlops.audit.repository import Repository

RULES = Path(__file__).with_name("secrets.yml")
_FIXED = ("--no-validate", "--no-update-check", "--no-ignore", "--no-dedup", "--confidence", "low", "--format", "json")
_CLEAN, _FOUND = 0, 200


def secrets(repository: Repository, policy: Policy) -> Result:
    """Look into every file of the repository and, where there is a base, into every commit since."""
    listed = set(repository.files)
    hits = [hit for hit in _scan(repository, "--git-history", "none", "--exclude", ".venv", "--exclude", ".mlops") if _file(hit) in listed]
    said, unanswered = f"{len(listed)} files", ""
    if repository.base and repository.git("cat-file", "-e", f"{repository.base}^{{commit}}") is None:
        unanswered = f"the commits since {repository.base[:12]} are not in this checkout: fetch the whole history (fetch-depth: 0)"
    elif repository.base:
        count = (repository.git("rev-list", "--count", f"{repository.base}..HEAD") or "0").strip()
        said += f", {count} commits since {repository.base[:12]}"
        if count != "0":
            hits += _scan(repository, "--git-history", "full", "--since-commit", repository.base, "--branch", "HEAD")
    found: dict[tuple[str, str], Finding] = {}
    for hit in hits:
        value = digest(hit["finding"]["snippet"])
        allowed = policy.allowed.get(value)
        if allowed is None or allowed.file != _file(hit):
            found.setdefault((_file(hit), value), _finding(hit, value))
    return Result(said, tuple(found.values()), unanswered)


def digest(value: str) -> str:
    """Return what the policy names a value by: enough to know it again, and nothing of it."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _scan(repository: Repository, *words: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        cache = str(repository.tools.parent / "rules")
        done = repository.run(
            "kingfisher", "scan", ".", *words, *_FIXED, "--rules-path", str(RULES), "--rule-cache-dir", cache, "--output", str(report)
        )
        if done.returncode not in {_CLEAN, _FOUND} or not report.is_file():
            raise failed("kingfisher", done)
        return list(json.loads(report.read_text(encoding="utf-8"))["findings"])


def _file(hit: dict[str, Any]) -> str:
    return str(hit["finding"]["path"]).removeprefix("./")


def _finding(hit: dict[str, Any], value: str) -> Finding:
    commit = hit["finding"].get("git_metadata", {}).get("commit", {}).get("id", "")
    where = f", in commit {commit[:12]}: deleting the line leaves it there" if commit else ""
    return Finding(
        _file(hit),
        int(hit["finding"]["line"]),
        f"looks like a secret ({hit['rule']['name']}){where}",
        f"Make the key invalid where it was made; that it is gone from the file does not help. No secret? {POLICY_FILE}: "
        f"secrets: allow: {{{value!r}: {{file: {_file(hit)}, reason: ...}}}}",
    )
