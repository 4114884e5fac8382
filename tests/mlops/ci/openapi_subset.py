"""Cuts GitHub's public OpenAPI description down to the calls that are made here: `python openapi_subset.py PACKAGE`.

PACKAGE is the unpacked npm package `@octokit/openapi` (MIT licence, whose text goes along). What the tests do not judge by is
left out (texts, examples, calls that nobody makes), and `nullable` is written as JSON Schema writes it. Nothing is loosened or added.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

PACKAGE, FILE = "@octokit/openapi", "generated/api.github.com.json"
HERE = Path(__file__).parent / "github-openapi.json"
REPO = "/repos/{owner}/{repo}"
CALLS = {
    REPO: ["get"],
    f"{REPO}/actions/oidc/customization/sub": ["get"],
    f"{REPO}/actions/organization-variables": ["get"],
    f"{REPO}/actions/permissions/workflow": ["get", "put"],
    f"{REPO}/actions/runs/{{run_id}}/approvals": ["get"],
    f"{REPO}/actions/runs/{{run_id}}/jobs": ["get"],
    f"{REPO}/actions/variables": ["get"],
    f"{REPO}/branches/{{branch}}": ["get"],
    f"{REPO}/check-runs": ["post"],
    f"{REPO}/commits/{{ref}}": ["get"],
    f"{REPO}/commits/{{commit_sha}}/pulls": ["get"],
    f"{REPO}/deployments": ["get", "post"],
    f"{REPO}/deployments/{{deployment_id}}/statuses": ["post"],
    f"{REPO}/environments/{{environment_name}}": ["get", "put"],
    f"{REPO}/environments/{{environment_name}}/deployment-branch-policies": ["get", "post"],
    f"{REPO}/environments/{{environment_name}}/deployment-branch-policies/{{branch_policy_id}}": ["delete"],
    f"{REPO}/environments/{{environment_name}}/variables": ["get"],
    f"{REPO}/issues": ["get", "post"],
    f"{REPO}/issues/{{issue_number}}": ["patch"],
    f"{REPO}/issues/{{issue_number}}/comments": ["get", "post"],
    f"{REPO}/issues/comments/{{comment_id}}": ["patch"],
    f"{REPO}/pulls": ["get"],
    f"{REPO}/rules/branches/{{branch}}": ["get"],
    f"{REPO}/rulesets": ["get", "post"],
    f"{REPO}/rulesets/{{ruleset_id}}": ["get", "put"],
    "/orgs/{org}/teams/{team_slug}": ["get"],
    "/users/{username}": ["get"],
}
PLAIN = {"type", "enum", "const", "format", "required", "pattern", "default", "minimum", "maximum", "minLength", "maxLength"}
PLAIN |= {"minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"}


def schema(node: Any) -> Any:
    """A schema without its texts, with `nullable` as a type of its own."""
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    made: dict[str, Any] = {key: node[key] for key in node if key in PLAIN}
    for key in ("items", "additionalProperties", "not"):
        if key in node:
            made[key] = schema(node[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in node:
            made[key] = [schema(part) for part in node[key]]
    if "properties" in node:
        made["properties"] = {name: schema(part) for name, part in node["properties"].items()}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") else made


def pointed(document: Any, pointer: str) -> Any:
    for word in pointer.removeprefix("#/").split("/"):
        document = document[word]
    return document


def operation(document: Any, node: Any) -> dict[str, Any]:
    """One call: its parameters, its body, and the bodies of the answers that mean success."""
    resolve = lambda part: pointed(document, part["$ref"]) if "$ref" in part else part  # noqa: E731
    parameters = [resolve(part) for part in node.get("parameters", [])]
    made: dict[str, Any] = {
        "operationId": node["operationId"],
        "parameters": [
            {"name": part["name"], "in": part["in"], "required": part.get("required", False), "schema": schema(part["schema"])}
            for part in parameters
        ],
        "responses": {},
    }
    if "requestBody" in node:
        content = node["requestBody"]["content"]["application/json"]
        made["requestBody"] = {"required": node["requestBody"].get("required", False), "schema": schema(content["schema"])}
    for status, part in node["responses"].items():
        if status.startswith("2"):
            content = resolve(part).get("content", {}).get("application/json")
            made["responses"][status] = schema(content["schema"]) if content else None
    return made


def named(node: Any) -> set[str]:
    """The schemas that a part of the description refers to."""
    if isinstance(node, list):
        return set().union(*map(named, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return found.union(*map(named, node.values()))


def subset(package: Path) -> dict[str, Any]:
    raw = (package / FILE).read_bytes()
    document = json.loads(raw)
    paths = {path: {method: operation(document, document["paths"][path][method]) for method in methods} for path, methods in CALLS.items()}
    schemas: dict[str, Any] = {}
    wanted = named(paths)
    while wanted:
        reference = wanted.pop()
        name = reference.rpartition("/")[2]
        if name not in schemas:
            schemas[name] = schema(pointed(document, reference))
            wanted |= named(schemas[name])
    made_from = {
        "package": PACKAGE,
        "version": json.loads((package / "package.json").read_text())["version"],
        "file": FILE,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "licence": (package / "LICENSE").read_text(),
    }
    return {"made_from": made_from, "paths": paths, "components": {"schemas": dict(sorted(schemas.items()))}}


if __name__ == "__main__":
    HERE.write_text(json.dumps(subset(Path(sys.argv[1])), separators=(",", ":")) + "\n")
