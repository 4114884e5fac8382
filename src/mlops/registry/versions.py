"""Model versions, over MLflow's registry or Azure ML's: register, look up, move between environments.

A store (`store.py`) knows versions, aliases, tags and files; everything here is made of these. Two rules hold:

- **No version without its files.** Files are uploaded and read back first; the version comes to be with their digest among its tags, in one
  request. A process that is killed before leaves nothing that can be seen, and the same files registered again are the same version.
- **Every move is told.** Aliases are moved by compare-and-set while nobody else changes them, and each move is recorded (see `journal.py`).
  Aliases: `challenger` (the newest candidate), `staging`, `production`, and `champion` (what production serves).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from mlops.errors import JobFailed, MlopsError, PlatformError, UsageError
from mlops.files import digest_folder
from mlops.registry import artifacts, journal
from mlops.registry.journal import Entry, Move, now
from mlops.registry.store import TRIES, ChangedElsewhereError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlops.registry.store import Store, Stored

T = TypeVar("T")

DIGEST, FOLDER, FILES = "slipway.digest", "slipway.folder", "slipway.files"
VERDICT, ROLLED_BACK, FINGERPRINT = "slipway.verdict", "slipway.rolled_back", "slipway.fingerprint"
STORED = "slipway.stored"
"""When files that had been dropped were uploaded again: a registry that is sent only where a version changed is sent then."""
ALIASES = {"staging": ("staging",), "production": ("champion", "production")}
"""What is set when an environment moves; its own name last, for that is what a move is compared with."""


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
    """Whether the gate let it go on, against which champion's version, on which evidence: an approval is bound to all three."""
    against: int | None = None
    evidence: str = ""
    """Digest of the evidence's folder."""
    rolled_back: str = ""
    """Why it was taken back, where it was: it is not promoted again by itself."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Registry:
    """The versions of every model, in the store that tracking uses.

    Args:
        home: The state folder, with the copies of models that are kept elsewhere.
        store: Keeps them.
    """

    home: Path
    store: Store

    def versions(self, name: str) -> list[ModelVersion]:
        """Return all versions of a model, the newest first."""
        found = self.store.versions(_quoted(name))
        if not found:
            return []
        aliases = self._aliases(name)
        return sorted((_version(name, one, aliases) for one in found if one.tags.get(DIGEST)), key=lambda v: -v.version)

    def resolve(self, name: str, which: str) -> ModelVersion | None:
        """Return a version by number (`3` or `v3`) or alias, or None. The champion is what production serves, whatever else says so."""
        which = "production" if which == "champion" else which
        wanted = which.removeprefix("v")
        for version in self.versions(name):
            if wanted == str(version.version) or which in version.aliases:
                return version
        return None

    def by_digest(self, name: str, digest: str) -> ModelVersion | None:
        """Return the version that holds exactly these files, or None."""
        return next((version for version in reversed(self.versions(name)) if version.digest == digest), None)

    def by_fingerprint(self, name: str, fingerprint: str) -> ModelVersion | None:
        """Return the newest version that was made of exactly this data, code and so on, or None."""
        return next((version for version in self.versions(name) if fingerprint and version.tags.get(FINGERPRINT) == fingerprint), None)

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
        """Register a model folder; the same files give the same version again, with the new verdict.

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

        def act() -> ModelVersion:
            known = self.by_digest(name, digest)
            run = self.store.run(name, known.run_id if known else run_id)
            verdict = {"approved": approved, "against": against, "evidence": self._keep(run, digest, evidence)}
            if known is None:
                known = self._create(name, folder, digest, run, {**(tags or {}), VERDICT: json.dumps(verdict)})
            else:
                if not self.whole(known):
                    self._tag(known, FOLDER, self._store(folder, digest, run))
                    self._tag(known, STORED, now())
                self._tag(known, VERDICT, json.dumps(verdict))
            self.store.point(name, "challenger", known.version)
            return known

        known = self._alone(name, act)
        return self.resolve(name, str(known.version)) or known

    def _keep(self, run: str, digest: str, evidence: Path | None) -> str:
        """Upload the evidence to a folder of its own, and return its digest; an approval never points at half of it."""
        if evidence is None:
            return ""
        found = digest_folder(evidence)
        self.store.keep(run, evidence, f"{artifacts.place(digest)}/{_evidence(found)}")
        return found

    def _create(self, name: str, folder: Path, digest: str, run: str, tags: Mapping[str, str]) -> ModelVersion:
        """Upload, read back, and then let there be a version."""
        root = self._store(folder, digest, run)
        facts = {DIGEST: digest, FOLDER: root, FILES: artifacts.listing(folder), **tags}
        self.store.create(name, f"{artifacts.place(digest)}/model", run, facts)
        return self._only(name, digest)

    def _store(self, folder: Path, digest: str, run: str) -> str:
        """Upload a model, read it back, and return where it is."""
        address = self.store.keep(run, folder, f"{artifacts.place(digest)}/model")
        root, stored = address.removesuffix("/model"), self.store.fetch(address, digest, self.home / "models")
        if digest_folder(stored) != digest:
            difference = artifacts.changed(artifacts.listing(folder), stored)
            raise PlatformError(f"the store did not keep the model as it is: {difference}", where=root, hint="Run the same command again.")
        return root

    def _only(self, name: str, digest: str) -> ModelVersion:
        """Return the version with a digest; a request that was sent twice, or a second machine, can have made another of it."""
        same = [version for version in reversed(self.versions(name)) if version.digest == digest]
        if not same:
            raise PlatformError(
                "the registry took a version and does not show it", where=self.store.uri, hint="Run the same command again."
            )
        for other in same[1:]:
            with suppress(PlatformError):  # the other machine may have taken it away
                self.store.delete(name, other.version)
        return same[0]

    def fetch(self, version: ModelVersion) -> Path:
        """Return a local folder with the version's files, after checking that they are the registered ones.

        Raises:
            JobFailed: Files were altered, added or removed since; the message names the first.
            PlatformError: They cannot be had.
        """
        folder = self.files(version)
        self._check(version, folder, version.digest, lambda: artifacts.changed(version.tags.get(FILES, "{}"), folder))
        return folder

    def files(self, version: ModelVersion) -> Path:
        """Return a local folder with the version's files as they are, unchecked: to look at, not to load.

        Raises:
            PlatformError: They cannot be had.
        """
        return self.store.fetch(f"{version.artifacts}/model", version.digest, self.home / "models")

    def whole(self, version: ModelVersion) -> bool:
        """Return whether the version's files are there, as they were registered: those of an old version may have been dropped."""
        try:
            return self.fetch(version).is_dir()
        except MlopsError:
            return False

    def attachment(self, version: ModelVersion, name: str) -> Path | None:
        """Return a file that was registered beside the model, or None where there is none.

        Raises:
            JobFailed: The evidence was altered since.
            PlatformError: It cannot be had.
        """
        if not version.evidence:
            return None
        cache = self.home / "models" / "evidence"
        folder = self.store.fetch(f"{version.artifacts}/{_evidence(version.evidence)}", version.evidence, cache)
        self._check(version, folder, version.evidence, lambda: "its evidence differs")
        return folder / name if (folder / name).is_file() else None

    def _check(self, version: ModelVersion, folder: Path, digest: str, difference: Callable[[], str]) -> None:
        label, hint = f"{version.name} v{version.version}", "It is not served. Choose another version: mlops models"
        if not folder.is_dir():
            raise JobFailed(f"the files of {label} are gone", where=str(folder), hint=hint)
        if digest_folder(folder) != digest:
            raise JobFailed(f"{label} was tampered with after registration: {difference()}", where=str(folder), hint=hint)

    def check_evidence(self, version: ModelVersion, champion: ModelVersion | None) -> None:
        """Refuse a version whose approval is not for these files, against the champion of now.

        Raises:
            JobFailed: The gate did not approve it, approved other files, or compared it with another champion.
        """
        label, hint = f"{version.name} v{version.version}", "Run `make run` again: it compares with what serves now."
        if not version.approved:
            raise JobFailed(f"the gate did not approve {label}", hint="It is kept as a challenger; the reasons are in the run's report.")
        path = self.attachment(version, "evidence.json")
        judged = json.loads(path.read_text(encoding="utf-8")) if path else {}
        if (judged.get("model") or {}).get("digest") != version.digest:
            raise JobFailed(f"the evidence of {label} is about other files", hint=hint)
        against = judged.get("against") or {}
        if champion is not None and champion.version == version.version:
            return
        if (against.get("version"), against.get("digest")) != ((champion.version, champion.digest) if champion else (None, None)):
            was = f"v{against['version']}" if against.get("version") else "no champion"
            serves = f"v{champion.version}" if champion else "no version"
            raise JobFailed(f"{label} was approved against {was}, and production serves {serves} now", hint=hint)

    def move(
        self, name: str, environment: str, version: ModelVersion, *, expected: int | None, who: str, reason: str, kind: str = "promote"
    ) -> Move | None:
        """Point an environment's aliases at a version, and record it. Where they point there already, nothing is done.

        Args:
            name: The model's name.
            environment: staging or production.
            version: Where the aliases go.
            expected: The version that they must point at now; None for none.
            who: Who asked for it.
            reason: Why.
            kind: promote, or rollback.

        Returns:
            The move as it is recorded; None where the aliases point there without a record, set by another tool.

        Raises:
            JobFailed: Somebody else moved the environment in between; the message names who and when.
        """

        def act() -> Move | None:
            current, moves = self._settled(name, environment)
            if current == version.version:
                self._point(name, environment, version.version)
                return next((move for move in moves if move.after == current), None)
            if current != expected:
                raise journal.conflict(moves, environment, current, expected)
            move = Move(now(), environment, expected, version.version, who, reason, version.digest, version.evidence, kind)
            self._tag(version, Entry(move, done=False).key, Entry(move, done=False).text)
            self._point(name, environment, version.version)
            self._finish(name, Entry(move, done=False))
            return move

        return self._alone(name, act)

    def leave(self, version: ModelVersion, environment: str, *, who: str, reason: str) -> None:
        """Take a version back where there was none before it: nothing has the environment's aliases then, and that is recorded.

        Raises:
            JobFailed: Somebody else moved the environment in between; the message names who and when.
        """
        name = version.name

        def act() -> None:
            current, moves = self._settled(name, environment)
            if current is None:
                return
            if current != version.version:
                raise journal.conflict(moves, environment, current, version.version)
            entry = Entry(Move(now(), environment, current, None, who, reason, version.digest, version.evidence, "rollback"), done=False)
            self._tag(version, entry.key, entry.text)
            for alias in ALIASES[environment]:
                self.store.unpoint(name, alias)
            self._finish(name, entry)

        self._alone(name, act)

    def _settled(self, name: str, environment: str) -> tuple[int | None, list[Move]]:
        """Finish or forget a move that was cut short, and return the version that the environment is at, and its moves."""
        found = [entry for entry in self._entries(name) if entry.move.environment == environment]
        aliases = self.store.aliases(name)
        current = aliases.get(environment)
        cut = found[0] if found and not found[0].done else None
        if cut is not None and cut.move.after == current:
            self._finish(name, cut)
        elif cut is not None:
            self._forget(name, cut)
        return current, journal.happened(found, aliases)

    def _point(self, name: str, environment: str, number: int) -> None:
        for alias in ALIASES[environment]:
            self.store.point(name, alias, number)

    def _finish(self, name: str, entry: Entry | None) -> None:
        if entry is not None:
            done = replace(entry, done=True)
            self.store.tag(name, done.move.holder, done.key, done.text)

    def _forget(self, name: str, cut: Entry) -> None:
        """Take away the record of a move that was cut short before it took place, and what it had moved already."""
        self.store.untag(name, cut.move.holder, cut.key)
        if cut.move.before is not None:
            self._point(name, cut.move.environment, cut.move.before)

    def history(self, name: str) -> list[Move]:
        """Return every move of the model, the newest first."""
        found = self._entries(name)
        return journal.happened(found, self.store.aliases(name)) if found else []

    def previous(self, name: str, environment: str) -> ModelVersion | None:
        """Return the version that an environment served before the one it serves now, rollbacks undone; or None."""
        versions = {version.version: version for version in self.versions(name)}
        serving = next((number for number, version in versions.items() if environment in version.aliases), None)
        if serving is None:
            return None
        taken_back = [number for number, version in versions.items() if version.rolled_back]
        number = journal.before(self.history(name), environment, serving, taken_back)
        if number is not None and number not in versions:
            raise JobFailed(f"{environment} served v{number} before, and that version was deleted", hint="Choose another: mlops models")
        return versions[number] if number is not None else None

    def mark_rolled_back(self, version: ModelVersion, *, environment: str, who: str, reason: str) -> None:
        """Note that a version was taken back, so that it is not promoted again by itself."""
        why = f"v{version.version} was taken back from {environment} on {now()[:16]}Z by {who}{f': {reason}' if reason else ''}"
        self._alone(version.name, lambda: self._tag(version, ROLLED_BACK, why))

    def clear_rolled_back(self, version: ModelVersion) -> None:
        """Forget that a version was taken back: somebody promoted it by hand."""
        if version.rolled_back:
            self._alone(version.name, lambda: self._tag(version, ROLLED_BACK, ""))

    def _entries(self, name: str) -> list[Entry]:
        return journal.entries(version.tags for version in self.versions(name))

    def _aliases(self, name: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for alias, number in sorted(self.store.aliases(name).items()):
            found.setdefault(number, []).append(alias)
        return found

    def _tag(self, version: ModelVersion, key: str, value: str) -> None:
        self.store.tag(version.name, version.version, key, value)

    def _alone(self, name: str, act: Callable[[], T]) -> T:
        """Do something while nobody else changes the model's versions, deciding again where somebody did.

        Raises:
            PlatformError: Others were quicker again and again.
        """
        for _ in range(TRIES):
            try:
                with self.store.exclusive(name):
                    result = act()
            except ChangedElsewhereError:
                continue
            return result
        raise PlatformError("other machines changed it again and again", where=self.store.uri, hint="Run the same command again.")


def _quoted(name: str) -> str:
    if "'" in name:
        raise UsageError(f"a model's name cannot hold a quote: {name!r}", where="src/project/project.yml")
    return name


def _evidence(digest: str) -> str:
    return f"evidence-{digest.removeprefix('sha256:')[:16]}"


def _version(name: str, found: Stored, aliases: Mapping[int, Sequence[str]]) -> ModelVersion:
    created = datetime.fromtimestamp(found.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    verdict = json.loads(found.tags.get(VERDICT) or "{}")
    return ModelVersion(
        name=name,
        version=found.number,
        digest=found.tags[DIGEST],
        run_id=found.run,
        artifacts=found.tags[FOLDER],
        created=created,
        aliases=tuple(aliases.get(found.number, ())),
        approved=verdict.get("approved") is True,
        against=verdict.get("against"),
        evidence=verdict.get("evidence") or "",
        rolled_back=found.tags.get(ROLLED_BACK, ""),
        tags=dict(found.tags),
    )
