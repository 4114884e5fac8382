"""Issues as work items of Azure Boards: one per key, found again by its tag, of a type and with an end state that the project's process has."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops.ci.markdown import cut, one_line, sound
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from mlops.ci.api import Api

TYPES = ("Issue", "Task", "Bug")
LONGEST_TITLE = 255
LONGEST_BODY = 200_000
_PATCH = "application/json-patch+json"
_CLOSED = {"Completed", "Removed"}
_STEPS = "Microsoft.VSTS.TCM.ReproSteps"
_NEEDS = (
    "Project settings > Project configuration > Areas > Security: allow the project's Build Service 'Edit work items in this node'. "
    "docs/how-to/azure-devops.md lists what each call takes."
)


@dataclass(frozen=True)
class WorkItem:
    """An open one."""

    number: int
    type: str


@dataclass(frozen=True)
class WorkItems:
    """The work items of a project that have a tag of ours."""

    api: Api
    project: str
    """As a path: below the address of the API."""

    def write(self, key: str, title: str, body: str) -> str:
        """Open the one, or bring the open one up to date; return its address."""
        fields = {"System.Title": one_line(title, LONGEST_TITLE), "System.Description": _as_html(body)}
        found = self._find(key)
        if found is not None:
            self._change(found, fields if found.type != "Bug" else {**fields, _STEPS: fields["System.Description"]})
        else:
            found = self._create(key, fields)
        return self._address(found)

    def close(self, key: str, body: str) -> str | None:
        """Close the open one with a last word; None where none is open."""
        found = self._find(key)
        if found is None:
            return None
        self._change(found, {"System.State": self._end(found.type), "System.History": _as_html(body)})
        return self._address(found)

    def _find(self, key: str) -> WorkItem | None:
        tag = _tag(key)
        where = f"[System.TeamProject] = @project AND [System.Tags] CONTAINS '{tag}' ORDER BY [System.Id] DESC"
        query = {"query": f"SELECT [System.Id] FROM WorkItems WHERE {where}"}  # noqa: S608 - no quote can be in a tag
        ids = [str(one["id"]) for one in self._ask("POST", "wiql", {"$top": "50"}, query)["workItems"]]
        if not ids:
            return None
        wanted = {"ids": ",".join(ids), "fields": "System.WorkItemType,System.State,System.Tags"}
        told = [(one["id"], one["fields"]) for one in self._ask("GET", "workitems", wanted)["value"]]
        ours = [(number, fields) for number, fields in told if tag.lower() in _tags(fields)]
        categories = {kind: self._categories(kind) for kind in {fields["System.WorkItemType"] for _, fields in ours}}
        for number, fields in sorted(ours, key=lambda one: -one[0]):
            kind = fields["System.WorkItemType"]
            if categories[kind].get(fields["System.State"]) not in _CLOSED:
                return WorkItem(number, kind)
        return None

    def _create(self, key: str, fields: dict[str, str]) -> WorkItem:
        kind = self._type()
        fields = {**fields, "System.Tags": _tag(key)}
        if kind == "Bug":  # whose form shows these steps and no description
            fields[_STEPS] = fields["System.Description"]
        told = self._ask("POST", f"workitems/${quote(kind)}", {}, _operations(fields), form=_PATCH, made=lambda: self._find(key))
        return told if isinstance(told, WorkItem) else WorkItem(told["id"], kind)

    def _change(self, found: WorkItem, fields: dict[str, str]) -> None:
        self._ask("PATCH", f"workitems/{found.number}", {}, _operations(fields), form=_PATCH)

    def _type(self) -> str:
        there = {one["name"] for one in self._ask("GET", "workitemtypes")["value"] if not one.get("isDisabled")}
        kind = next((kind for kind in TYPES if kind in there), None)
        if kind is None:
            told = f"the project's process has none of the work item types {', '.join(TYPES)}"
            raise PlatformError(told, where=self._pages, hint="Add one of them to the process (Organization settings > Process).")
        return kind

    def _categories(self, kind: str) -> dict[str, str]:
        """State -> category: Proposed, InProgress, Resolved, Completed, Removed. The names are each process's own."""
        return {one["name"]: one["category"] for one in self._ask("GET", f"workitemtypes/{quote(kind)}/states")["value"]}

    def _end(self, kind: str) -> str:
        for name, category in self._categories(kind).items():
            if category == "Completed":
                return name
        raise PlatformError(f"the work item type {kind} has no state that counts as completed", where=self._pages, hint="Close it by hand.")

    @property
    def _pages(self) -> str:
        return self.api.address + self.project

    def _address(self, found: WorkItem) -> str:
        return f"{self._pages}/_workitems/edit/{found.number}"

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, **how: Any) -> Any:
        whole = {**(query or {}), "api-version": "7.1"}
        to = "find or write the work item"
        return self.api.call(method, f"{self.project}/_apis/wit/{path}", to, query=whole, body=body, needs=_NEEDS, **how)


def _tag(key: str) -> str:
    if not re.fullmatch(r"[\w.:/ -]{1,80}", key):
        raise UsageError(f"{key!r} cannot be the tag of a work item", hint="Letters, digits, spaces and . : / - _, at most 80 of them.")
    return f"slipway {key}"


def _tags(fields: dict[str, str]) -> set[str]:
    return {part.strip().lower() for part in fields.get("System.Tags", "").split(";")}


def _operations(fields: dict[str, str]) -> list[dict[str, str]]:
    return [{"op": "add", "path": f"/fields/{name}", "value": value} for name, value in fields.items()]


def _as_html(markdown: str) -> str:
    """Return the text as it is read, in a type of even width: the field holds HTML, and nothing in a text may become any."""
    text = cut(sound(markdown), LONGEST_BODY, len, "Cut here: the whole is on the page of the run.")
    return f"<pre>{html.escape(html.unescape(text))}</pre>"
