"""Values as YAML on one line, for files that are written with comments, as a person would write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import yaml

WIDE = 1_000_000


def flow(value: Any) -> str:
    """Return a value on one line; a text is quoted where YAML would read something else."""
    text = yaml.safe_dump(plain(value), default_flow_style=True, allow_unicode=True, width=WIDE, sort_keys=False)
    return text.removesuffix("\n...\n").rstrip("\n")


def plain(value: Any) -> Any:
    """Return a value of numpy or pandas as Python's own, and tuples as lists."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value.item() if hasattr(value, "item") else value


def number(value: float, digits: int) -> str:
    """Return a number of so many digits without a power of ten: YAML reads 3e+03 as a word, and people stumble over it."""
    return format(Decimal(f"{value:.{digits}g}"), "f")


def block(key: str, values: Any, indent: int = 0) -> str:
    """Return a list or mapping under its key, one entry a line; an empty one on the key's own line."""
    pad = " " * indent
    if not values:
        return f"{pad}{key}: {flow(type(values)() if isinstance(values, dict) else [])}\n"
    if isinstance(values, dict):
        lines = [f"{pad}  {flow(name)}: {flow(value)}" for name, value in values.items()]
    else:
        lines = [f"{pad}  - {flow(value)}" for value in values]
    return f"{pad}{key}:\n" + "\n".join(lines) + "\n"
