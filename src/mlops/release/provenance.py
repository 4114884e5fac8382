"""Where a model version or a package came from: an in-toto statement with SLSA's provenance as its predicate.

A statement says, of files with their digests, what they were made from, how, and by whom. It is not signed here: on GitHub the workflow signs what it
releases, and a signature says who vouches for the statement, not that it is true.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from mlops.errors import JobFailed, UsageError
from mlops.files import digest_file, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops.registry.journal import Move
    from mlops.registry.versions import ModelVersion

STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
MODEL, PACKAGE = "urn:slipway:build:model:1", "urn:slipway:build:package:1"
LAPTOP = "urn:slipway:laptop"
"""Who built it where no CI system did: a person's own machine, which nobody vouches for."""
MADE = "slipway.made"
"""The tag of a model version that says how it was made. It is written with the version, for a run's folder does not live as long."""
FOLDER = "slipwayFolder256"
"""The name of a folder's digest (`files.digest_folder`): it is no digest of a file, so it is not called sha256."""

Json = dict[str, Any]


def made(root: Path, run: Mapping[str, Any], builder: str) -> str:
    """Return how a model was made, as the text of its tag.

    Args:
        root: The project.
        run: The record of the run that made it.
        builder: Address of the CI run; empty on a laptop.
    """
    files = {name: root / path for name, path in (("pipeline", run["pipeline"]), ("lock", "requirements.lock"))}
    facts: Json = {key: run.get(key) for key in ("pipeline", "inputs", "run", "user", "commit", "dirty", "started", "finished")}
    facts["digests"] = {name: digest_file(path) for name, path in files.items() if path.is_file()}
    return json.dumps({**facts, "builder": builder}, ensure_ascii=False)


def of_model(version: ModelVersion, folder: Path, moves: Iterable[Move], repository: str) -> Json:
    """Return the statement about a model version.

    Args:
        version: The version.
        folder: Its files.
        moves: All moves of the model.
        repository: Address of the source; empty where there is none.

    Raises:
        UsageError: It was registered before this was recorded.
    """
    if MADE not in version.tags:
        hint = "It was registered by an older release; versions from now on have it."
        raise UsageError(f"how {version.name} v{version.version} was made was not recorded", hint=hint)
    facts = json.loads(version.tags[MADE])
    values = {name: given["value"] for name, given in facts["inputs"].items() if "value" in given}
    data = [_data(name, given) for name, given in facts["inputs"].items() if "digest" in given]
    files = [
        _resource(path, digest) for path, digest in zip((facts["pipeline"], "requirements.lock"), _digests(facts), strict=True) if digest
    ]
    build = {
        "buildType": MODEL,
        "externalParameters": {"model": version.name, "version": version.version, "pipeline": facts["pipeline"], "inputs": values},
        "internalParameters": {"run": facts["run"], "user": facts["user"], "uncommitted_changes": facts["dirty"]},
        "resolvedDependencies": [*_source(repository, facts["commit"]), *files, *data],
    }
    approvals = [_approval(move) for move in moves if move.digest == version.digest]
    evidence = [{"name": "evidence", "digest": {FOLDER: _hex(version.evidence)}}] if version.evidence else []
    times = {"startedOn": facts["started"], "finishedOn": facts["finished"]}
    run = _run(facts["builder"], times, [{"name": "model", "digest": {FOLDER: _hex(version.digest)}}, *evidence])
    gate = {"approved": version.approved, "against": version.against}
    return _statement(_subjects(folder), {"buildDefinition": build, "runDetails": run, "slipway_gate": gate, "slipway_moves": approvals})


def of_package(folder: Path, name: str, version: str, source: tuple[str, str], lock: Path, builder: str, finished: str) -> Json:
    """Return the statement about the files of a release.

    Args:
        folder: The files, and nothing else.
        name: The project's name.
        version: The release.
        source: Address of the repository, and the commit.
        lock: The lock file that the SBOM is about.
        builder: Address of the CI run; empty on a laptop.
        finished: When.
    """
    build = {
        "buildType": PACKAGE,
        "externalParameters": {"name": name, "version": version},
        "internalParameters": {},
        "resolvedDependencies": [*_source(*source), _resource(lock.name, digest_file(lock))],
    }
    return _statement(_subjects(folder), {"buildDefinition": build, "runDetails": _run(builder, {"finishedOn": finished}, [])})


def _statement(subjects: list[Json], predicate: Json) -> Json:
    return {"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate}


def _run(builder: str, times: Json, products: list[Json]) -> Json:
    return {"builder": {"id": builder or LAPTOP}, "metadata": {"invocationId": builder, **times}, "byproducts": products}


def _subjects(folder: Path) -> list[Json]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [_resource(path.relative_to(folder).as_posix(), digest_file(path)) for path in files]


def _resource(name: str, digest: str) -> Json:
    return {"name": name, "digest": {"sha256": _hex(digest)}}


def _data(name: str, given: Mapping[str, Any]) -> Json:
    kind = "sha256" if given["type"] == "uri_file" else FOLDER
    return {"name": name, "uri": given["path"], "digest": {kind: _hex(given["digest"])}}


def _source(repository: str, commit: str | None) -> list[Json]:
    """Return the source; its address without a name or password that it may hold, and none where it is a folder of this machine."""
    if not commit:
        return []
    short = re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+):(?!//)/*(.+)", repository)
    parts = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else repository)
    clean = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return [{"name": "source", **({"uri": f"git+{clean}@{commit}"} if parts.netloc else {}), "digest": {"gitCommit": commit}}]


def _digests(facts: Mapping[str, Any]) -> tuple[str, str]:
    return facts["digests"].get("pipeline", ""), facts["digests"].get("lock", "")


def _approval(move: Move) -> Json:
    return {
        "environment": move.environment,
        "kind": move.kind,
        "by": move.who,
        "at": move.at,
        "reason": move.reason,
        "evidence": move.evidence,
    }


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def read(path: Path) -> Json:
    """Return a statement that was written here.

    Raises:
        UsageError: The file is none.
    """
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path), hint="mlops provenance VERSION writes one")
    found = read_json(path)
    try:
        kind = found["predicate"]["buildDefinition"]["buildType"]
        whole = (found["_type"], found["predicateType"]) == (STATEMENT, PREDICATE) and bool(found["subject"])
    except (KeyError, TypeError):
        kind, whole = None, False
    if not whole or kind not in {MODEL, PACKAGE}:
        raise UsageError("this is no provenance of a model or a package", where=str(path))
    return dict(found)


def about(statement: Json) -> Json:
    """Return what a statement is about: name or model, and version."""
    return dict(statement["predicate"]["buildDefinition"]["externalParameters"])


def is_model(statement: Json) -> bool:
    """Return whether a statement is about a model version; else it is about a package."""
    return bool(statement["predicate"]["buildDefinition"]["buildType"] == MODEL)


def check_files(statement: Json, folder: Path, *, whole: bool) -> int:
    """Compare a statement's files with those in a folder; return how many there are.

    Args:
        statement: The statement.
        folder: Where the files are.
        whole: Whether a file that the statement does not name is a fault too.

    Raises:
        JobFailed: One is altered, gone or added; the message names it.
    """
    said = {subject["name"]: subject["digest"].get("sha256") for subject in statement["subject"]}
    there = {subject["name"]: subject["digest"]["sha256"] for subject in _subjects(folder)}
    for name in sorted(said.keys() | there.keys() if whole else said):
        if said.get(name) != there.get(name):
            how = "is gone" if name not in there else "was added" if name not in said else "was altered"
            raise JobFailed(
                f"{name} {how}", where=str(folder), hint="These are not the files that the provenance is about. Do not use them."
            )
    return len(said)


def check_facts(statement: Json, version: ModelVersion) -> None:
    """Compare what a statement says of a model with what the registry says now.

    Raises:
        JobFailed: They differ.
    """
    predicate = statement["predicate"]
    said = {product["name"]: product["digest"].get(FOLDER) for product in predicate["runDetails"]["byproducts"]}
    commits = {one["digest"].get("gitCommit") for one in predicate["buildDefinition"]["resolvedDependencies"]} - {None}
    facts = json.loads(version.tags.get(MADE, "{}"))
    pairs = {
        "the model's digest": (said.get("model"), _hex(version.digest)),
        "the evidence": (said.get("evidence") or "", _hex(version.evidence)),
        "the commit": (next(iter(commits), None), facts.get("commit") or None),
    }
    for what, (then, now) in pairs.items():
        if then != now:
            raise JobFailed(
                f"{what} is another: {then} in the provenance, {now} in the registry", where=f"{version.name} v{version.version}"
            )
