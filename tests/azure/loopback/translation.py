"""From what was submitted back to files that the local engine runs: the job's YAML, its components, their code and inputs out of the blob store."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from . import words
from .entra import Refused

if TYPE_CHECKING:
    from .workspace import Workspace

_ARM = re.compile(r"(?:azureml:)?/subscriptions/.+/workspaces/[^/]+/(\w+)/([^/]+)/versions/(.+)")
_ASSET = re.compile(r"azureml:([^/:]+):([^/:]+)")
_SHARED = re.compile(r"azureml://registries/([^/]+)/(\w+)/([^/]+)/versions/(.+)")
_OURS = {"_source", "componentId", "computeId", "properties", "tags", "name", "display_name", "is_deterministic", "version", "id"}
_OURS |= {"sourceJobId", "$schema", "identity", "queue_settings", "services", "comment", "description", "experiment_name", "compute"}
_KEPT = {"command", "parallel", "spark", "sweep", "automl", "pipeline", "if_else", "do_while", "parallel_for"}
_DATA = {"uri_file", "uri_folder", "mltable"}


@dataclass
class Files:
    """Lays a job's files below `folder`. What code and data hold is fetched once for all jobs, into `store`."""

    workspace: Workspace
    folder: Path
    store: Path

    def job(self, properties: dict[str, Any]) -> Path:
        """Write a job of any type, and return its file."""
        kind = properties["jobType"]
        made = {"Pipeline": self._pipeline, "Sweep": self._sweep, "Spark": self._spark, "AutoML": self._automl}.get(kind, self._command)(
            properties
        )
        made |= {"experiment_name": properties.get("experimentName", "Default")}
        made |= {"outputs": {name: {"type": given["jobOutputType"]} for name, given in (properties.get("outputs") or {}).items()}}
        if kind == "AutoML":  # azure-ai-ml says another type, whatever the file does
            made["outputs"] = {name: {"type": "mlflow_model"} for name in made["outputs"]}
        else:
            made |= {"inputs": {name: self._input(name, given) for name, given in (properties.get("inputs") or {}).items()}}
        return self._write("pipeline.yml" if kind == "Pipeline" else "job.yml", made)

    def _pipeline(self, properties: dict[str, Any]) -> dict[str, Any]:
        given = properties.get("settings") or {}
        settings = {key: value for key, value in given.items() if key.startswith(("continue", "force_rerun", "on_"))}
        jobs = properties.get("jobs") or {}
        if properties.get("componentId"):
            return {"type": "pipeline", "settings": settings, "component": self._component("whole", properties["componentId"])}
        return {"type": "pipeline", "settings": settings, "jobs": {name: self._node(name, node) for name, node in jobs.items()}}

    def _command(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "command", **self._trial(properties)}

    def _trial(self, properties: dict[str, Any]) -> dict[str, Any]:
        made = words.command(properties) | {"environment": self._environment(properties["environmentId"])}
        return made | ({"code": str(self.code(properties["codeId"]))} if properties.get("codeId") else {})

    def _sweep(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "sweep", **words.sweep(properties), "trial": self._trial(properties["trial"])}

    def _spark(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "spark", **words.spark(properties), "code": str(self.code(properties["codeId"]))}

    def _automl(self, properties: dict[str, Any]) -> dict[str, Any]:
        details = properties["taskDetails"]
        tables = {words.snake(key): self._input(key, value) for key, value in details.items() if key.endswith("Data") and value}
        return {"type": "automl", **words.automl(details), **tables}

    def _write(self, name: str, value: dict[str, Any]) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
        return path

    def _node(self, name: str, node: dict[str, Any]) -> dict[str, Any]:
        kind = node.get("type", "command")
        if kind not in _KEPT:
            raise Refused(400, "UserError", f"The loopback's compute does not run {name}, which is of type {kind}.")
        own = {key: value for key, value in node.items() if key not in _OURS | {"inputs", "outputs", "task"}}
        if kind == "automl":
            return self._automl_node(node)
        if node.get("componentId"):
            own["component"] = self._component(name, node["componentId"])
        if kind == "sweep":
            own = words.sweep_node(own) | {"trial": self._component(f"{name}-trial", node["trial"]["componentId"])}
        if kind == "spark" and "entry" in own:
            own["entry"] = {key: value for key, value in own["entry"].items() if key in {"file", "class_name"}}
        if kind == "parallel_for":
            own["items"] = self._items(name, node["items"])
        if node.get("inputs"):
            own["inputs"] = {key: self._bound(f"{name}-{key}", given) for key, given in node["inputs"].items()}
        outputs = {key: given["value"] for key, given in (node.get("outputs") or {}).items() if given.get("value")}
        return own | ({"outputs": outputs} if outputs else {})

    def _automl_node(self, node: dict[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in node.items() if key not in _OURS | {"environment_id", "environment_variables", "outputs"}}
        for key in [key for key in own if key.endswith("_data")]:
            # azure-ai-ml writes a table of its own as a Python literal
            given = ast.literal_eval(own[key]) if own[key].startswith("{") else own[key]
            own[key] = self._input(key, {"job_input_type": given["type"], "uri": given["path"]}) if isinstance(given, dict) else given
        outputs = {key: given["value"] for key, given in (node.get("outputs") or {}).items() if given.get("value")}
        return own | ({"outputs": outputs} if outputs else {})

    def _items(self, name: str, text: Any) -> Any:
        """Return the items of a loop; files that they name are brought, and what is a binding stays one."""
        if not isinstance(text, str) or text.startswith("${{"):
            return text
        items = json.loads(text)
        for entry in items.values() if isinstance(items, dict) else items:
            for key, value in entry.items():
                if isinstance(value, dict) and "uri" in value:
                    entry[key] = self._input(f"{name}-{key}", value)
        return items

    def _bound(self, name: str, given: dict[str, Any]) -> Any:
        if given.get("job_input_type", given.get("jobInputType")) == "literal":
            return given["value"]
        return self._input(name, given)

    def _component(self, step: str, reference: str) -> str:
        spec = self._asset("components", reference)["componentSpec"]
        made = {key: value for key, value in spec.items() if key not in _OURS} | {"name": spec.get("name", step), "version": "1"}
        made["name"] = re.sub(r"\W", "_", made["name"].lower())
        if "is_deterministic" in spec:
            made["is_deterministic"] = spec["is_deterministic"]
        if made.get("type") == "pipeline":
            made["jobs"] = {name: self._node(f"{step}-{name}", node) for name, node in spec["jobs"].items()}
            for node in made["jobs"].values():  # a component's references are relative to its own file
                node.update(
                    {key: node[key].replace("./components/", "./") for key in ("component", "trial") if isinstance(node.get(key), str)}
                )
        self._with_code(made.get("task", made))
        if "entry" in made and isinstance(made["entry"], dict):
            made["entry"] = {key: value for key, value in made["entry"].items() if key in {"file", "class_name"}}
        self._write(f"components/{step}.yml", made)
        return f"./components/{step}.yml"

    def _with_code(self, made: dict[str, Any]) -> None:
        """Bring the code and the environment that a component, or the task of one, names."""
        if "code" in made:
            made["code"] = str(self.code(made["code"]))
        if isinstance(made.get("environment"), str):
            made["environment"] = self._environment(made["environment"])

    def _environment(self, reference: str) -> dict[str, Any]:
        properties = self._asset("environments", reference)
        if found := _ARM.fullmatch(reference):
            self.workspace.build(found[2], found[3])
        return {"image": properties.get("image") or "built"}

    def _asset(self, kind: str, reference: str) -> dict[str, Any]:
        if shared := _SHARED.fullmatch(reference):
            return self.workspace.registries[shared[1]].held(kind, shared[3], shared[4])["properties"]
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
        if any(form.fullmatch(uri) for form in (_ARM, _ASSET, _SHARED)):
            asset = self._asset("data" if kind in _DATA else "models", uri)
            uri = asset.get("dataUri") or asset["modelUri"]
        place = self.workspace.held_at(uri)
        if place is None:
            raise Refused(400, "UserError", f"The input {name} is at {uri}, which the loopback does not hold.")
        return {"type": kind, "path": str(self._fetched(*place))}

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
