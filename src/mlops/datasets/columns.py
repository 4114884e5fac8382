"""From what a file holds to columns with a type: words that mean missing, numbers as they are written here, times by their form, truth in words.

Everything is done on whole Arrow columns. A column of words becomes whole numbers or numbers where all of its values are; what the contract
declares (`types`) goes before what the values look like, so that a month in which every code happens to be a number is read as the others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops.datasets.values import SIGNS, shape
from mlops.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from mlops.datasets.source import Source

EXACT = 2**53
"""Beyond this a double does not tell two whole numbers apart."""


def numbered(names: Iterable[str]) -> list[str]:
    """Return names in which the nth occurrence of one is `name#n`."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return made


def from_objects(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Return Python values as an Arrow table; a column of several kinds becomes words."""
    import pyarrow as pa

    return pa.table([_array(values) for values in columns.values()], names=list(columns))


def _array(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if (len(kinds) > 1 and not kinds <= {int, float}) or kinds & {dict, list}:
        return pa.array([None if value is None else in_words(value) for value in values], pa.string())
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([None if value is None else in_words(value) for value in values], pa.string())


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return chunks made by `from_objects` as one table, with the types that all of their values together have; a column may be in some of them only."""
    import pyarrow as pa

    def number(kind: pa.DataType) -> bool:
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))

    if not tables:
        return pa.table({})
    kinds: dict[str, set[pa.DataType]] = {}
    for field in (field for table in tables for field in table.schema):
        kinds.setdefault(field.name, set()).update({field.type} - {pa.null()})
    mixed = {name for name, found in kinds.items() if len(found) > 1 and not all(map(number, found))}
    alike = [_worded(table, mixed) for table in tables]
    return pa.concat_tables(alike, promote_options="permissive")


def _worded(table: pa.Table, names: set[str]) -> pa.Table:
    import pyarrow as pa

    for name in names & set(table.column_names):
        values = [None if value is None else in_words(value) for value in table.column(name).to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    return table


def in_words(value: Any) -> str:
    """Return a value as a text file would hold it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of one of five types: words, whole numbers, numbers, truth, times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    types = pa.types
    if types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if types.is_string(kind) or types.is_boolean(kind) or types.is_timestamp(kind):
        return column
    if types.is_integer(kind):
        large = column.null_count and len(column) and (pc.max(pc.abs_checked(column.cast(pa.float64()))).as_py() or 0) > EXACT
        return column.cast(pa.string() if large or (types.is_uint64(kind) and not _fits(column)) else pa.int64())
    if types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind):
        return column.cast(pa.float64())
    if types.is_date(kind):
        return column.cast(pa.timestamp("ms")).cast(pa.timestamp("us"))
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_time(kind):
        return column.cast(pa.string())
    return pa.chunked_array([pa.array([None if v is None else in_words(v) for v in column.to_pylist()], pa.string())])


def _fits(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return bool((pc.max(column).as_py() or 0) < 2**63)


def typed(table: pa.Table, source: Source, types: Mapping[str, str] | None = None, *, where: str = "") -> pd.DataFrame:
    """Return the table with the types that source and contract say, and else those that its words show.

    Args:
        table: As it was read, under unique names.
        source: How values are written.
        types: Column to ODCS logicalType; a column that it does not name gets the type of its values.
        where: What an error calls the place.

    Returns:
        int64, float64, bool (`boolean` where one is missing), datetime64 and str columns.

    Raises:
        JobFailed: A value is not of the type that is declared.
    """
    import pandas as pd

    made = {name: as_pandas(column) for name, column in arrays(table, source, types, where=where).items()}
    return pd.DataFrame(made, index=pd.RangeIndex(table.num_rows))


def arrays(table: pa.Table, source: Source, types: Mapping[str, str] | None = None, *, where: str = "") -> dict[str, pa.ChunkedArray]:
    """Return the columns with their types, as Arrow has them. Arguments and errors as of `typed`."""
    made = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            made[name] = declared(words(plain(column), source), name, source, (types or {}).get(name))
        except ValueError as error:
            raise JobFailed(
                f"column {name}: {error}", where=where, hint="Mend the value, or what the contract or source.yml says of it."
            ) from None
    return made


def words(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Return a column of words without those that mean missing; any other as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return column
    bare = pc.utf8_trim_whitespace(column)
    gone = pc.is_in(bare, value_set=pa.array(["", *source.missing]))
    return pc.if_else(gone, pa.scalar(None, pa.string()), bare if source.trim else column)


def declared(column: pa.ChunkedArray, name: str, source: Source, kind: str | None) -> pa.ChunkedArray:
    """Return a column as what is declared for it.

    Raises:
        ValueError: A value does not fit; it says which row (from 1) and value.
    """
    import pyarrow as pa

    is_text = pa.types.is_string(column.type)
    if is_text and name in source.booleans:
        return _truth(column, source.booleans[name])
    if is_text and name in source.dates:
        return times(column, source.dates[name])
    if is_text and kind in {"timestamp", "date"}:
        return times(column, "ISO8601")
    if is_text and (name in source.text or kind == "string"):
        return column
    if kind == "string":
        return column.cast(pa.string())
    if kind == "boolean" and is_text:
        return _truth(column, {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False})
    if kind in {"integer", "number"}:
        found = number(column, source) if is_text else column
        if pa.types.is_string(found.type):
            raise _unfit(column, number_or_null(column, source), kind)
        return _whole(found) if kind == "integer" else found.cast(pa.float64())
    return number(column, source) if is_text else column


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return it as whole numbers; a number with a fraction, or a missing one, stays as it is: the contract judges that."""
    import pyarrow as pa

    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def number(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Return a column of words as whole numbers or numbers where every one is; else as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return column.cast(pa.float64()) if len(column) else column
    bare = pc.utf8_trim_whitespace(column)
    found = _cast(bare) if source.decimal == "." else None
    if found is None and pc.all(pc.match_substring_regex(bare, f"^{shape(source.decimal, source.thousands)}$")).as_py():
        found = _cast(digits(bare, source))
    return column if found is None else found


def _cast(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    import pyarrow as pa

    for kind in (pa.int64(), pa.float64()):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def number_or_null(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Return a column of words as numbers, with null for each that is none."""
    import pandas as pd
    import pyarrow as pa

    clean = digits(column, source).to_pandas().astype(object)
    return pa.chunked_array([pa.array(pd.to_numeric(clean, errors="coerce").astype("float64"), pa.float64(), from_pandas=True)])


def digits(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Return words with numbers as a program writes them: a point, no thousands, no plus, no sign of money or percent (12 % is 12)."""
    import pyarrow.compute as pc

    column = pc.utf8_trim_whitespace(column)
    if source.thousands:
        column = pc.replace_substring(column, source.thousands, "")
    if source.decimal != ".":
        column = pc.replace_substring(column, source.decimal, ".")
    return pc.replace_substring_regex(column, SIGNS, "")


def times(column: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Return a column of words as times of a form (of `strptime`, or ISO8601); with a zone they are in UTC.

    Raises:
        ValueError: A value has another form.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = pc.utf8_trim_whitespace(column)
    distinct = pc.unique(bare.combine_chunks() if bare.num_chunks else bare).to_pandas()
    zoned = form.endswith("%z") or (form == "ISO8601" and bool(distinct.dropna().str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any()))
    parsed = pd.to_datetime(distinct.astype(object), format=form, errors="coerce", utc=zoned)
    wrong = distinct[parsed.isna() & distinct.notna()]
    if len(wrong):
        row = pc.index(bare, wrong.iloc[0]).as_py() + 1
        raise ValueError(f"row {row}: {wrong.iloc[0][:80]!r} is not a time of the form {form}")
    values = pa.array(parsed.dt.as_unit("us"), from_pandas=True)
    index = pc.index_in(bare, value_set=pa.array(distinct, pa.string(), from_pandas=True))
    return (
        values.take(index) if isinstance(index, pa.Array) else pa.chunked_array([values.take(chunk) for chunk in index.chunks], values.type)
    )


def _truth(column: pa.ChunkedArray, truths: Mapping[str, bool]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = pc.utf8_trim_whitespace(column)
    index = pc.index_in(bare, value_set=pa.array(list(truths), pa.string()))
    values = pa.array(list(truths.values()), pa.bool_())
    found = pa.chunked_array([values.take(chunk) for chunk in index.chunks], pa.bool_())
    if found.null_count != column.null_count:
        raise _unfit(column, found, f"one of {', '.join(truths)}")
    return found


def _unfit(column: pa.ChunkedArray, found: pa.ChunkedArray, wanted: str) -> ValueError:
    import pyarrow.compute as pc

    wrong = pc.and_(pc.is_null(found.combine_chunks()), pc.is_valid(column.combine_chunks()))
    row = pc.index(wrong, True).as_py()
    count = pc.sum(wrong).as_py()
    value = column[row].as_py() if row >= 0 else ""
    return ValueError(f"row {row + 1:,}: {value[:80]!r} is not {wanted}" + (f" ({count:,} rows are not)" if (count or 0) > 1 else ""))


def as_pandas(column: pa.ChunkedArray) -> pd.Series:
    """Return a column as pandas has it; truth with missing values is `boolean`, so that Parquet gives it back."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type) and column.null_count:
        import pandas as pd

        return pd.Series(pd.array(column.to_pylist(), dtype="boolean"))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    made: pd.Series = column.to_pandas()
    return made.astype("str") if pa.types.is_string(column.type) and made.dtype == object else made
