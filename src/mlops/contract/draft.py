"""The text of a proposed contract: the standard's YAML with its comments, a short column on one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
LINE = 140

HEAD = """\
# The data contract (yours): Open Data Contract Standard v3, proposed from the data. docs/how-to/contract.md says what can be said.
#
# Severity of a rule: `stop` ends the run; `warn` sends the rows to quarantine (or, for a rule about a whole table, is told) and goes on.
# A rule without one stops. Where the standard has no word of its own, its extension points are used:
#   customProperties of a table   leakage: columns that are known only after the question is asked; otherColumns: warn or stop
#   customProperties of a column  severity: of its required, unique, type, enum and logicalTypeOptions
#   customProperties of a rule    per: partition, for each part by itself; stopBeyond: a number so many band widths outside of its band stops
#   type: custom                  Great Expectations, and what is registered with it: bands, relations, tidy text
"""


@dataclass(frozen=True)
class Draft:
    """What a proposed contract says."""

    table: str
    owner: str
    licence: str
    leakage: tuple[str, ...]
    columns: Sequence[Mapping[str, Any]]
    quality: Sequence[Mapping[str, Any]]


def write(draft: Draft, *, partitioned: bool, alone: bool) -> str:
    """Return the contract as a file's text; `alone` where the table has no other columns."""
    custom = [{"property": "leakage", "value": list(draft.leakage)}] if draft.leakage else []
    custom += [{"property": "otherColumns", "value": "warn"}] if alone else []
    lines = [
        HEAD + "kind: DataContract",
        "apiVersion: v3.2.0",
        f"id: {flow(draft.table)}",
        f"name: {flow(draft.table)}",
        "version: 1.0.0",
        "status: active",
        *([f"team: {flow({'name': draft.owner})}"] if draft.owner else []),
        *(["customProperties:", f"  - {flow({'property': 'licence', 'value': draft.licence})}"] if draft.licence else []),
        "",
        "schema:",
        f"  - name: {flow(draft.table)}",
        f"    description: {'One partition comes as one.' if partitioned else 'The table comes as one.'}",
        *(["    customProperties:", *(f"      - {flow(item)}" for item in custom)] if custom else []),
        *(["    quality:", *(f"      - {flow(rule)}" for rule in draft.quality)] if draft.quality else []),
        "    properties:",
        *(line for column in draft.columns for line in _column(column)),
    ]
    return "\n".join(lines) + "\n"


def _column(column: Mapping[str, Any]) -> list[str]:
    quality = column.get("quality") or []
    plain = {key: value for key, value in column.items() if key != "quality"}
    if not quality:
        return [f"      - {flow(plain)}"]
    first, *rest = [f"{key}: {flow(value)}" for key, value in plain.items()]
    return [
        f"      - {first}",
        *(f"        {line}" for line in rest),
        "        quality:",
        *(f"          - {flow(rule)}" for rule in quality),
    ]


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.dump(_simple(value), Dumper=_DUMPER, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1 << 30)
    return text.removesuffix("\n").removesuffix("\n...")


def _simple(value: Any) -> Any:
    """Return plain values: what is of NumPy has no place in a file, and half a character (a lone surrogate) no encoding."""
    if isinstance(value, dict):
        return {_simple(key): _simple(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_simple(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value.item() if hasattr(value, "item") else value
