"""What Microsoft's published REST description (`rest/`, see `trim.py`) does not allow in a request."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

REST = Path(__file__).parent / "rest"
ENVELOPE = {"id", "name", "type", "systemData"}
TRACKED = {"location", "tags"}
"""What the envelope of a resource that is in a region has, which another file of Microsoft's describes."""
LEAF = ("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems")
STAND_INS = {"2025-01-01-preview": "2024-04-01-preview", "2024-10-01-preview": "2024-04-01-preview"}
"""Versions that the SDK speaks and that are newer than the description here -> the newest here, which judges them."""
DEPARTURES = ("$.properties.properties.hash_version: 202208 is not of type 'string'",)
"""What azure-ai-ml itself sends otherwise than the description says, and the service is known to take."""


@cache
def description(version: str) -> dict[str, Any] | None:
    path = REST / f"{STAND_INS.get(version, version)}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@cache
def _calls(version: str) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    made = description(version)
    shape = lambda path: re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "$")  # noqa: E731
    return [(shape(call["path"]), call) for call in made["calls"]] if made else []


def judged(version: str, method: str, path: str) -> bool:
    """Return whether a call of this api-version is one that the description here tells of."""
    return any(call["method"] == method.lower() and shape.match(path) for shape, call in _calls(version))


def mistakes(version: str, method: str, path: str, body: Any) -> list[str]:
    """Return what is wrong with a request, each as `where: what`; `path` is the part below the workspace."""
    for shape, call in _calls(version):
        fits = shape.match(path)
        if fits and call["method"] == method.lower():
            names = [
                f"{name}: {fits[name]!r} is not of the form {pattern}"
                for name, pattern in call["patterns"].items()
                if name in fits.groupdict() and not re.search(pattern, fits[name])
            ]
            found = _Judge(description(version)["definitions"]).of(call["body"], body, "$")
            return names + [one for one in found if one not in DEPARTURES]
    return []


def mistakes_of(version: str, definition: str, value: Any, at: str = "$") -> list[str]:
    """Return what is wrong with a value that is to be of a definition, each as `where: what`."""
    return _Judge(description(version)["definitions"]).of({"$ref": f"#/definitions/{definition}"}, value, at)


class _Judge:
    """Follows a value down a Swagger schema: `allOf` adds up, a discriminator chooses the definition that its value names."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions

    def of(self, schema: dict[str, Any], value: Any, at: str) -> list[str]:
        node = self._resolved(schema)
        if value is None:
            return [] if schema.get("x-nullable") or node.get("x-nullable") else [f"{at}: null is not allowed"]
        leaf = Draft4Validator({key: node[key] for key in LEAF if key in node})
        if isinstance(value, str) and "enum" in node:  # the service takes these in any case, and azure-ai-ml sends some in small letters
            value = next((one for one in node["enum"] if one.lower() == value.lower()), value)
        found = [f"{at}: {error.message[:200]}" for error in leaf.iter_errors(value)]
        if isinstance(value, list) and "items" in node:
            return found + [one for n, entry in enumerate(value) for one in self.of(node["items"], entry, f"{at}[{n}]")]
        return found + self._object(node, value, at) if isinstance(value, dict) else found

    def _object(self, node: dict[str, Any], value: dict[str, Any], at: str) -> list[str]:
        chosen, complaint = self._chosen(node, value, at)
        if complaint:
            return [complaint]
        parts = self._parts(chosen)
        known = {name: part for one in parts for name, part in one.get("properties", {}).items()}
        more = next((one["additionalProperties"] for one in parts if isinstance(one.get("additionalProperties"), dict)), None)
        required = {name for one in parts for name in one.get("required", [])}
        tracked = any("TrackedResource" in one.get("$ref", "") for one in parts)
        found = [f"{at}: `{name}` is missing" for name in sorted(required - set(value))]
        for name, entry in value.items():
            if name in known:
                found += self.of(known[name], entry, f"{at}.{name}")
            elif more is not None:
                found += self.of(more, entry, f"{at}.{name}")
            elif known and not (at == "$" and (name in ENVELOPE or (tracked and name in TRACKED))):
                found.append(f"{at}: unknown key {name!r}")
        return found

    def _chosen(self, node: dict[str, Any], value: dict[str, Any], at: str) -> tuple[dict[str, Any], str]:
        key = next((one["discriminator"] for one in self._parts(node) if "discriminator" in one), None)
        if key is None or "x-ms-discriminator-value" in node:
            return node, ""
        said = value.get(key)
        named = [one for one in self.definitions.values() if str(one.get("x-ms-discriminator-value")).lower() == str(said).lower()]
        heirs = [one for one in named if self._is_of(one, node)]
        return (heirs[0], "") if heirs else (node, f"{at}.{key}: {said!r} names nothing that the description knows")

    def _is_of(self, heir: dict[str, Any], base: dict[str, Any]) -> bool:
        return any(part is base for part in self._parts(heir))

    def _parts(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        return [node, *(one for part in node.get("allOf", []) for one in self._parts(self._resolved(part)))]

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref", "")
        return self.definitions[reference.rpartition("/")[2]] if reference.startswith("#") else schema
