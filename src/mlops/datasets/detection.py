"""What a person named, worked out: `detect` finds how data are read, and notes how sure that is and why.

First the place and the format, then how text is written, then names, then what the words in each column stand for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops.datasets import reading
from mlops.datasets.columns import numbered, plain
from mlops.datasets.dates import form_of
from mlops.datasets.dialect import dialect, has_header
from mlops.datasets.footer import ended
from mlops.datasets.parts import sample
from mlops.datasets.places import Place, place
from mlops.datasets.size import size_of
from mlops.datasets.source import FILE, Note, Source
from mlops.datasets.values import NEVER_VALUES, PERHAPS, Way, codes, markers, truths, way_of
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

SAMPLE = 2**18


def detect(data: str, *, folder: Path, day_first: bool | None = None) -> Source:
    """Return how data are read.

    Args:
        data: A file, a folder of partitions, a pattern, a URL, or a database URL with `#table` or `#SELECT ...`; of a workbook `#sheet`.
        folder: Where the source.yml would stand. What a database says is kept there (`snapshot`), for as long as the source is read.
        day_first: How 03/04/2020 is read where the values allow both.

    Raises:
        UsageError: It is not there, or no table.
        JobFailed: It is damaged.
        PlatformError: It cannot be reached.
    """
    return detected(data, folder=folder, day_first=day_first)[0]


def detected(data: str, *, folder: Path, day_first: bool | None = None) -> tuple[Source, pa.Table]:
    """Return how data are read, and what was read under unique names, as `reading.raw` gives it. Raises as `detect`."""
    found = place(data)
    source = _written(found, folder / FILE)
    header = _header(source, found)
    if source.partition in header:
        source = replace(source, partition="partition")
    source = named(source, header)
    _fits(source, data)
    table = reading.raw(source)
    source = ended(source, table)
    table = reading.raw(source) if source.footer else table
    if not table.num_rows:
        raise UsageError("there is a header and no rows", where=data, hint="Ask for the file again.")
    _no_second_header(source, table)
    gone, note = _numbers_only(table)
    source = replace(source, drop=gone, notes=(*source.notes, *note))
    table = table.drop_columns(list(gone))
    return understood(source, table, day_first=day_first), table


def _written(found: Place, path: Path) -> Source:
    """Return the source of a place: its format, and how its text or sheet is written."""
    notes = found.notes
    source = Source(
        path, found.files, found.url, "", found.database, found.query, found.table,
        snapshot="snapshot.parquet" if found.database else "", format=found.format, partition=found.partition, notes=notes,
    )  # fmt: skip
    if found.url and found.first is not None:
        source = replace(source, sha256=found.first.parent.name)
    if found.format == "csv" and found.first is not None:
        head = sample(found.first, SAMPLE)
        text = dialect(head, whole=len(head) < SAMPLE, where=str(found.first))
        return replace(
            source, encoding=text.encoding, delimiter=text.delimiter, quote=text.quote, escape=text.escape, skip=text.skip,
            header=text.header, trim=text.trim, notes=(*notes, *text.notes),
        )  # fmt: skip
    if found.format == "excel" and found.first is not None:
        return _sheet(source, found.first)
    return source


def _sheet(source: Source, path: Path) -> Source:
    """Return the source with the sheet that holds most, and where its table begins."""
    from mlops.datasets.sheets import names, rows

    given = next((note.value for note in source.notes if note.about == "sheet"), "")
    every = {name: rows(path, name) for name in ([given] if given else names(path))}
    filled = {name: sum(cell is not None for row in body for cell in row) for name, body in every.items()}
    name = max(filled, key=lambda key: filled[key])
    body = every[name]
    widths = [sum(cell is not None and cell != "" for cell in row) for row in body]
    usual = sorted(widths)[len(widths) // 2] if widths else 0
    skip = next((index for index, width in enumerate(widths) if width >= max(1, 0.8 * usual)), 0)
    head = [["" if cell is None else str(cell) for cell in row] for row in body[skip : skip + 200]]
    header, why = has_header(head) if head else (True, "it is empty")
    notes = (
        source.notes
        if given or len(every) == 1
        else (*source.notes, Note("sheet", name, "likely", f"{filled[name]:,} cells, the most", tuple(set(every) - {name})))
    )
    notes = (*notes, Note("header", f"row {skip + 1}" if header else "none", "likely", why))
    return replace(source, sheet=name if len(every) > 1 or given else "", skip=skip, header=header, notes=notes)


def _header(source: Source, found: Place) -> list[str]:
    if source.database:
        return _asked(source)
    assert found.first is not None  # noqa: S101
    return reading.header(source, found.first)


def _fits(source: Source, data: str) -> None:
    """Refuse a table that is looked at whole and does not fit.

    Raises:
        UsageError: With what to do instead.
    """
    size = size_of(source)
    if size.large:
        hint = "Take a part of it: a pattern such as 'months/2013-0*.parquet', a sample of the rows, a query with LIMIT. Or more memory, where it is there."
        raise UsageError(size.told("the table", "too large to be looked at whole"), where=data, hint=hint)


def _asked(source: Source) -> list[str]:
    """Write what a database says beside the source, once: what is trained on does not change while it is looked at."""
    import pyarrow.parquet as pq

    from mlops.datasets.database import query

    table = query(source)
    pq.write_table(table, source.folder / source.snapshot, compression="zstd")
    return list(table.column_names)


def named(source: Source, header: list[str]) -> Source:
    """Return the source with the names that must change: empty ones, the second of two, spaces around."""
    rename: dict[str, str] = {}
    taken = {name for name in header if name == _clean(name)}
    for index, (raw, name) in enumerate(zip(numbered(header), header, strict=True)):
        wanted = _clean(name) or f"column_{index + 1}"
        if raw == wanted:
            continue
        number, made = 1, wanted
        while made in taken or made in rename.values():
            number += 1
            made = f"{wanted}_{number}"
        rename[raw] = made
    notes = tuple(
        Note(new, f"renamed from {raw!r}", "certain", "a name is unique, not empty, and has no space around") for raw, new in rename.items()
    )
    return replace(source, rename=rename, notes=(*source.notes, *notes[:20]))


def _clean(name: str) -> str:
    return " ".join(name.replace("\ufeff", "").split())


def _back(source: Source, table: pa.Table) -> list[str]:
    old = {new: raw for raw, new in source.rename.items()}
    return [old.get(name, name) for name in table.column_names]


def _no_second_header(source: Source, table: pa.Table) -> None:
    """Refuse a text in which the header is there again as a row, as where files were joined.

    Raises:
        UsageError: With the row.
    """
    import pyarrow.compute as pc

    if source.format != "csv" or not source.header:
        return
    old = dict(zip(table.column_names, _back(source, table), strict=True))
    rows = None
    for name in [name for name in table.column_names if name != source.partition and old[name]][:5]:
        same = pc.equal(table.column(name).cast("string"), old[name].split("#")[0])
        rows = same if rows is None else pc.and_(rows, same)
    if rows is not None and table.num_columns > 1 and pc.any(rows).as_py():
        count = pc.sum(rows).as_py()
        row = pc.index(rows, True).as_py() + 1
        where = str(source.folder / source.files)
        raise UsageError(f"row {row:,} repeats the header{f' ({count:,} rows do)' if count > 1 else ''}", where=where, hint="Delete it.")


def _numbers_only(table: pa.Table) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Return the columns without a name of their own that only count the rows, or are empty."""
    gone, notes = [], []
    for index, name in enumerate(table.column_names):
        unnamed = name == f"column_{index + 1}" or name.startswith(("Unnamed: ", "__index_level_"))
        if not unnamed or table.num_columns == 1:
            continue
        column = table.column(index)
        if column.null_count == len(column):
            gone.append(name)
            notes.append(Note(name, "left out", "certain", "it has no name and no value"))
        elif index in {0, table.num_columns - 1} and (start := _counts(column)) is not None and not _headless(table):
            gone.append(name)
            notes.append(Note(name, "left out", "certain", f"it has no name and counts the rows from {start} to {start + len(column) - 1}"))
    return tuple(gone), tuple(notes)


def _headless(table: pa.Table) -> bool:
    return all(name == f"column_{index + 1}" for index, name in enumerate(table.column_names))


def _counts(column: pa.ChunkedArray) -> int | None:
    """Return from where a column counts up by one, or None where it does not."""
    import numpy as np
    import pyarrow as pa

    try:
        values = column.cast(pa.int64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    start = int(values[0]) if len(values) and not column.null_count else -1
    return start if start in {0, 1} and bool((np.diff(values) == 1).all()) else None


def understood(source: Source, table: pa.Table, *, day_first: bool | None = None) -> Source:
    """Return the source with what the words of each column stand for."""
    import pyarrow as pa

    columns = {name: plain(table.column(name)) for name in table.column_names}
    plainly = {name: why for name, column in columns.items() if (why := plain_number(column)) is not None}
    words = {name: _distinct(column) for name, column in columns.items() if pa.types.is_string(column.type) and name not in plainly}
    way, counts = way_of(words)
    counts = {key: count + len(plainly) * key.startswith("decimal .") for key, count in counts.items()}
    missing: dict[str, str] = {}
    text = [name for name, why in plainly.items() if why]
    notes = [Note(name, "kept as text", "certain", plainly[name]) for name in text]
    dates, booleans = {}, {}
    for name, values in words.items():
        known = _one(values, way, day_first)
        for word in known.markers:
            missing.setdefault(word, name)
        notes += [Note(name, note.value, note.sure, note.why, note.others) for note in known.notes]
        if known.text:
            text.append(name)
        if known.form:
            dates[name] = known.form
        if known.truths:
            booleans[name] = known.truths
    if way != Way():
        notes.append(_numbers_note(way, counts))
    notes += [
        Note("missing", repr(word), "likely", f"it stands for no value, first in column {column}") for word, column in missing.items()
    ]
    return replace(
        source, decimal=way.decimal, thousands=way.thousands, missing=tuple(missing), text=tuple(text), dates=dates, booleans=booleans,
        notes=(*source.notes, *notes),
    )  # fmt: skip


def _numbers_note(way: Way, counts: Mapping[str, int]) -> Note:
    best = counts[f"decimal {way.decimal} thousands {way.thousands or 'none'}"]
    others = [key for key, count in counts.items() if count == best and not key.startswith(f"decimal {way.decimal} ")]
    why = f"{best} column{'s are' if best > 1 else ' is'} numbers so, {counts['decimal . thousands none']} with a point alone"
    return Note("numbers", f"decimal {way.decimal!r}, thousands {way.thousands!r}", "unsure" if others else "likely", why, tuple(others))


def plain_number(column: pa.ChunkedArray) -> str | None:
    """Return None where a column of words holds other things than numbers with a point, and else why they are words all the same, or an empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type) or column.null_count == len(column):
        return None
    try:
        column.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    odd = pc.match_substring_regex(column, r"^(?:0[0-9]+|[-+]?[0-9]{16,})$")
    return codes(_distinct(column)) if pc.any(odd).as_py() else ""


def _distinct(column: pa.ChunkedArray) -> pd.Series:
    """Return the distinct words of a column, without empty ones."""
    import pyarrow.compute as pc

    values: pd.Series = pc.unique(column).to_pandas().astype("str").dropna()
    return values[values.str.strip() != ""].reset_index(drop=True)


class _Known:
    """What was found out about one column of words."""

    def __init__(self) -> None:
        self.markers: tuple[str, ...] = ()
        self.text = False
        self.form = ""
        self.truths: dict[str, bool] = {}
        self.notes: list[Note] = []


def _one(values: pd.Series, way: Way, day_first: bool | None) -> _Known:
    known = _Known()
    if values.empty:
        return known
    bare = values.str.strip()
    odd = bare.isin([*NEVER_VALUES, *PERHAPS])
    rest, marks = values[~odd], tuple(sorted(bare[odd]))
    always = tuple(mark for mark in marks if mark in NEVER_VALUES)
    first = rest.head(200)
    numeric = values.str.fullmatch(way.shape) if first.str.fullmatch(way.shape).any() else odd & False
    if numeric.all() or (numeric.sum() and markers(values, numeric)):
        known.markers = markers(values, numeric)
        reason = codes(values[numeric])
        if reason:
            known.text, known.notes = True, [Note("", "kept as text", "certain", reason)]
        return known
    known.notes = _mixed(values, numeric)
    if len(rest) and (form := form_of(rest, day_first=day_first)) is not None:
        known.form, known.markers = form.form, marks
        known.notes = [Note("", f"times, {form.form}", form.sure, form.why, form.others)]
    elif len(rest) == 2 and (found := truths(list(rest))) is not None:
        known.truths, known.markers = found, marks
        known.notes = [Note("", f"{' / '.join(found)} is true / false", "certain", "these are its only values")]
    else:
        known.markers = always
    return known


def _mixed(values: pd.Series, numeric: pd.Series) -> list[Note]:
    """Return the word about a column of numbers among which a few are none."""
    count = int((~numeric).sum())
    if len(values) < 20 or not 0 < count <= 0.1 * len(values):
        return []
    why = f"{count:,} of {len(values):,} different values are no numbers, as {values[~numeric].iloc[0]!r:.40}"
    return [Note("", "words, and mostly numbers", "unsure", why, ("number",))]
