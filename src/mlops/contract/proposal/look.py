"""A table as it is looked at when a contract is proposed, and how a rule is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from mlops.contract.statistics import Others

FEW = 30
"""Values that are named one by one."""
WIDE = 150
"""Columns beyond which a column gets its type and its limits only: a contract of thousands of bands is read by nobody."""


@dataclass(frozen=True)
class Look:
    """A table as it is looked at."""

    frame: pd.DataFrame
    kinds: Mapping[str, str]
    """Column -> its logical type; of a column of mixed values: string."""
    mixed: Mapping[str, str]
    parts: tuple[np.ndarray, ...]
    known: int
    """Partitions; 0 where the table comes as a whole."""
    partition: tuple[str, ...]
    keys: tuple[str, ...]
    leakage: tuple[str, ...]
    target: str
    together: Mapping[str, tuple[str, ...]]
    """Column of numbers -> those that go with it."""
    others: Others
    slices: tuple[str, ...]
    """The values of one column of few, as origin=EWR."""


def distinct(column: pd.Series) -> int:
    try:
        return int(column.nunique())
    except TypeError:
        return int(column.map(repr).nunique())


def expect(name: str, kwargs: Mapping[str, Any], *, severity: str, per: bool = False, **extra: Any) -> dict[str, Any]:
    custom = [{"property": "per", "value": "partition"}] if per else []
    custom += [{"property": key, "value": value} for key, value in extra.items()]
    made = {
        "type": "custom",
        "engine": "great-expectations",
        "severity": severity,
        "implementation": {"type": name, "kwargs": dict(kwargs)},
    }
    return {**made, **({"customProperties": custom} if custom else {})}
