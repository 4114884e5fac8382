"""From what was submitted back to files that the local engine runs: the job's YAML, its components, their code and inputs out of the blob store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .entra import Refused

if TYPE_CHECKING:
    from .workspace import Workspace

_ARM = re.compile(r"(?:azureml:)?/subscriptions/.+/workspaces/[^/]+/(\w+)/([^/]+)/versions/(.+)")
_DATASTORE = re.compile(r"azureml://(?:.+/)?datastores/([^/]+)/paths/(.*)")
_ASSET = re.compile(r"azureml:([^/:]+):([^/:]+)")
_OURS = {"_source", "componentId", "computeId", "properties", "tags", "name", "display_name", "is_deterministic", "version", "id"}


@dataclass
class Files:
    """Lays a job's files below `folder`. What code and data hold is fetched once for all jobs, into `store`."""

    workspace: Workspace
    folder: Path
    store: Path

    def pipeline(self, properties: dict[str, Any]) -> Path:
        """Write a pipeline job, and return its file."""
        made = {
            "type": "pipeline",
            "experiment_name": properties.get("experimentName", "Default"),
            "settings": {
                key: value for key, value in (properties.get("settings") or {}).items() if key.startswith(("continue", "force_rerun"))
            },
            "inputs": {name: self._input(name, given) for name, given in (properties.get("inputs") or {}).items()},
            "outputs": {name: {"type": given["jobOutputType"]} for name, given in (properties.get("outputs") or {}).items()},
            "jobs": {name: self._node(name, node) for name, node in properties["jobs"].items()},
        }
        return self._write("pipeline.yml", made)

    def command(self, properties: dict[str, Any]) -> Path:
        """Write a command job of its own, and return its file."""
        made = {
            "type": "command",
            "experiment_name": properties.get("experimentName", "Default"),
            "command": properties["command"],
            "environment": self._environment(properties["environmentId"]),
            "environment_variables": properties.get("environmentVariables") or {},
            "inputs": {name: self._input(name, given) for name, given in (properties.get("inputs") or {}).items()},
            "outputs": {name: {"type": given["jobOutputType"]} for name, given in (properties.get("outputs") or {}).items()},
        }
        if properties.get("codeId"):
            made["code"] = str(self.code(properties["codeId"]))
        return self._write("job.yml", made)

    def _write(self, name: str, value: dict[str, Any]) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
        return path

    def _node(self, name: str, node: dict[str, Any]) -> dict[str, Any]:
        kind = node.get("type", "command")
        if kind != "command":
            raise Refused(400, "UserError", f"The loopback's compute runs command steps; {name} is of type {kind}.")
        own = {"type": kind, "component": self._component(name, node["componentId"])}
        if node.get("environment_variables"):
            own["environment_variables"] = node["environment_variables"]
        own["inputs"] = {key: self._bound(f"{name}-{key}", given) for key, given in (node.get("inputs") or {}).items()}
        outputs = {key: given.get("value") for key, given in (node.get("outputs") or {}).items() if given.get("value")}
        return own | ({"outputs": outputs} if outputs else {})

    def _bound(self, name: str, given: dict[str, Any]) -> Any:
        if given.get("job_input_type", given.get("jobInputType")) == "literal":
            return given["value"]
        return self._input(name, given)

    def _component(self, step: str, reference: str) -> str:
        spec = self._asset("components", reference)["componentSpec"]
        made = {key: value for key, value in spec.items() if key not in _OURS} | {"name": spec.get("name", step), "version": "1"}
        if "is_deterministic" in spec:
            made["is_deterministic"] = spec["is_deterministic"]
        if "code" in made:
            made["code"] = str(self.code(made["code"]))
        made["environment"] = self._environment(made["environment"])
        self._write(f"components/{step}.yml", made)
        return f"./components/{step}.yml"

    def _environment(self, reference: str) -> dict[str, Any]:
        properties = self._asset("environments", reference)
        return {"image": properties.get("image") or "built"}

    def _asset(self, kind: str, reference: str) -> dict[str, Any]:
        found = _ARM.fullmatch(reference)
        short = _ASSET.fullmatch(reference)
        name, version = (found[2], found[3]) if found else (short[1], short[2]) if short else (reference, "")
        return self.workspace.held(kind, name, version)["properties"]

    def code(self, reference: str) -> Path:
        """Return the folder that a code asset's bytes were fetched into."""
        uri = self._asset("codes", reference)["codeUri"]
        container, _, prefix = uri.removeprefix(f"{self.workspace.account_url}/").partition("/")
        return self._fetched(container, prefix)

    def _input(self, name: str, given: dict[str, Any]) -> Any:
        kind = given.get("jobInputType", given.get("job_input_type"))
        if kind == "literal":
            return given["value"]
        uri = given["uri"]
        if _ARM.fullmatch(uri) or _ASSET.fullmatch(uri):
            asset = self._asset("data" if kind in {"uri_file", "uri_folder", "mltable"} else "models", uri)
            uri = asset.get("dataUri") or asset["modelUri"]
        found = _DATASTORE.fullmatch(uri)
        if not found:
            raise Refused(400, "UserError", f"The input {name} is at {uri}, which the loopback does not hold.")
        container = self.workspace.datastore(found[1])["properties"]["containerName"]
        return {"type": kind, "path": str(self._fetched(container, found[2]))}

    def _fetched(self, container: str, path: str) -> Path:
        """Return the file or folder that the blobs at a path are here, fetched where they are not yet."""
        client = self.workspace.blobs.get_container_client(container)
        target = self.store / container / path.rstrip("/")
        names = [
            name
            for name in client.list_blob_names(name_starts_with=path)
            if name == path or not path or name.startswith(f"{path.rstrip('/')}/")
        ]
        for name in names:
            file = self.store / container / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(client.download_blob(name).readall())
        if not names:
            raise Refused(400, "UserError", f"There is nothing at {path} in {container}.")
        return target
