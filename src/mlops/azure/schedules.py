"""Schedules in a workspace: put there from a file, once for its content; listed, stopped, begun again, taken away.

What a file names (pipeline, components, code, data here) is uploaded when the schedule is put, as for a job, and is what every later run uses. A tag
says what the content was, so that the same file again asks for nothing: a schedule that is put anew may begin a run at once.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities._load_functions import load_schedule as load_as_sdk  # the package exports every load_ but this
from azure.core.exceptions import HttpResponseError

from mlops.azure.arm import Arm
from mlops.azure.connection import POLL
from mlops.azure.content import digest_bundle
from mlops.azure.failures import told
from mlops.azure.names import workspace_id
from mlops.azure.submission import silent, taken
from mlops.errors import PlatformError, UsageError
from mlops.files import digest_file, digest_folder
from mlops.spec.source import read
from mlops.spec.values import ASSET_TYPES, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops.azure.connection import Connection
    from mlops.spec.schedule import Schedule
    from mlops.spec.values import Pipeline

DIGEST = "slipway.digest"
"""The tag of ours that a schedule carries: the digest of its file and of all that the file names."""
_LOOKS = 60
_VERSION = {"api-version": "2023-06-01-preview"}
"""What azure-ai-ml speaks of schedules: later ones have no `alertNotificationSetting`."""


@dataclass(frozen=True)
class Put:
    """A schedule as the workspace has it now, and whether it is `new`, `changed` or `same`."""

    name: str
    how: str
    enabled: bool


@dataclass
class Schedules:
    """The schedules of one workspace."""

    connection: Connection

    def put(self, schedule: Schedule) -> Put:
        """Create a schedule, or change the one of its name; the same content again changes nothing. One that was stopped stays stopped.

        Raises:
            UsageError: azure-ai-ml or the service does not take it.
            PlatformError: It cannot be reached, or not now.
        """
        path, digest = schedule.source.path, content(schedule)
        before = self._found(schedule.name)
        enabled = bool(before["properties"].get("isEnabled", True)) if before else True
        if before and (before["properties"].get("tags") or {}).get(DIGEST) == digest:
            return Put(schedule.name, "same", enabled)
        with told("read the schedule", where=str(path)), silent(), taken(path, "docs/azure.md"):
            made = load_as_sdk(path)
        made.tags = {**(made.tags or {}), DIGEST: digest}
        made._is_enabled = enabled  # noqa: SLF001 - left out, a stopped one would begin again; it has no other way in
        try:
            with told(f"put the schedule {schedule.name}", where=str(path)), silent():
                self.connection.client.schedules.begin_create_or_update(made).result()
        except UsageError as error:
            if before and schedule.monitors:
                hint = f"By Microsoft's description what a monitor watches is fixed: mlops schedule delete {schedule.name}, and this again."
                raise UsageError(error.message, where=error.where, hint=hint) from error
            raise
        return Put(schedule.name, "changed" if before else "new", enabled)

    def all(self) -> list[dict[str, Any]]:
        """Return the facts of every schedule, by name."""
        return sorted((facts(one) for one in self._listed()), key=lambda one: str(one["name"]))

    def get(self, name: str) -> dict[str, Any]:
        """Return the facts of one.

        Raises:
            UsageError: There is none.
        """
        return facts(self._known(name))

    def enable(self, name: str, *, on: bool) -> bool:
        """Let a schedule go on, or stop it; return whether that changed it.

        The body is the service's own answer: azure-ai-ml would read it into its classes, and upload what a job in it names again.
        """
        body = self._known(name)
        if bool(body["properties"].get("isEnabled", True)) == on:
            return False
        own = {key: value for key, value in body["properties"].items() if key != "provisioningState"}
        with told(f"{'enable' if on else 'disable'} the schedule {name}", where=self._where):
            self._ask("PUT", name, {"properties": {**own, "isEnabled": on}})
        self._settle(name)
        return True

    def _settle(self, name: str) -> None:
        """Wait until the service is done with a change.

        Raises:
            PlatformError: It failed, or does not end.
        """
        for _ in range(_LOOKS):
            state = str(self._known(name)["properties"].get("provisioningState", "Succeeded"))
            if state == "Succeeded":
                return
            if state in {"Failed", "Canceled"}:
                raise PlatformError(
                    f"the change of the schedule {name} ended as {state}", where=self._where, hint="The same command again."
                )
            time.sleep(POLL)
        raise PlatformError(f"the schedule {name} is still being changed", where=self._where, hint=f"mlops schedule show {name}")

    def delete(self, name: str) -> None:
        """Take a schedule away; what it has run stays.

        Raises:
            UsageError: There is none.
        """
        self._known(name)
        with told(f"delete the schedule {name}", where=self._where), silent():
            self.connection.client.schedules.begin_delete(name).result()

    def trigger(self, name: str) -> str:
        """Have what a schedule does be done once, now; return the job's name, or nothing for a monitor's.

        Raises:
            UsageError: There is none, or it is stopped.
        """
        self._known(name)
        with told(f"trigger the schedule {name}", where=self._where), silent():
            return str(self.connection.client.schedules.trigger(name).job_name or "")

    @property
    def _where(self) -> str:
        return self.connection.settings.workspace

    def _known(self, name: str) -> dict[str, Any]:
        found = self._found(name)
        if found is None:
            raise UsageError(f"there is no schedule {name!r}", where=self._where, hint="mlops schedule list")
        return found

    def _found(self, name: str) -> dict[str, Any] | None:
        with told(f"find the schedule {name}", where=self._where):
            try:
                return self._ask("GET", name)
            except HttpResponseError as error:
                if error.status_code != 404:
                    raise
        return None

    def _listed(self) -> Iterator[dict[str, Any]]:
        query: dict[str, str] = {**_VERSION, "listViewType": "All"}
        while True:
            with told("list the schedules", where=self._where):
                page = self._arm.ask("GET", f"{workspace_id(self.connection.settings)}/schedules", query)
            yield from page.get("value", [])
            if not page.get("nextLink"):
                return
            query |= {"$skip": page["nextLink"].partition("$skip=")[2].partition("&")[0]}

    def _ask(self, method: str, name: str, body: Any = None) -> dict[str, Any]:
        return self._arm.ask(method, f"{workspace_id(self.connection.settings)}/schedules/{name}", _VERSION, body)

    @property
    def _arm(self) -> Arm:
        return Arm(self.connection.credential)


def facts(body: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a schedule, as the service answers it."""
    own = body["properties"]
    action, trigger = own["action"], own["trigger"]
    job = action.get("jobDefinition") or {}
    found = {
        "name": body["name"],
        "does": "monitor" if action["actionType"] == "CreateMonitor" else "run",
        "enabled": bool(own.get("isEnabled", True)),
        "state": own.get("provisioningState", ""),
        "trigger": {key: value for key, value in trigger.items() if value not in (None, [], "")},
        "display_name": own.get("displayName") or "",
        "experiment": job.get("experimentName") or "",
        "signals": sorted((action.get("monitorDefinition") or {}).get("signals") or {}),
        "tags": own.get("tags") or {},
    }
    return {key: value for key, value in found.items() if value not in ("", [], {})}


def content(schedule: Schedule) -> str:
    """Return the digest of all that a schedule's file says and names: the pipeline, its components with their code, and data of this machine."""
    parts: dict[str, str] = {"file": json.dumps(schedule.source.value, sort_keys=True, default=str)}
    if schedule.pipeline is not None:
        parts["pipeline"] = digest_bundle(read(schedule.pipeline.path))
        parts |= _data(schedule.pipeline)
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _data(pipeline: Pipeline) -> dict[str, str]:
    """Return the digest of each input that is a file or folder here."""
    found = {}
    for name, bound in pipeline.values.items():
        path = Path(str(getattr(bound, "path", None) or (bound.value if isinstance(bound, Literal) else "")))
        if pipeline.inputs[name].type in ASSET_TYPES and path.is_absolute() and path.exists():
            found[f"input {name}"] = digest_folder(path) if path.is_dir() else digest_file(path)
    return found
