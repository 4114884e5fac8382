"""An environment on Azure ML that serves and scores: the online endpoint, and beside it the batch endpoint, moved as one.

The online endpoint goes first: a version that breaks a bound there never becomes the batch endpoint's default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.batch import Batch
    from mlops.azure.online import Online
    from mlops.registry.versions import ModelVersion
    from mlops.serving.endpoint import Served


@dataclass
class OnlineAndBatch:
    """Both endpoints of one model in one environment."""

    online: Online
    batch: Batch

    def look(self) -> Served:
        """Return what serves now, and in `batch` what scores."""
        served, batch = self.online.look(), self.batch.look()
        note = served.note
        if served.version is not None and not note and (batch or {}).get("version") != served.version:
            says = f"v{batch['version']}" if batch and batch["version"] else "nothing"
            note = (
                f"batches are scored by {says}: a move was cut short. mlops promote {served.version} --to {served.environment} finishes it"
            )
        return replace(served, batch=batch, note=note)

    def prepare(self, before: ModelVersion | None) -> None:
        """Nothing: the endpoints outlive the machine that this runs on."""
        self.online.prepare(before)

    def deploy(self, version: ModelVersion, folder: Path) -> Served:
        """Make a version's deployments beside what serves and scores; where the second cannot be made, the first is taken away again."""
        served = self.online.deploy(version, folder)
        try:
            self.batch.deploy(version, folder, self.online.tags(version))
        except MlopsError:
            self.online.back(version, None)
            raise
        return served

    def trial(self, version: ModelVersion, smoke_file: Path | None, *, load: bool = True) -> dict[str, Any]:
        """Ask the online deployment held-out rows."""
        return self.online.trial(version, smoke_file, load=load)

    def shift(self, version: ModelVersion, smoke_file: Path | None, *, at_once: bool) -> dict[str, Any]:
        """Give a version the traffic, then the batches."""
        return {**self.online.shift(version, smoke_file, at_once=at_once), "batch": self.batch.shift(version)}

    def watch(self, version: ModelVersion, smoke_file: Path | None) -> dict[str, Any]:
        """Nothing more: it was watched at each stage of the shift."""
        return self.online.watch(version, smoke_file)

    def back(self, version: ModelVersion, before: ModelVersion | None) -> None:
        """Undo the deployments of a version that did not pass."""
        self.batch.back(version)
        self.online.back(version, before)

    def settle(self) -> None:
        """Delete what neither serves, scores, nor is kept for a rollback."""
        self.online.settle()
        self.batch.settle()

    def stop(self) -> bool:
        """Delete every deployment of ours, and the batch endpoint; return whether there was anything."""
        stopped = [self.online.stop(), self.batch.stop()]
        return any(stopped)

    def rotate_key(self) -> str:
        """Have the service make the online endpoint's other key; a batch endpoint has none."""
        return self.online.rotate_key()
