"""What a reference means on this machine: the store, the rule file, the datastores' folders, earlier runs, or a fetch; and where it is nowhere, how to add it.

Nothing is guessed: a rule of data/paths.yml comes first, then the one place that the reference speaks of.
"""

from __future__ import annotations

import contextlib
import re
from functools import cached_property
from pathlib import Path

from mlops.assets.reference import DatastorePath, JobOutput, Reference, parse
from mlops.assets.rules import RULES_FILE, Rules, read_rules
from mlops.assets.store import LABELS, AssetStore, Version
from mlops.errors import SpecError, UsageError
from mlops.hashing import sha256
from mlops.place import PROJECT_FILE
from mlops.records import dataclass, field
from mlops.spec.environment import parse_environment
from mlops.spec.reading import Here, Reading
from mlops.spec.source import did_you_mean, read
from mlops.spec.values import FOLDER_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.assets.remote import Remote
    from mlops.assets.repositories import Repositories

COMPONENT_FILE = "component.yml"


@dataclass
class LocalAssets:
    """The assets of one project on this machine.

    Args:
        home: The state folder, `.mlops`.
        rules: What `data/paths.yml` says.
    """

    home: Path
    rules: Rules = field(default_factory=Rules)
    root: Path | None = None
    """The project, if there is one."""
    fetching: bool = True
    """Whether to fetch what is elsewhere; a check does not, and takes an address for what it says it is."""
    versions: dict[Path, str] = field(default_factory=dict, init=False)
    """Where each registered version is that was asked for, and which one it is: `@latest` is a version by then."""

    @cached_property
    def store(self) -> AssetStore:
        return AssetStore(self.home)

    @cached_property
    def remote(self) -> Remote:
        from mlops.assets.remote import Remote

        return Remote(self.home / "assets" / "fetched")

    @cached_property
    def repositories(self) -> Repositories:
        from mlops.assets.repositories import Repositories

        return Repositories(self.home / "assets" / "fetched", self.remote.notes)

    def component(self, reference: str) -> Path:
        """Return the YAML file of a component, its code beside it.

        Raises:
            UsageError: It is not registered here.
        """
        ruled = self.rules.apply(reference)
        if ruled:
            return ruled / COMPONENT_FILE if ruled.is_dir() else ruled
        content = self.store.content(self._version("component", reference))
        return content / COMPONENT_FILE if content else Path(reference)

    def data(self, reference: str, kind: str = "uri_folder") -> Path:
        """Return the file or folder that a reference or URL to data means.

        Args:
            reference: As in the YAML.
            kind: The declared type: of a URL it says whether a file is fetched, or a folder with all that is in it.

        Raises:
            UsageError: It is not on this machine.
            PlatformError: It cannot be fetched.
        """
        return self._place("data", reference, kind)

    def model(self, reference: str, kind: str = "custom_model") -> Path:
        """Return the file or folder of a model: of the store, or one of the project's own that was registered by `mlops deliver`. Raises as `data`."""
        try:
            return self._place("model", reference, kind)
        except UsageError:
            found = self._delivered(parse(reference))
            if found is None:
                raise
            return found

    def code(self, reference: str) -> Path:
        """Return the folder of code that an address of a repository names.

        Raises:
            UsageError: It is no such address.
            PlatformError: It cannot be fetched.
        """
        ruled = self.rules.apply(reference)
        if ruled:
            return ruled
        if not reference.startswith("git+"):
            hint = f"Name a folder relative to this file, or a repository: git+https://HOST/OWNER/NAME\nOr map it: a line in {RULES_FILE}"
            raise UsageError(f"code {reference!r} is not on this machine", hint=hint)
        return self.repositories.get(reference, fetching=self.fetching)

    def environment(self, reference: str) -> Mapping[str, Any]:
        """Return what an environment asks for: `name`, `version`, `image`, `conda_file`; of a curated one nothing but its name is known here.

        Raises:
            UsageError: It is neither curated nor registered here.
        """
        ruled = self.rules.apply(reference)
        if ruled:
            return {"name": reference, "version": None, "curated": False, **_environment_file(ruled)}
        parsed = parse(reference)
        named = parsed if isinstance(parsed, Reference) else None
        if named and named.curated and named.name not in self.store.names("environment", named.registry):
            return {"name": named.name, "version": named.version or named.label, "image": None, "conda_file": None, "curated": True}
        found = self._version("environment", reference)
        return {"name": found.name, "version": found.version, "curated": False, **found.body}

    def place(self, reference: str) -> Path | None:
        """Return where what is written to a datastore's path goes here; None for what is no datastore's.

        Raises:
            UsageError: It leads out of its datastore.
        """
        parsed = parse(reference)
        if not isinstance(parsed, DatastorePath):
            return None
        base = self.home / "datastore" / parsed.store
        found = self.rules.place(reference) or (base / parsed.path).resolve()
        if ".." in Path(parsed.path).parts:
            raise UsageError(f"{reference!r} leads out of its datastore")
        return found

    def _place(self, kind: str, reference: str, wanted: str) -> Path:
        if wanted in FOLDER_TYPES:
            reference = re.sub(r"(?<=/)\*+$", "", reference)  # `FOLDER/**` is the folder
        ruled = self.rules.apply(reference)
        if ruled:
            return ruled
        parsed = parse(reference)
        if isinstance(parsed, DatastorePath):
            return self._in_datastore(reference)
        if isinstance(parsed, JobOutput):
            return self._of_run(parsed, reference)
        if isinstance(parsed, Reference):
            return self._of_version(self._version(parsed.kind if parsed.kind in {"data", "model"} else kind, reference))
        if reference.startswith("runs:/"):
            return self._logged(reference)
        if reference.startswith("azureml:"):
            hint = "Known: azureml:NAME:VERSION, azureml:NAME@latest, azureml://datastores/NAME/paths/PATH, azureml://jobs/RUN/outputs/NAME"
            raise UsageError(f"{reference!r} is no reference that is known here", hint=f"{hint}\nOr map it: a line in {RULES_FILE}")
        if not self.fetching:
            return self.remote.kept(reference) or Path(reference)
        return self.remote.get(reference, folder=wanted in FOLDER_TYPES - {"custom_model"} or reference.endswith("/"))

    def _version(self, kind: str, reference: str) -> Version:
        parsed = parse(reference)
        if not isinstance(parsed, Reference) or parsed.kind not in {kind, None}:
            raise UsageError(
                f"{reference!r} names no {kind}", hint=f"As azureml:NAME:VERSION or azureml:NAME@latest; what there is: mlops {kind} list"
            )
        try:
            return self.store.find(kind, parsed)
        except UsageError as error:
            hint = f"{error.hint}\nOr map it to something here: a line in {RULES_FILE}"
            raise UsageError(f"{reference!r} is not on this machine: {error.message}", hint=hint) from error

    def _of_version(self, version: Version) -> Path:
        content = self.store.content(version)
        found = content if content is not None else self._place(version.kind, version.uri, version.type)
        self.versions[found] = version.reference
        return found

    def _delivered(self, reference: object) -> Path | None:
        """Return the files of a version of one of the project's own models: by number, by alias (`@champion`), or the newest."""
        if not isinstance(reference, Reference) or self.root is None or not (self.root / PROJECT_FILE).is_file():
            return None
        from mlops.settings import read_project

        if reference.registry or reference.name not in read_project(self.root).models:
            return None
        from mlops.registry.store import MlflowStore
        from mlops.registry.versions import Registry
        from mlops.tracking.server import tracking_uri

        registry = Registry(self.home, MlflowStore(self.home, tracking_uri(self.home)))
        which = reference.version or (reference.label if reference.label not in LABELS else None)
        version = registry.resolve(reference.name, which) if which else next(iter(registry.versions(reference.name)), None)
        return registry.fetch(version) if version else None

    def _logged(self, reference: str) -> Path:
        """Return what a run logged into MLflow: `runs:/RUN/PATH`, by MLflow's id, or by the number or name that the run has here."""
        from mlops.local.runs import find_run, read_run
        from mlops.tracking.server import connect, tracking_uri

        _, run, *below = reference.split("/", 2)
        with contextlib.suppress(UsageError):
            run = str((read_run(find_run(self.home, run)) or {}).get("mlflow_run", run))
        target = self.home / "assets" / "fetched" / sha256(f"{run} {below}".encode()).hexdigest()[:24]
        connect(self.home)
        from mlflow.artifacts import download_artifacts

        target.mkdir(parents=True, exist_ok=True)
        try:
            found = download_artifacts(
                f"runs:/{run}/{below[0] if below else ''}", dst_path=str(target), tracking_uri=tracking_uri(self.home)
            )
        except Exception as error:
            said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            hint = f"Its artifacts: mlops ui\nOr map it: a line in {RULES_FILE}"
            raise UsageError(f"{reference!r} is not on this machine: {said}", hint=hint) from error
        return Path(found)

    def _in_datastore(self, reference: str) -> Path:
        found = self.place(reference)
        if found is None or not found.exists():
            hint = f"Put it there: mkdir -p '{found and found.parent}' && cp -r FILE '{found}'\nOr map it: a line in {RULES_FILE}"
            raise UsageError(f"{reference!r} is not on this machine", hint=hint)
        return found

    def _of_run(self, output: JobOutput, reference: str) -> Path:
        from mlops.local.runs import find_run, read_run

        facts = read_run(find_run(self.home, output.job)) or {}
        outputs = {name: made["path"] for step in facts.get("steps", {}).values() for name, made in (step.get("outputs") or {}).items()}
        outputs |= {name: made["path"] for name, made in facts.get("outputs", {}).items()}
        if output.output not in outputs:
            raise UsageError(
                f"{reference!r}: run {output.job} has no output {output.output!r}",
                hint=did_you_mean(output.output, outputs, label="outputs"),
            )
        found = Path(outputs[output.output], output.path)
        if not found.exists():
            raise UsageError(f"{reference!r}: there is no {output.path!r} in it", hint=f"Look into {outputs[output.output]}")
        return found


def _environment_file(path: Path) -> Mapping[str, Any]:
    """Return what the file of an environment says, or that in a folder: `environment.yml`."""
    here = Here(read(path / "environment.yml" if path.is_dir() else path), (), Reading())
    found = parse_environment(here, here.source.value)
    if here.reading.problems:
        raise SpecError(here.reading.problems)
    return found if isinstance(found, dict) else {}


def open_assets(root: Path, home: Path, *, fetching: bool = True) -> LocalAssets:
    """Return the assets of the project at `root`, whose state folder is `home`.

    Raises:
        SpecError: The rule file holds mistakes.
    """
    return LocalAssets(home, read_rules(root), root, fetching)
