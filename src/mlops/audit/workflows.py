"""Workflows, pipelines and forms, read by three judges: actionlint, zizmor, and the schemas that the services publish."""

from __future__ import annotations

import json
import re
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.audit.repository import failed
from mlops.audit.result import Finding, Result
from mlops.errors import SpecError
from mlops.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.audit.policy import Policy
    from mlops.audit.repository import Repository

SCHEMAS = {
    "vendor.github-workflows": (".github/workflows/*.yml", ".github/workflows/*.yaml"),
    "vendor.github-actions": ("*/action.yml", "*/action.yaml", "action.yml", "action.yaml"),
    "vendor.dependabot": (".github/dependabot.yml", ".github/dependabot.yaml"),
    "vendor.github-issue-forms": (".github/ISSUE_TEMPLATE/*.yml",),
    "vendor.github-issue-config": (".github/ISSUE_TEMPLATE/config.yml",),
    "vendor.azure-pipelines": (".azure-pipelines/*.yml", "azure-pipelines.yml"),
}
_CONFIG = ".github/ISSUE_TEMPLATE/config.yml"
_AZURE = "vendor.azure-pipelines"
_LONG = 200


def _matching(repository: Repository, patterns: Sequence[str]) -> list[str]:
    return [name for name in repository.files if any(fnmatch(name, pattern) for pattern in patterns)]


def actionlint(repository: Repository, _policy: Policy) -> Result:
    """Types, expressions and scripts of the workflows (it asks shellcheck about scripts)."""
    files = _matching(repository, SCHEMAS["vendor.github-workflows"])
    if not files:
        return Result("no workflow here")
    done = repository.run("actionlint", "-format", "{{json .}}", *files)
    if done.returncode not in {0, 1}:
        raise failed("actionlint", done)
    found = [
        Finding(
            entry["filepath"],
            entry["line"],
            f"{entry['message']} [{entry['kind']}]",
            "Mend the workflow; it would fail, or do harm, when it runs.",
        )
        for entry in json.loads(done.stdout or "[]")
    ]
    return Result(f"{len(files)} workflows", tuple(found))


def zizmor(repository: Repository, _policy: Policy) -> Result:
    """What could be abused: permissions, actions that are not pinned by their commit, expressions in scripts, credentials left behind."""
    kinds = ("vendor.github-workflows", "vendor.github-actions", "vendor.dependabot")
    files = _matching(repository, [".pre-commit-config.yaml", *(pattern for kind in kinds for pattern in SCHEMAS[kind])])
    if not files:
        return Result("no workflow here")
    done = repository.run("zizmor", "--offline", "--no-progress", "--persona", "auditor", "--format", "json-v1", *files)
    try:
        entries = json.loads(done.stdout)
    except ValueError:
        raise failed("zizmor", done) from None
    return Result(f"{len(files)} files as an auditor reads them", tuple(_weakness(entry) for entry in entries if not entry["ignored"]))


def _weakness(entry: dict[str, Any]) -> Finding:
    at = next(place for place in entry["locations"] if place["symbolic"]["kind"] == "Primary")
    file = at["symbolic"]["key"]["Local"]["verbatim_path"].removeprefix("./")
    line = at["concrete"]["location"]["start_point"]["row"] + 1
    what = f"{entry['desc']}: {at['symbolic']['annotation']} [{entry['ident']}, {entry['determinations']['severity'].lower()}]"
    return Finding(file, line, what, f"{entry['url']}; a rule that is not wanted is switched off, with its reason, in .github/zizmor.yml.")


def schemas(repository: Repository, _policy: Policy) -> Result:
    """Whether each file has the form that its service publishes; the schemas come with the tool, nothing is fetched."""
    found: dict[Finding, None] = {}
    count = 0
    for schema, patterns in SCHEMAS.items():
        files = [name for name in _matching(repository, patterns) if (name == _CONFIG) == (schema == "vendor.github-issue-config")]
        count += len(files)
        if files:
            found |= dict.fromkeys(_judge(repository, schema, files))
    return Result(f"{count} files", tuple(found))


def _judge(repository: Repository, schema: str, files: list[str]) -> list[Finding]:
    """Let the tool read copies of the files, in JSON: so a key that is given twice is found here, with its line."""
    found: list[Finding] = []
    well: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            try:
                value = read(repository.root / name).value
            except SpecError as error:
                found += [Finding(name, problem.line, problem.message, problem.hint or "Mend the file.") for problem in error.problems]
                continue
            copy = Path(folder, f"{len(well)}.json")
            copy.write_text(json.dumps(_words(value) if schema == _AZURE else value, default=str), encoding="utf-8")
            well.append(name)
        if not well:
            return found
        transform = ("--data-transform", "azure-pipelines", "--regex-variant", "nonunicode") if schema == _AZURE else ()
        copies = [str(Path(folder, f"{index}.json")) for index in range(len(well))]
        done = repository.run("check-jsonschema", "--builtin-schema", schema, *transform, "--output-format", "JSON", *copies)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise failed("check-jsonschema", done) from None
    return found + [_misfit(repository.root, well[int(Path(entry["filename"]).stem)], schema, entry) for entry in report["errors"]]


def _words(value: Any) -> Any:
    """Return a pipeline of Azure with its numbers and truths as words: the service takes both, and its schema has words, but in tasks."""
    if isinstance(value, dict):
        return value if "task" in value else {key: _words(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_words(entry) for entry in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _misfit(root: Path, file: str, schema: str, entry: dict[str, Any]) -> Finding:
    best = entry.get("best_deep_match") or entry
    keys = tuple(int(index) if index else name for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", best["path"]))
    line = read(root / file).problem(keys, "").line
    said = best["message"] if len(best["message"]) < _LONG else f"{best['message'][:_LONG]} ..."
    return Finding(
        file, line, f"{best['path'].removeprefix('$.')}: {said}", f"The service's schema ({schema.removeprefix('vendor.')}) refuses it."
    )
