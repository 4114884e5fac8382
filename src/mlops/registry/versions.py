"""Model versions, over MLflow's registry: register, look up, move between environments, and the record of every move.

MLflow knows versions, aliases and tags; everything here is made of these three. Two rules hold:

- **No version without its files.** Files are uploaded first; the version comes to be with their digest among its tags, in one request.
- **Every move is told.** Aliases are moved by compare-and-set under a lock of this machine, and each move is a tag of the version with who,
  when, from where and why. Aliases: `challenger` (the newest candidate), `staging`, `production`, and `champion` (what production serves).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, MlopsError, PlatformError, UsageError
from mlops.files import digest_folder, locked
from mlops.tracking.server import connect, experiment_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DIGEST, FOLDER, FILES = "slipway.digest", "slipway.folder", "slipway.files"
APPROVED, AGAINST, ROLLED_BACK, MOVE = "slipway.approved", "slipway.against", "slipway.rolled_back", "slipway.move."
ALIASES = {"staging": ("staging",), "production": ("production", "champion")}
_RETRIES = 4


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its files are whole where `Registry.fetch` gives them."""

    name: str
    version: int
    digest: str
    run_id: str | None
    artifacts: str
    """Where its folder of artifacts is: `model/`, and beside it the evidence."""
    created: str
    aliases: tuple[str, ...] = ()
    approved: bool = False
    """Whether the gate let it go on, and against which champion's version: an approval is bound to both."""
    against: int | None = None
    rolled_back: str = ""
    """Why it was taken back from production, where it was: it is not promoted again by itself."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Move:
    """One move of an environment from a version to another."""

    at: str
    environment: str
    before: int | None
    after: int
    who: str
    reason: str
    digest: str


def now() -> str:
    """Return the time in UTC, to the microsecond: moves are ordered by it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass
class Registry:
    """The versions of every model, in the store that tracking uses.

    Args:
        home: The state folder: locks, and the copies of models that a server keeps.
        uri: The tracking address, for messages; the client is made when it is first needed.
    """

    home: Path
    uri: str
    _made: Any = field(default=None, init=False, repr=False)

    @property
    def client(self) -> Any:
        """The MLflow client; the first use imports MLflow."""
        if self._made is None:
            self._made = connect(self.home)
        return self._made

    def versions(self, name: str) -> list[ModelVersion]:
        """Return all versions of a model, the newest first."""
        found = self._ask(lambda: self.client.search_model_versions(f"name = '{_quoted(name)}'", max_results=10_000))
        if not found:
            return []
        aliases = self._aliases(name)
        return sorted((_version(one, aliases) for one in found if one.tags.get(DIGEST)), key=lambda v: -v.version)

    def resolve(self, name: str, which: str) -> ModelVersion | None:
        """Return a version by number (`3` or `v3`) or alias, or None."""
        wanted = which.removeprefix("v")
        for version in self.versions(name):
            if wanted == str(version.version) or which in version.aliases:
                return version
        return None

    def by_digest(self, name: str, digest: str) -> ModelVersion | None:
        """Return the version that holds exactly these files, or None."""
        return next((version for version in self.versions(name) if version.digest == digest), None)

    def register(
        self,
        name: str,
        folder: Path,
        digest: str,
        run_id: str | None,
        *,
        evidence: Path | None = None,
        approved: bool = False,
        against: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Register a model folder; the same files give the same version again.

        Args:
            name: The model's name.
            folder: The MLflow model's folder.
            digest: What the folder's files must be.
            run_id: The MLflow run that made it; without one, a run is made to hold the files.
            evidence: A folder that is kept beside the model.
            approved: Whether the gate let it go on.
            against: The champion's version that the gate compared it with.
            tags: More facts to keep with the version.

        Raises:
            JobFailed: The folder is not what its digest says.
            PlatformError: The registry cannot be reached, or not written.
        """
        if digest_folder(folder) != digest:
            raise JobFailed("the model's files are not those that the run made", where=str(folder), hint="Run again with --force.")
        verdict = {APPROVED: str(approved).lower(), AGAINST: str(against or "")}
        with locked(self.home / "registry.lock"):
            known = self.by_digest(name, digest)
            if known is None:
                run = run_id or self._new_run(name)
                self._ask(lambda: self.client.log_artifacts(run, str(folder), "model"))
                if evidence is not None:
                    self._ask(lambda: self.client.log_artifacts(run, str(evidence), "evidence"))
                root = self._ask(lambda: self.client.get_run(run)).info.artifact_uri
                facts = {DIGEST: digest, FOLDER: root, FILES: _files(folder), **verdict, **(tags or {})}
                self._create(name, run, facts)
                known = self.by_digest(name, digest)
                if known is None:
                    raise PlatformError("the registry took a version and does not show it", where=self.uri)
            else:
                for key, value in verdict.items():
                    self._tag(known, key, value)
            self._alias(name, "challenger", known)
        return self.resolve(name, str(known.version)) or known

    def _create(self, name: str, run: str, facts: Mapping[str, str]) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise _told(error, self.uri) from error
        self._ask(lambda: self.client.create_model_version(name, f"runs:/{run}/model", run, tags=dict(facts), await_creation_for=None))

    def _new_run(self, name: str) -> str:
        run = self._ask(lambda: self.client.create_run(experiment_id(self.client, self.home, name), run_name="registration"))
        self._ask(lambda: self.client.set_terminated(run.info.run_id))
        return str(run.info.run_id)

    def fetch(self, version: ModelVersion) -> Path:
        """Return a local folder with the version's files, after checking that they are the registered ones.

        Raises:
            JobFailed: Files were altered, added or removed since; the message names the first.
            PlatformError: They cannot be had.
        """
        folder = self._local(version, "model")
        if not folder.is_dir():
            raise JobFailed(
                f"the files of {version.name} v{version.version} are gone", where=str(folder), hint="Choose another version: mlops models"
            )
        if digest_folder(folder) != version.digest:
            changed = _difference(version.tags.get(FILES, "{}"), folder)
            hint = "It is not served. Choose another version: mlops models"
            raise JobFailed(
                f"{version.name} v{version.version} was tampered with after registration: {changed}", where=str(folder), hint=hint
            )
        return folder

    def attachment(self, version: ModelVersion, name: str) -> Path | None:
        """Return a file that was registered beside the model, or None where there is none."""
        path = self._local(version, "evidence") / name
        return path if path.is_file() else None

    def _local(self, version: ModelVersion, part: str) -> Path:
        """Return where a part of a version's artifacts is on this machine; from a server it is copied once, under its digest."""
        if version.artifacts.startswith("file:"):
            from urllib.parse import unquote, urlsplit

            return Path(unquote(urlsplit(version.artifacts).path), part)
        place = self.home / "models" / version.digest.removeprefix("sha256:") / part
        if not place.exists():
            from mlflow.artifacts import download_artifacts

            fresh = place.with_name(f".{part}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            try:
                got = download_artifacts(artifact_uri=f"{version.artifacts}/{part}", dst_path=str(fresh), tracking_uri=self.uri)
                Path(got).rename(place)
            except OSError as error:
                raise PlatformError(f"the files of v{version.version} cannot be had: {error}", where=version.artifacts) from error
            except Exception as error:  # MLflow's artifact stores raise what they like
                raise PlatformError(f"the files of v{version.version} cannot be had: {error}", where=version.artifacts) from error
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        return place

    def move(
        self, name: str, environment: str, version: ModelVersion, *, expected: int | None, who: str, reason: str, kind: str = "promote"
    ) -> None:
        """Point an environment's aliases at a version, and record it.

        Args:
            name: The model's name.
            environment: staging or production.
            version: Where the aliases go.
            expected: The version that they must point at now; None for none.
            who: Who asked for it.
            reason: Why.
            kind: promote, or rollback.

        Raises:
            JobFailed: Somebody else moved the environment in between; the message names who and when.
        """
        with locked(self.home / "registry.lock"):
            current = self.resolve(name, environment)
            if current is not None and current.version == version.version:
                return
            if (current.version if current else None) != expected:
                raise _conflict(self.history(name), environment, current, expected)
            at = now()
            move = Move(at, environment, expected, version.version, who, reason, version.digest)
            self._tag(version, MOVE + at, json.dumps({**asdict(move), "kind": kind}))
            for alias in ALIASES[environment]:
                self._alias(name, alias, version)

    def history(self, name: str) -> list[Move]:
        """Return every move of the model, the newest first."""
        return [Move(**{k: v for k, v in told.items() if k != "kind"}) for told in self._moves(name)]

    def previous(self, name: str, environment: str) -> ModelVersion | None:
        """Return the version that an environment served before the one it serves now, rollbacks undone; or None."""
        now_serving = self.resolve(name, environment)
        if now_serving is None:
            return None
        for told in self._moves(name):
            if told["environment"] == environment and told["after"] == now_serving.version and told["kind"] != "rollback":
                return self.resolve(name, str(told["before"])) if told["before"] else None
        return None

    def mark_rolled_back(self, version: ModelVersion, *, environment: str, who: str, reason: str) -> None:
        """Note that a version was taken back, so that it is not promoted again by itself."""
        why = f"v{version.version} was taken back from {environment} on {now()[:16]} by {who}{f': {reason}' if reason else ''}"
        self._tag(version, ROLLED_BACK, why)

    def clear_rolled_back(self, version: ModelVersion) -> None:
        """Forget that a version was taken back: somebody promoted it by hand."""
        if version.rolled_back:
            self._tag(version, ROLLED_BACK, "")

    def _moves(self, name: str) -> list[dict[str, Any]]:
        found = [json.loads(value) for version in self.versions(name) for key, value in version.tags.items() if key.startswith(MOVE)]
        return sorted(found, key=lambda told: str(told["at"]), reverse=True)

    def _aliases(self, name: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for alias, number in sorted(self._ask(lambda: self.client.get_registered_model(name)).aliases.items()):
            found.setdefault(int(number), []).append(alias)
        return found

    def _alias(self, name: str, alias: str, version: ModelVersion) -> None:
        self._ask(lambda: self.client.set_registered_model_alias(name, alias, str(version.version)))

    def _tag(self, version: ModelVersion, key: str, value: str) -> None:
        self._ask(lambda: self.client.set_model_version_tag(version.name, str(version.version), key, value))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Ask the store; what is transient (429, 5xx, a locked database) is tried again a few times, with jitter.

        Raises:
            PlatformError: It did not answer in the end.
        """
        import random
        import time

        for attempt in range(_RETRIES):
            try:
                return question()
            except MlopsError:
                raise
            except Exception as error:
                if attempt == _RETRIES - 1 or not _transient(error):
                    raise _told(error, self.uri) from error
                time.sleep(0.1 * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter
        raise AssertionError


def _transient(error: Exception) -> bool:
    words = str(error).lower()
    return any(word in words for word in ("locked", "429", "500", "502", "503", "504", "connection", "timed out", "temporarily"))


def _told(error: Exception, uri: str) -> MlopsError:
    lines = str(error).strip().splitlines() or [repr(error)]
    return PlatformError(
        f"the registry did not do it: {lines[0][:300]}", where=uri, hint="Production is as it was. Run the same command again."
    )


def _quoted(name: str) -> str:
    if "'" in name:
        raise UsageError(f"a model's name cannot hold a quote: {name!r}", where="src/project/project.yml")
    return name


def _version(found: Any, aliases: Mapping[int, Sequence[str]]) -> ModelVersion:
    number = int(found.version)
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return ModelVersion(
        name=found.name,
        version=number,
        digest=found.tags[DIGEST],
        run_id=found.run_id,
        artifacts=found.tags[FOLDER],
        created=created,
        aliases=tuple(aliases.get(number, ())),
        approved=found.tags.get(APPROVED) == "true",
        against=int(found.tags[AGAINST]) if found.tags.get(AGAINST) else None,
        rolled_back=found.tags.get(ROLLED_BACK, ""),
        tags=dict(found.tags),
    )


def _files(folder: Path) -> str:
    from mlops.files import digest_file

    return json.dumps({p.relative_to(folder).as_posix(): digest_file(p)[7:23] for p in sorted(folder.rglob("*")) if p.is_file()})


def _difference(recorded: str, folder: Path) -> str:
    """Return in words the first difference between the recorded files and those in a folder."""
    before, after = json.loads(recorded), json.loads(_files(folder))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            return f"{name} is gone"
        if name not in before:
            return f"{name} was added"
        if before[name] != after[name]:
            return f"{name} was changed"
    return "its files differ"


def _conflict(history: Sequence[Move], environment: str, current: ModelVersion | None, expected: int | None) -> JobFailed:
    last = next((move for move in history if move.environment == environment), None)
    by = f", moved by {last.who} at {last.at[:19]}" if last else ""
    was, now_is = f"v{expected}" if expected else "no version", f"v{current.version}" if current else "no version"
    hint = "Nothing was changed. Look with `mlops status`, then ask again."
    return JobFailed(f"{environment} was {was} when this began, and is {now_is} now{by}", hint=hint)
