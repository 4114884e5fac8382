"""Cuts Microsoft's published REST description down to the calls that are judged here: `python trim.py REPOSITORY COMMIT`.

REPOSITORY is a git directory of Azure/azure-rest-api-specs (MIT licence), COMMIT the one to read. What no request is judged by is left out:
texts, examples, answers, calls that nobody makes. Nothing is loosened or added. `rest/*.json` are the result, one per api-version.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SOURCE = "Azure/azure-rest-api-specs"
FOLDER = "specification/machinelearningservices/resource-manager/Microsoft.MachineLearningServices"
HERE = Path(__file__).parent / "rest"
WORKSPACE = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
CALLS = {
    "preview/2024-01-01-preview": {
        "/jobs/{id}": "put",
        "/components/{name}/versions/{version}": "put",
        "/components/{name}": "put",
        "/schedules/{name}/trigger": "post",
    },
    "preview/2024-04-01-preview": {"/jobs/{id}": "put", "/components/{name}/versions/{version}": "put"},
    "stable/2023-04-01": {
        "/codes/{name}/versions/{version}": "put",
        "/codes/{name}/versions/{version}/startPendingUpload": "post",
        "/data/{name}/versions/{version}": "put",
    },
    "preview/2023-04-01-preview": {
        "/environments/{name}/versions/{version}": "put",
        "/environments/{name}": "put",
        "/data/{name}/versions/{version}": "put",
        "/data/{name}": "put",
        "/onlineEndpoints/{endpointName}/deployments/{deploymentName}": "put",
        "/onlineEndpoints/{endpointName}/deployments/{deploymentName}/getLogs": "post",
    },
    "preview/2022-02-01-preview": {
        "/onlineEndpoints/{endpointName}": "put",
        "/onlineEndpoints/{endpointName}/regenerateKeys": "post",
    },
    "preview/2023-08-01-preview": {"/models/{name}/versions/{version}": "put", "/models/{name}": "put"},
    "preview/2023-02-01-preview": {"/batchEndpoints/{endpointName}/deployments/{deploymentName}": "put"},
    "stable/2023-10-01": {"/batchEndpoints/{endpointName}": "put"},
    "preview/2023-06-01-preview": {"/schedules/{name}": "put"},
}
MONITOR = "specification/monitor/resource-manager/Microsoft.Insights/stable/2022-10-01/autoscale_API.json"
SCALING = "/autoscalesettings/{autoscaleSettingName}"
TRACK = "specification/applicationinsights/data-plane/Monitor.Exporters/preview/v2.1/swagger.json"
SENT = ("TelemetryEnvelope", "RequestData", "MetricsData", "EventData", "MessageData", "ExceptionData", "RemoteDependencyData")
"""What an exporter of Application Insights posts: the envelope, and what it may hold."""
NOT_MADE = {"FineTuningJob", "LabelingJob"}  # kinds of jobs that no file here submits
PLAIN = {
    "type",
    "enum",
    "format",
    "required",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "readOnly",
}
PLAIN |= {"discriminator", "x-ms-discriminator-value", "x-nullable", "$ref", "additionalProperties", "uniqueItems"}


def schema(node: Any) -> Any:
    """Return a schema without its texts."""
    if not isinstance(node, dict):
        return node
    made = {key: node[key] for key in node if key in PLAIN}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            made[key] = schema(node[key])
    if "allOf" in node:
        made["allOf"] = [schema(part) for part in node["allOf"]]
    if "properties" in node:
        made["properties"] = {name: schema(part) for name, part in node["properties"].items()}
    return made


def named(node: Any) -> set[str]:
    """Return the definitions that a part refers to."""
    if isinstance(node, list):
        return set().union(*map(named, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    reference = node.get("$ref")  # one into another file is the envelope that all resources of Azure have
    own = {reference.rpartition("/")[2]} if isinstance(reference, str) and reference.startswith("#") else set()
    return own.union(*map(named, node.values()))


def heirs(definitions: dict[str, Any], names: set[str]) -> set[str]:
    """Return what a discriminator may choose: the definitions that are made from those named which have one."""
    bases = {name for name in names if "discriminator" in definitions[name]}
    return {name for name, node in definitions.items() for part in node.get("allOf", []) if named(part) & bases} - NOT_MADE


def subset(text: bytes, asked: dict[str, str], above: str, made_from: dict[str, str], wanted: set[str]) -> dict[str, Any]:
    """Return the calls `asked` (path and method), whose paths stand below `above`, and all definitions that they and `wanted` lead to."""
    document = json.loads(text)
    calls = []
    for path, method in asked.items():
        parameters = document["paths"][above + path][method]["parameters"]
        body = next(part["schema"] for part in parameters if part.get("in") == "body")
        patterns = {part["name"]: part["pattern"] for part in parameters if part.get("in") == "path" and "pattern" in part}
        calls.append({"path": path, "method": method, "body": schema(body), "patterns": patterns})
        wanted = wanted | named(body)
    definitions: dict[str, Any] = {}
    while missing := (wanted | heirs(document["definitions"], set(definitions))) - set(definitions):
        definitions |= {name: schema(document["definitions"][name]) for name in missing}
        wanted = wanted.union(*(named(definitions[name]) for name in missing))
    return {"made_from": made_from, "calls": calls, "definitions": dict(sorted(definitions.items()))}


def main(repository: str, commit: str) -> None:
    def git(*words: str) -> bytes:
        return subprocess.run(["git", f"--git-dir={repository}", *words], check=True, stdout=subprocess.PIPE).stdout

    def cut(file: str, asked: dict[str, str], above: str, name: str, wanted: Iterable[str] = ()) -> None:
        text, blob = git("show", f"{commit}:{file}"), git("rev-parse", f"{commit}:{file}").decode().strip()
        made_from = {"repository": SOURCE, "commit": commit, "file": file, "git_blob": blob, "sha256": hashlib.sha256(text).hexdigest()}
        made = subset(text, asked, above, {**made_from, "licence": "MIT, Copyright (c) Microsoft Corporation"}, set(wanted))
        (HERE / f"{name}.json").write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")

    HERE.mkdir(exist_ok=True)
    for version, asked in CALLS.items():
        cut(f"{FOLDER}/{version}/mfe.json", asked, WORKSPACE, version.rpartition("/")[2])
    insights = "/subscriptions/{subscriptionId}/resourcegroups/{resourceGroupName}/providers/Microsoft.Insights"
    cut(MONITOR, {SCALING: "put"}, insights, "insights-2022-10-01")
    cut(TRACK, {}, "", "track-v2.1", SENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
