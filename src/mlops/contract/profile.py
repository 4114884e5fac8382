"""A contract proposed from data: what a person would write who has looked at every column, and sentences about what was seen.

What is proposed holds for the table that it is proposed from, with room for an honest next part. What only looks unlikely warns (its rows go to
quarantine); what moves a whole column far stops. What is said of columns and rows is in the modules of proposal/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.contract import bands
from mlops.contract.draft import Draft, write
from mlops.contract.proposal.beside import going_together, slices_of
from mlops.contract.proposal.columns import logical_type, of_column
from mlops.contract.proposal.keys import find_key
from mlops.contract.proposal.look import Look
from mlops.contract.proposal.rows import table_rules
from mlops.contract.rules import Table, printable
from mlops.contract.statistics import Others
from mlops.contract.suite import ACCEPTED, kind_of, partition_labels
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


@dataclass(frozen=True)
class Proposal:
    """A contract, and what was seen on the way."""

    text: str
    remarks: tuple[str, ...]


def propose(
    table: str,
    frame: pd.DataFrame,
    *,
    keys: Sequence[str] = (),
    partition: Sequence[str] = (),
    leakage: Sequence[str] = (),
    target: str = "",
    descriptions: Mapping[str, str] | None = None,
    logical: Mapping[str, str] | None = None,
    owner: str = "",
    licence: str = "",
) -> Proposal:
    """Return a contract for a table.

    Args:
        table: Its name.
        frame: Its rows; all of the past that is known, for the bands are learnt from how its partitions differ.
        keys: Columns that name a row; without any, one is looked for.
        partition: Columns that name a part which comes as one.
        leakage: Columns that are known only after the question is asked.
        target: The column that a model is to tell.
        descriptions: Column -> what it is, in a sentence.
        logical: Column -> its logical type, where the frame does not show it.
        owner: Who answers for the data.
        licence: Under which they may be used.

    Raises:
        UsageError: There are no rows or columns, two columns have one name, or a column that is named is not there.
    """
    frame = frame.rename(columns=str).reset_index(drop=True)
    nameless = int((frame.columns == "").sum())
    frame = frame.loc[:, frame.columns != ""] if nameless else frame
    refuse(table, frame, (*keys, *partition, *leakage, *([target] if target else [])))
    found = {str(name): kind_of(frame, str(name)) for name in frame.columns}
    kinds = {name: (logical or {}).get(name) or logical_type(frame[name], kind) for name, kind in found.items()}
    mixed = {name: kind for name, kind in found.items() if kind not in ACCEPTED[kinds[name]]}
    labels = partition_labels(Table(table, kinds, (), tuple(partition), (), ()), frame) if partition else None
    remarks = [f"{nameless} column{'s' * (nameless > 1)} without a name left out: a contract cannot speak of it"] * bool(nameless)
    key = tuple(keys) or find_key(frame, {name: kind for name, kind in kinds.items() if name not in mixed}, partition)
    if key and not keys:
        remarks.append(f"{', '.join(key)} differs from row to row: taken as the key")
    parts = tuple(bands.pieces(labels, len(frame)))
    known = {name: kind for name, kind in kinds.items() if name not in mixed and name not in partition}
    together, slices = going_together(frame, known), slices_of(frame, known)
    count = 0 if labels is None else labels.nunique()
    look = Look(frame, kinds, mixed, parts, count, tuple(partition), key, tuple(leakage), target, together, Others(frame), slices)
    columns = [of_column(look, name, (descriptions or {}).get(name, ""), remarks) for name in kinds]
    quality = table_rules(look, labels, remarks)
    draft = Draft(table, owner, licence, tuple(leakage), columns, quality)
    return Proposal(write(draft, partitioned=labels is not None, alone=not nameless), tuple(remarks))


def refuse(table: str, frame: pd.DataFrame, named: Sequence[str]) -> None:
    if frame.empty or not len(frame.columns):
        raise UsageError(f"{table} has no rows or no columns", hint="A contract is proposed from data that is there.")
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise UsageError(f"{table} has {', '.join(map(repr, twice[:5]))} twice", hint="Give each column a name of its own.")
    for name in named:
        if name not in frame:
            raise UsageError(f"{table} has no column {name!r}", hint=f"It has {', '.join(map(printable, frame.columns[:20]))}.")
