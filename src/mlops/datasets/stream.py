"""A table that is larger than memory, from its source to one typed Parquet file: chunk by chunk, with the types that the whole would have.

A chunk may look narrower than the whole: whole numbers where a later chunk has a fraction. Then the column's type is widened, and all is read
again from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.datasets.columns import arrays, as_pandas
from mlops.datasets.reading import chunks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mlops.datasets.source import Source


@dataclass(frozen=True)
class Written:
    rows: int
    chunks: int


class _WiderError(Exception):
    """A column has another type than it had so far."""

    def __init__(self, name: str, kind: pa.DataType) -> None:
        super().__init__(name)
        self.name, self.kind = name, kind


def write(source: Source, columns: Sequence[str], types: Mapping[str, str], partitions: Sequence[str] | None, out: Path) -> Written:
    """Write some columns of a source as Parquet, no more than a chunk of it in memory.

    Args:
        source: What `read_source` returned.
        columns: Which columns, by their unique names.
        types: Column to ODCS logicalType.
        partitions: Which partitions, by their labels; all without.
        out: The file to write.

    Raises:
        MlopsError: As `reading.read`.
    """
    import pyarrow as pa

    forced: dict[str, pa.DataType] = {}
    while True:
        try:
            texts = {name: "string" for name, kind in forced.items() if pa.types.is_string(kind)}
            return _written(source, columns, {**types, **texts}, partitions, out, forced)
        except _WiderError as found:
            forced[found.name] = found.kind


def _written(
    source: Source,
    columns: Sequence[str],
    types: Mapping[str, str],
    partitions: Sequence[str] | None,
    out: Path,
    forced: Mapping[str, pa.DataType],
) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = count = 0
    writer, schema = None, None
    try:
        for path, table in chunks(source, columns, partitions):
            found = arrays(table, source, types, where=f"{path}, rows from {rows + 1:,} on")
            made = pa.table({name: column.cast(forced[name]) if name in forced else column for name, column in found.items()})
            if writer is None or schema is None:
                schema = pa.schema([(field.name, _precise(field.type)) for field in made.schema])
                schema = schema.with_metadata({"pandas": _noted(schema, forced)})
                writer = pq.ParquetWriter(out, schema, compression="zstd")
            writer.write_table(_as(schema, made, forced))
            rows, count = rows + made.num_rows, count + 1
    finally:
        if writer is not None:
            writer.close()
    return Written(rows, count)


def _as(schema: pa.Schema, table: pa.Table, forced: Mapping[str, pa.DataType]) -> pa.Table:
    """Return a chunk with the types so far.

    Raises:
        _WiderError: They are too narrow for it; `boolean` is wider than `bool`, which holds no missing value.
    """
    import pyarrow as pa

    for field, column in zip(schema, table.columns, strict=True):
        if _precise(column.type) != field.type:
            raise _WiderError(field.name, _wider(field.type, column.type))
        if pa.types.is_boolean(field.type) and column.null_count and field.name not in forced:
            raise _WiderError(field.name, field.type)
    return table.cast(schema, safe=False)


def _precise(kind: pa.DataType) -> pa.DataType:
    """Return times in microseconds, as a table that is read whole has them."""
    import pyarrow as pa

    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds both: numbers, times in UTC, or words."""
    import pyarrow as pa

    both = (one, other)
    if all(pa.types.is_timestamp(kind) for kind in both):
        return pa.timestamp("us", "UTC")
    return pa.float64() if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in both) else pa.string()


def _noted(schema: pa.Schema, forced: Mapping[str, pa.DataType]) -> bytes:
    """Return the note that pandas leaves in a file: what it was widened to, truth is `boolean` there as well."""
    import pandas as pd
    import pyarrow as pa

    empty = pd.DataFrame({field.name: as_pandas(pa.chunked_array([], field.type)) for field in schema})
    truths = {name: "boolean" for name, kind in forced.items() if pa.types.is_boolean(kind)}
    return bytes(pa.Schema.from_pandas(empty.astype(truths), preserve_index=False).metadata[b"pandas"])
