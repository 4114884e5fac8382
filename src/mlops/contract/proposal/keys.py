"""The columns that name a row, where nobody says which they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops.contract.proposal.look import FEW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def find_key(frame: pd.DataFrame, kinds: Mapping[str, str], partition: Sequence[str]) -> tuple[str, ...]:
    """Return a column that names a row: whole numbers or short text, each once, and called so or the first."""
    if len(frame) < FEW:
        return ()
    for position, name in enumerate(kinds):
        called = re.search(r"(^|_|\b)(id|key|uuid|code|nr|number|index)$", name.lower()) or name.lower().endswith("id")
        if kinds[name] not in {"string", "integer"} or name in partition or not (called or position == 0):
            continue
        column = frame[name]
        if column.notna().all() and column.is_unique and (kinds[name] == "integer" or column.astype(str).str.len().max() <= 64):
            return (name,)
    return ()
