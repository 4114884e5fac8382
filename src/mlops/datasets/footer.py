"""The row that sums up the others: people end a sheet with it, and a model would take it for one more example."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops.datasets.source import Note

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops.datasets.source import Source

TOTALS = frozenset({
    "total", "totals", "grand total", "subtotal", "sum", "average", "mean", "summe", "gesamt", "gesamtsumme", "insgesamt", "mittelwert", "totaal",
    "som", "totale", "total général", "somme", "suma", "totalt", "итого",
})  # fmt: skip


def ended(source: Source, table: pa.Table) -> Source:
    """Return the source, less the last row of its one file where that begins with a word for a total, and has fields without a value."""
    if source.format not in {"csv", "excel"} or source.partition or source.database or table.num_rows < 3:
        return source
    last = list(table.slice(table.num_rows - 1).to_pylist()[0].values())
    filled = [value for value in last if value not in {None, ""}]
    word = str(filled[0]).strip().rstrip(":").casefold() if filled else ""
    before = table.column(last.index(filled[0])).slice(0, table.num_rows - 1).cast("string").to_pylist() if word in TOTALS else []
    if word not in TOTALS or len(filled) == len(last) or filled[0] in before:
        return source
    note = Note(
        "footer", "1 row left out", "likely", f"the last row begins with {filled[0]!r}, and has {len(last) - len(filled)} empty fields"
    )
    return replace(source, footer=1, notes=(*source.notes, note))
