"""What the terminal says of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN = 20
"""Versions that are listed."""


def screen(facts: Mapping[str, Any]) -> str:
    """Return a data set as a person reads it: files, what is wrong, versions and what was made from each."""
    files = facts["files"]
    partitions = [one for one in files if one["partition"]]
    rows = [one["rows"] for one in partitions or files]
    total = f"{sum(rows):,} rows" if rows and None not in rows else "rows not known"
    said = facts["validated"]
    judged = (
        f"run {said['run']}: {said['summary'] or ('kept' if said['success'] else 'broken')}"
        if said
        else "not asked about this version yet: make data"
    )
    count = f"{len(partitions)} partitions" if partitions else f"{len(files)} file{'s' * (len(files) != 1)}"
    lines = [
        f"{facts['model']}   {facts['folder']}   {count}, {total}   version {_short(facts['version'])}",
        f"contract   {facts['contract']}   {judged}",
        "",
        *_table(_file(one) for one in files),
        *(["", *(f"  ✘ {trouble}" for trouble in facts["troubles"])] if facts["troubles"] else []),
        "",
        *_table(_version(one) for one in facts["versions"][:SHOWN]),
    ]
    more = len(facts["versions"]) - SHOWN
    return "\n".join(lines + ([f"  and {more} older versions (--json has them)"] if more > 0 else []))


def _file(one: Mapping[str, Any]) -> tuple[str, ...]:
    rows = f"{one['rows']:,} rows" if one["rows"] is not None else ""
    return (
        one["partition"] or one["name"],
        rows.rjust(14),
        size(one["bytes"]).rjust(9),
        _short(one["digest"]) if one["digest"] else "",
        one["added"] or "not in git",
        one["trouble"] or one["contract"],
    )


def _version(one: Mapping[str, Any]) -> tuple[str, ...]:
    where = f"commit {one['commit'][:7]} of {one['when'][:10]}" if one["commit"] else "not committed"
    made = [*one["models"], *one["runs"][:5]] + (["..."] if len(one["runs"]) > 5 else [])
    return (
        _short(one["version"]),
        "now" if one["now"] else "",
        f"{one['files']} files",
        where,
        ", ".join(made) or "nothing was made from it here",
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in listed]


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def size(count: float) -> str:
    """Return a number of bytes as a person writes it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
