"""The file beside the data that says where they are and how they are read, so that the next month is read as the first one was.

A `Source` is frozen and says only what was decided; `notes` are the reasons, which stand as comments in the file for the person who
wonders. Every mistake is told with its line, as in the other settings files.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.datasets.address import secret
from mlops.files import write_atomic
from mlops.settings import Reader
from mlops.spec.source import Keys, read

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "source.yml"
FORMATS = ("csv", "parquet", "jsonl", "json", "excel", "sql")
WHITESPACE = "whitespace"


@dataclass(frozen=True)
class Note:
    """What was found about a column, or about the file where `about` is a key of it."""

    about: str
    value: str
    sure: str
    """As in `mlops.adopt.plan.SURE`."""
    why: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where data are, and how they are read. Where a field is empty, there is nothing of the kind."""

    path: Path
    """Of the file that says so; what it names is relative to its folder."""
    files: str = ""
    """A pattern of files; what its stars stand for names the partition."""
    url: str = ""
    sha256: str = ""
    database: str = ""
    """SQLAlchemy URL, with `${NAME}` for what is secret."""
    query: str = ""
    table: str = ""
    snapshot: str = ""
    """The Parquet file that holds what the database, or the URL, said; it is read where it is there."""
    format: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    header: bool = True
    skip: int = 0
    """Lines (rows of a sheet) before the header, or before the first row where there is none."""
    footer: int = 0
    """Rows after the last one that is data: sums, remarks."""
    trim: bool = False
    """Whether spaces around a value are the file's and not the value's."""
    sheet: str = ""
    missing: tuple[str, ...] = ()
    """Words that mean that there is no value; an empty field always does."""
    text: tuple[str, ...] = ()
    """Columns that look like numbers and are words: `01234` is no number."""
    dates: Mapping[str, str] = field(default_factory=dict)
    booleans: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    """Name in the header (its nth occurrence as `name#2`) to the unique name that it has from then on."""
    drop: tuple[str, ...] = ()
    """Columns that only number the rows."""
    partition: str = ""
    """The column that is made from what the stars of `files` stand for."""
    notes: tuple[Note, ...] = field(default=(), compare=False)

    @property
    def folder(self) -> Path:
        return self.path.parent


_LISTS = ("missing", "text", "drop")
_TEXTS = (
    "files",
    "url",
    "sha256",
    "database",
    "query",
    "table",
    "snapshot",
    "escape",
    "decimal",
    "encoding",
    "thousands",
    "sheet",
    "partition",
)
_KEYS = tuple(item.name for item in fields(Source) if item.name not in {"path", "notes"})


def read_source(path: Path) -> Source:
    """Read a `source.yml`.

    Raises:
        SpecError: With every mistake at its line.
    """
    reader = Reader(read(path))
    body = reader.mapping((), _KEYS)
    found: dict[str, Any] = {key: reader.text((key,)) for key in _TEXTS if body.get(key)}
    found |= {key: tuple(map(str, _list(reader, (key,)))) for key in _LISTS}
    found |= {key: _letter(reader, (key,)) for key in ("delimiter", "quote") if key in body}
    source = Source(
        path=path,
        format=reader.choice(("format",), FORMATS, "csv"),
        header=reader.truth(("header",), default=True),
        trim=reader.truth(("trim",), default=False),
        skip=reader.whole(("skip",), 0, least=0),
        footer=reader.whole(("footer",), 0, least=0),
        dates=_words(reader, ("dates",)),
        rename=_words(reader, ("rename",)),
        booleans={str(column): _truths(reader, ("booleans", column)) for column in reader.mapping(("booleans",), None)},
        **found,
    )
    _check(reader, source)
    reader.done()
    return source


def _check(reader: Reader, source: Source) -> None:
    places = [key for key in ("files", "url", "database") if getattr(source, key)]
    if len(places) != 1:
        reader.note((), "a source has one of `files`, `url`, `database`", f"Here: {', '.join(places) or 'none'}.")
    if source.database and bool(source.query) == bool(source.table):
        reader.note(("database",), "a database needs either `query` or `table`")
    if secret(source.database) or secret(source.url):
        reader.note(
            ("database",) if source.database else ("url",),
            "a password, token or signature stands in the file",
            "Write ${NAME}: it is taken from the environment.",
        )
    if source.format == "csv" and source.decimal not in {".", ","}:
        reader.note(("decimal",), f"`decimal` is {source.decimal!r}, and must be . or ,")
    if source.format == "csv" and source.decimal == source.thousands:
        reader.note(("thousands",), "`thousands` and `decimal` are the same sign")
    try:
        "".encode(source.encoding)
    except LookupError:
        reader.note(("encoding",), f"unknown encoding {source.encoding!r}", "Such as utf-8, latin-1, cp1252, utf-16.")


def _letter(reader: Reader, keys: Keys) -> str:
    value = reader.get(keys, "")
    if isinstance(value, str) and (
        len(value) == 1 or (keys == ("delimiter",) and value == WHITESPACE) or (keys == ("quote",) and not value)
    ):
        return value
    reader.note(keys, f"`{keys[-1]}` is {value!r}, and must be one character", f"Or `{WHITESPACE}`." if keys == ("delimiter",) else None)
    return ","


def _list(reader: Reader, keys: Keys) -> list[str]:
    value = reader.get(keys, [])
    if isinstance(value, list) and all(isinstance(word, str | int | float) for word in value):
        return value
    reader.note(keys, f"`{keys[-1]}` is {value!r}, and must be a list of words")
    return []


def _words(reader: Reader, keys: Keys) -> dict[str, str]:
    value = reader.mapping(keys, None)
    for key, word in value.items():
        if not isinstance(word, str) or not word:
            reader.note((*keys, key), f"{str(key)!r} needs a word, not {word!r}")
    return {str(key): str(word) for key, word in value.items()}


def _truths(reader: Reader, keys: Keys) -> dict[str, bool]:
    value = reader.mapping(keys, None)
    for key, truth in value.items():
        if not isinstance(truth, bool):
            reader.note((*keys, key), f"{str(key)!r} is {truth!r}, and must be true or false")
    return {str(key): bool(truth) for key, truth in value.items()}


def write(source: Source, path: Path) -> None:
    """Write a source to `path`: what differs from the usual, below the reasons.

    Raises:
        PlatformError: It cannot be written.
    """
    write_atomic(path, text(source))


def text(source: Source) -> str:
    """Return what `write` writes."""
    usual = Source(Path())
    keep = [key for key in _KEYS if getattr(source, key) != getattr(usual, key) or key == "format"]
    if source.format == "csv":
        keep = [key for key in _KEYS if key in keep or key in {"delimiter", "encoding"}]
    body = "".join(_line(key, _plain(getattr(source, key))) for key in keep)
    reasons = "".join(f"#   {_one_line(f'{note.about}: {note.value}, {note.why}')} ({note.sure})\n" for note in source.notes)
    head = "# Where the data are and how they are read (yours).\n" + (f"# How it was decided:\n{reasons}" if reasons else "")
    return head + body


def _line(key: str, value: Any) -> str:
    """Return a key and its value; a list on one line."""
    return yaml.safe_dump(
        {key: value}, sort_keys=False, allow_unicode=True, width=140, default_flow_style=None if isinstance(value, list) else False
    )


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {key: _plain(item) for key, item in value.items()} if hasattr(value, "items") else value
