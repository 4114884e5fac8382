"""A source as a table: whole (`read`), or in chunks for what is larger than memory (`iterate`).

Text files are read as words by Arrow, all parts are joined, and only then columns get their types: a partition that holds no fraction, or no
value at all, is read as the others are.
"""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops.datasets.columns import from_objects, joined, numbered, typed
from mlops.datasets.parts import DAMAGED, Part, damaged, opened, parts, whole
from mlops.datasets.source import WHITESPACE
from mlops.errors import JobFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from mlops.datasets.source import Source

BLOCK, ROWS, LINES = 32 * 2**20, 2**18, 2**14
"""A chunk: bytes of text, rows of Parquet, lines of JSON."""


def read(
    source: Source,
    columns: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the table of a source.

    Args:
        source: What `read_source` or `detect` returned.
        columns: Which columns, by their unique names; all without.
        partitions: Which partitions, by their labels; all without.
        types: Column to ODCS logicalType, as a contract declares; else the values show the type.

    Raises:
        UsageError: There is no such file, partition, column or table; the parts have different columns.
        JobFailed: A file is damaged, is not what its format says, or holds a value that is not of its declared type.
        PlatformError: A file, database or URL cannot be reached.
    """
    table = raw(source, columns, partitions)
    return typed(table, source, types, where=str(source.path))


def iterate(
    source: Source,
    columns: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the table of a source in chunks of some 32 MiB of text, or 262,144 rows of Parquet (fewer of a wide table).

    Give `types`: without them each chunk has the types of its own values.

    Raises:
        MlopsError: As `read`.
    """
    for path, table in chunks(source, columns, partitions):
        yield typed(table, source, types, where=str(path))


def chunks(
    source: Source, columns: Sequence[str] | None = None, partitions: Sequence[str] | None = None
) -> Iterator[tuple[Path, pa.Table]]:
    """Yield each chunk with the file that it is from, under unique names, before its words get a type. Raises as `read`."""
    if _asks(source):
        from mlops.datasets.database import batches

        for table in batches(source):
            yield source.path, _chosen(_named(table, source, Part(source.path)), columns, source.path)
        return
    names: list[str] = []
    for part in _parts(source, partitions):
        for table in _chunks(source, part):
            found = _named(table, source, part)
            names = names or found.column_names
            _same(names, found.column_names, part.path)
            yield part.path, _chosen(found, columns or names, part.path)


def raw(source: Source, columns: Sequence[str] | None = None, partitions: Sequence[str] | None = None) -> pa.Table:
    """Return the table under its unique names, before its words get a type. Raises as `read`."""
    import pyarrow as pa

    if _asks(source):
        from mlops.datasets.database import query

        table = _named(query(source), source, Part(source.path))
        return _chosen(table, columns, source.path)
    tables: list[pa.Table] = []
    names: list[str] = []
    for part in _parts(source, partitions):
        table = _named(_table(source, part), source, part)
        names = names or table.column_names
        _same(names, table.column_names, part.path)
        tables.append(_chosen(table, columns, part.path))
    tables = [table.select(tables[0].column_names) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise JobFailed(f"the files have columns of different types: {error}", where=str(source.path), hint="Read them apart.") from error


def _asks(source: Source) -> bool:
    """Whether a database is asked, and no snapshot of it is there."""
    return bool(source.database) and not (source.snapshot and (source.folder / source.snapshot).is_file())


def _parts(source: Source, partitions: Sequence[str] | None) -> tuple[Part, ...]:
    if source.database:
        return (Part(source.folder / source.snapshot),)
    if source.url:
        from mlops.datasets.elsewhere import fetched

        return (Part(fetched(source)),)
    if partitions is not None and not source.partition:
        raise UsageError("the source has no partitions", where=str(source.path), hint="Leave --partitions away.")
    return parts(source, tuple(partitions) if partitions is not None else None)


def header(source: Source, path: Path) -> list[str]:
    """Return the names in the header of one file, as they stand there. Raises as `read`."""
    return list(map(str, _table(source, Part(path)).column_names)) if source.format != "csv" else _names(source, path)


def _table(source: Source, part: Part) -> pa.Table:
    """Read one file of any format: columns under the names that the file has for them."""
    import pyarrow as pa

    kind = source.format if not source.database else "parquet"
    try:
        if kind == "csv":
            batches = list(_csv(source, part.path)) or _no_rows(part.path)
            table = pa.Table.from_batches(batches, schema=batches[0].schema)
            return table.slice(0, max(0, table.num_rows - source.footer))
        if kind == "parquet":
            return _parquet(part.path)
        if kind == "jsonl":
            return joined([from_objects(_columns(records)) for records in _parsed_lines(part.path)])
        return from_objects(_columns(_records(part.path)) if kind != "excel" else _sheet(source, part.path))
    except (pa.ArrowInvalid, UnicodeError, csv.Error, *DAMAGED) as error:
        raise _unreadable(source, part.path, error) from error


def _chunks(source: Source, part: Part) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if source.format == "parquet" or source.database:
            with pq.ParquetFile(part.path, memory_map=True) as file:
                rows = min(ROWS, max(1_000, BLOCK // (8 * max(1, file.metadata.num_columns))))
                yield from (pa.Table.from_batches([batch]).replace_schema_metadata(None) for batch in file.iter_batches(rows))
        elif source.format == "csv" and source.delimiter != WHITESPACE and not source.footer:
            yield from (pa.Table.from_batches([batch]) for batch in _csv(source, part.path))
        elif source.format == "jsonl":
            yield from _lines(part.path)
        else:
            yield _table(source, part)
    except (pa.ArrowInvalid, UnicodeError, csv.Error, *DAMAGED) as error:
        raise _unreadable(source, part.path, error) from error


def _no_rows(path: Path) -> Any:
    raise UsageError("there is a header and no rows", where=str(path), hint="Ask for the file again, or delete it.")


def _csv(source: Source, path: Path) -> Iterator[pa.RecordBatch]:
    """Yield a text file's rows, every field a word. Empty lines are none."""
    import pyarrow as pa
    import pyarrow.csv as pc

    names = numbered(_names(source, path))
    if source.delimiter == WHITESPACE:
        yield from _spaced(source, path, names)
        return
    keys = [str(index) for index in range(len(names))]
    options = {
        "read_options": pc.ReadOptions(
            column_names=keys, skip_rows=source.skip, skip_rows_after_names=int(source.header), encoding=source.encoding, block_size=BLOCK
        ),
        "parse_options": pc.ParseOptions(
            delimiter=source.delimiter, quote_char=source.quote or False, escape_char=source.escape or False, newlines_in_values=True
        ),
        "convert_options": pc.ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=True, null_values=[""]),
    }
    with opened(path) as file:
        reader = pc.open_csv(file, **options)
        for batch in reader:
            if batch.num_rows:
                yield pa.RecordBatch.from_arrays(batch.columns, names=names)


def _spaced(source: Source, path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file whose fields stand apart by any number of spaces."""
    import pandas as pd
    import pyarrow as pa

    with opened(path) as file:
        try:
            frame = pd.read_csv(
                file, sep=r"\s+", header=None, names=names, dtype=str, keep_default_na=False, skiprows=source.skip + int(source.header),
                quotechar=source.quote or '"', encoding=source.encoding, index_col=False,
            )  # fmt: skip
        except pd.errors.ParserError as error:
            raise JobFailed(f"rows of different length: {error}", where=str(path), hint="Mend the row.") from error
    yield from pa.Table.from_pandas(frame, preserve_index=False).cast(pa.schema([(name, pa.string()) for name in names])).to_batches()


def _names(source: Source, path: Path) -> list[str]:
    """Return the fields of a text file's header; without one `column_1` and so on."""
    with opened(path) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig" if source.encoding == "utf-8" else source.encoding, newline="")
        for _ in range(source.skip):
            lines.readline()
        first = next((row for row in rows_of(lines, source) if row), [])
    if not first:
        raise UsageError("the file is empty", where=str(path), hint="Ask for it again.")
    return first if source.header else [f"column_{index + 1}" for index in range(len(first))]


def rows_of(lines: Any, source: Source) -> Iterator[list[str]]:
    """Yield the fields of each row of a text."""
    if source.delimiter == WHITESPACE:
        yield from ([field.strip(source.quote) for field in line.split()] for line in lines)
        return
    quoting: Any = csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE
    yield from csv.reader(
        lines, delimiter=source.delimiter, quotechar=source.quote or None, escapechar=source.escape or None, quoting=quoting
    )


def _parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read().replace_schema_metadata(None)
    except pa.ArrowInvalid as error:
        raise JobFailed(f"not a Parquet file that can be read: {error}", where=str(path), hint="Fetch it again.") from error


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a list in JSON."""
    return _parsed([(1, whole(path).getvalue())], path)


def _lines(path: Path) -> Iterator[pa.Table]:
    """Yield the rows of JSON lines in chunks; a name that only some lines have is a column of each, so the file is read twice."""
    names: dict[str, None] = {}
    for records in _parsed_lines(path):
        names.update(dict.fromkeys(name for record in records for name in record))
    for records in _parsed_lines(path):
        yield from_objects(_columns(records, tuple(names)))


def _parsed_lines(path: Path) -> Iterator[list[dict[str, Any]]]:
    with opened(path) as file:
        lines = enumerate(file, 1)
        while some := list(islice(lines, LINES)):
            yield _parsed(some, path)


def _parsed(lines: Sequence[tuple[int, bytes]], path: Path) -> list[dict[str, Any]]:
    """Return the objects of numbered lines, each an object or a list of them. What is nested gets names joined by a point."""
    records: list[Any] = []
    for number, line in lines:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except ValueError as error:
            raise JobFailed(
                f"line {number}: not JSON: {error}", where=str(path), hint="One object per line, or one list of objects."
            ) from error
        records += found if isinstance(found, list) else [found]
    if not all(isinstance(record, dict) for record in records):
        raise UsageError("the JSON is not a list of objects", where=str(path), hint='As [{"a": 1}, {"a": 2}], or an object per line.')
    return [_flat(record) for record in records]


def _columns(records: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return the values of each name, in the order in which they first come; None where a record has none."""
    found = names or list(dict.fromkeys(name for record in records for name in record))
    return {name: [record.get(name) for record in records] for name in found}


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in record.items():
        made |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return made


def _sheet(source: Source, path: Path) -> dict[str, list[Any]]:
    """Return the columns of an Excel sheet, from its header on."""
    from mlops.datasets.sheets import rows

    found = rows(path, source.sheet)[source.skip :]
    if len(found) < 1 + int(source.header):
        _no_rows(path)
    width = max(map(len, found))
    names = [*map(_cell, found[0])] + [""] * (width - len(found[0])) if source.header else [f"column_{i + 1}" for i in range(width)]
    body = found[int(source.header) : len(found) - source.footer]
    return {name: [row[i] if i < len(row) else None for row in body] for i, name in enumerate(numbered(names))}


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _named(table: pa.Table, source: Source, part: Part) -> pa.Table:
    """Give columns their unique names, and the partition and its keys as columns of their own."""
    import pyarrow as pa

    names = [source.rename.get(name, name) for name in numbered(table.column_names)]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(
            f"two columns are called {twice[0]!r}", where=str(part.path), hint="Give one another name in `rename` of source.yml."
        )
    table = table.rename_columns(names)
    table = table.drop_columns([name for name in source.drop if name in names])
    extra = dict(part.keys or {}) | ({source.partition: part.label} if source.partition and part.label else {})
    for name, value in extra.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    return table


def _same(first: list[str], names: list[str], path: Path) -> None:
    if set(first) != set(names):
        more, less = sorted(set(names) - set(first)), sorted(set(first) - set(names))
        differs = "; ".join(
            [f"has {', '.join(more[:5])}, which the first file has not"] * bool(more) + [f"has no {', '.join(less[:5])}"] * bool(less)
        )
        raise UsageError(
            f"the files are different tables: this one {differs}", where=str(path), hint="Name one file, or a folder of like files."
        )


def _chosen(table: pa.Table, columns: Sequence[str] | None, path: Path) -> pa.Table:
    if columns is None:
        return table
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        from mlops.spec.source import did_you_mean

        raise UsageError(
            f"there is no column {absent[0]!r}", where=str(path), hint=did_you_mean(absent[0], table.column_names, label="columns")
        )
    return table.select(list(columns))


def _unreadable(source: Source, path: Path, error: BaseException) -> Exception:
    """Return the error that a person can act on: which line, and what is wrong there."""
    if isinstance(error, DAMAGED):
        return damaged(path, error)
    if isinstance(error, UnicodeError):
        return UsageError(f"not {source.encoding}: {error}", where=str(path), hint="Say the right `encoding` in source.yml.")
    if source.format == "csv":
        return JobFailed(_odd_row(source, path) or str(error), where=str(path), hint="Mend the row, or ask for the file again.")
    return JobFailed(
        f"it cannot be read as {source.format}: {error}", where=str(path), hint="Fetch it again, or say its `format` in source.yml."
    )


def _odd_row(source: Source, path: Path) -> str:
    """Return which line has another number of fields than the header, or an empty text."""
    width = len(_names(source, path))
    with opened(path) as file:
        lines = io.TextIOWrapper(file, encoding=source.encoding, errors="replace", newline="")
        for _ in range(source.skip):
            lines.readline()
        number = source.skip
        for number, row in enumerate(rows_of(lines, source), source.skip + 1):
            if row and len(row) != width:
                shown = source.delimiter.join(row)[:80]
                return f"row {number:,} has {len(row)} field{'s' * (len(row) != 1)}, and the header has {width}: {shown!r}"
    return ""
