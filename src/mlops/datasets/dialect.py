"""How a text file is written: its encoding, what stands between fields, quotes, where the header is. From its first bytes, no more."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlops.datasets.source import WHITESPACE, Note
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = (",", ";", "\t", "|", "~", "^", ":")
_NUMBER = re.compile(r"\s*[-+]?(\d[\d.,' ]*|[.,]\d+)([eE][-+]?\d+)?\s*%?")
_ROWS = 200


@dataclass(frozen=True)
class Dialect:
    encoding: str
    delimiter: str
    quote: str
    escape: str
    skip: int
    header: bool
    trim: bool
    notes: tuple[Note, ...]


def dialect(data: bytes, *, whole: bool, where: str) -> Dialect:
    """Return how a text is written, from its first bytes (`whole`: from all of them).

    Raises:
        UsageError: It is empty, or it is no text.
    """
    encoding, note = encoding_of(data, where)
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(data, final=whole)
    except UnicodeError as error:
        raise UsageError(f"not {encoding} after all: {error}", where=where, hint="Save it as UTF-8.") from error
    text = text.removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines = lines[:-1]
    if not any(line.strip() for line in lines):
        raise UsageError("the file is empty", where=where, hint="Ask for it again.")
    delimiter, quote, escape, skip, why = _fields(lines)
    rows = list(_rows(lines[skip:], delimiter, quote, escape))
    header, reason = has_header(rows)
    spaced = (
        delimiter not in {WHITESPACE, "\t"}
        and all(field.startswith(" ") for row in rows[:50] for field in row[1:] if field)
        and len(rows[0]) > 1
    )
    shown = {"\t": "tab", " ": "space"}.get(delimiter, delimiter)
    notes = [
        Note("delimiter", shown, "certain" if len(rows[0]) > 1 else "likely", why),
        Note("header", "yes" if header else "no", "likely", reason),
    ]
    return Dialect(encoding, delimiter, quote, escape, skip, header, spaced, (*([note] if note else []), *notes))


def encoding_of(data: bytes, where: str) -> tuple[str, Note | None]:
    """Return the encoding of a text, and a note where it is not plain UTF-8."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name, None if name == "utf-8" else Note("encoding", name, "certain", "the file's first bytes say so")
    if b"\x00" in data[:4096]:
        raise UsageError(
            "it is no table: there are zero bytes in it", where=where, hint="CSV, Parquet, JSON lines, Excel and SQLite are read."
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _guessed(data)
    return "utf-8", None


def _guessed(data: bytes) -> tuple[str, Note]:
    """Return the best guess of an encoding of one byte a letter; the Windows form of Latin where nothing speaks against it."""
    from charset_normalizer import from_bytes

    odd = sum(byte > 127 for byte in data)
    try:
        data.decode("cp1252")
        common = "cp1252"
    except UnicodeDecodeError:
        common = "latin-1"
    best = from_bytes(
        data[:200_000], cp_isolation=["cp1252", "cp1250", "cp1251", "latin-1", "gb18030", "shift_jis", "euc_kr", "big5", "cp932"]
    ).best()
    found = best.encoding if best is not None else common
    if found in {"latin_1", "cp1252", "cp1250"} and odd < 0.2 * len(data):
        found = common
    return found, Note("encoding", found, "likely", f"it is not UTF-8, and its {odd:,} other bytes read best so", ("cp1252", "latin-1"))


def _fields(lines: list[str]) -> tuple[str, str, str, int, str]:
    """Return delimiter, quote, escape, lines before the table, and why."""
    scored = []
    for delimiter in (*_DELIMITERS, WHITESPACE):
        rows = list(_rows(lines[:_ROWS], delimiter, '"', ""))
        widths = [len(row) for row in rows if row]
        width, count = _common(widths)
        if width > 1:
            scored.append((count / len(widths), width, delimiter))
    best = max(scored, key=lambda item: (round(item[0], 2) - 0.15 * (item[2] in {WHITESPACE, ":"}), item[1]), default=None)
    if best is None or best[0] < 0.6:
        return _clever(lines)
    share, width, delimiter = best
    rows = list(_rows(lines[:_ROWS], delimiter, '"', ""))
    skip = _preamble(lines[:_ROWS], delimiter, width)
    escape = "\\" if any('\\"' in line for line in lines[:_ROWS]) else ""
    names = next(_rows(lines[skip : skip + 1], delimiter, '"', ""), [])
    quote = "'" if names and all(re.fullmatch("'[^']+'", name) for name in names) else '"'
    return delimiter, quote, escape, skip, f"{width} fields in {share:.0%} of the first {len(rows)} rows"


def _common(widths: list[int]) -> tuple[int, int]:
    return Counter(widths).most_common(1)[0] if widths else (0, 0)


def _clever(lines: list[str]) -> tuple[str, str, str, int, str]:
    """Ask clevercsv, which weighs patterns and types; a file of one column has no delimiter, and gets the comma."""
    import clevercsv

    try:
        found = clevercsv.Sniffer().sniff("".join(lines[:60])[:8000], delimiters=",;\t|~^")
    except (clevercsv.exceptions.Error, ValueError):
        found = None
    if found is None or not found.delimiter:
        return ",", '"', "", 0, "there is one column"
    return found.delimiter, '"', "", 0, "by the pattern of its rows"


def _preamble(lines: list[str], delimiter: str, width: int) -> int:
    """Return how many lines stand before the first row that is as wide as the table."""
    for number, line in enumerate(lines):
        row = next(_rows([line], delimiter, '"', ""), [])
        if len(row) >= width or (line.count('"') % 2 and number == 0):
            return number
    return 0


def _rows(lines: list[str], delimiter: str, quote: str, escape: str) -> Iterator[list[str]]:
    if delimiter == WHITESPACE:
        yield from (line.split() for line in lines)
        return
    yield from (row for row in csv.reader(lines, delimiter=delimiter, quotechar=quote or None, escapechar=escape or None) if row)


def has_header(rows: list[list[str]]) -> tuple[bool, str]:
    """Return whether the first row names the columns, and why."""
    first, rest = rows[0], rows[1:_ROWS]
    if not rest:
        return True, "there is one row"
    numbers = [field for field in first if is_number(field)]
    if not numbers:
        if len(set(first)) < len(first) and _like_the_rest(first, rest):
            return False, "the first row repeats values, as the others do"
        return True, "no field of the first row is a number"
    bodies = [[row[i] for row in rest if i < len(row) and row[i].strip()] for i in range(len(first))]
    same = sum(
        is_number(field) and bool(body) and sum(map(is_number, body)) >= 0.8 * len(body) for field, body in zip(first, bodies, strict=True)
    )
    years = all(re.fullmatch(r"\s*(19|20)\d\d\s*", field) for field in numbers) and len(numbers) < len(first)
    ordered = _counts_up(numbers) and len(numbers) > 2
    if years or (ordered and len(numbers) >= len(first) - 1) or same < 0.5 * len(numbers):
        return True, "the numbers in the first row are names (years, or counted)"
    return False, f"{len(numbers)} of {len(first)} fields of the first row are numbers, as those below"


def _counts_up(fields: list[str]) -> bool:
    values = [float(field) for field in fields if re.fullmatch(r"\s*\d+\s*", field)]
    return len(values) == len(fields) and all(b - a == 1 for a, b in pairwise(values))


def _like_the_rest(first: list[str], rest: list[list[str]]) -> bool:
    """Return whether most fields of the first row are among the values of their column."""
    seen = sum(any(i < len(row) and row[i] == field for row in rest) for i, field in enumerate(first))
    return seen >= 0.5 * len(first)


def is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field) is not None
