"""Where data are that a person names in one word: a file, a folder of partitions, a URL, a database with `#table` or `#SELECT ...`."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets.address import secret
from mlops.datasets.parts import sample
from mlops.datasets.source import Note
from mlops.errors import UsageError
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".data": "csv", ".dat": "csv", ".parquet": "parquet", ".pq": "parquet", ".parq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel",
}  # fmt: skip
_PACKED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DATABASE = re.compile(r"(sqlite|postgres(ql)?|mysql|mariadb|oracle|mssql|duckdb)(\+\w+)?://", re.IGNORECASE)
_SQLITE = b"SQLite format 3\x00"
_CUT = re.compile(r"(?:(?:19|20)\d\d[-_.]?)?\d*$")
"""Of what the names of partitions begin with alike, the digits belong to what differs: 2013-1 of 2013-11 and 2013-12."""
_MONTH, _DAY, _YEAR = (
    re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])"),
    re.compile(r"(19|20)\d\d[-_.]?\d\d[-_.]?\d\d"),
    re.compile(r"(19|20)\d\d"),
)


@dataclass(frozen=True)
class Place:
    """Where data are; the fields are those of a `Source`."""

    files: str = ""
    url: str = ""
    database: str = ""
    query: str = ""
    table: str = ""
    partition: str = ""
    format: str = ""
    first: Path | None = None
    """A file to look at."""
    notes: tuple[Note, ...] = ()


def place(data: str) -> Place:
    """Return where data are.

    Raises:
        UsageError: There is nothing there, several things are meant, or a password is written out.
        PlatformError: It cannot be reached.
    """
    if not data.strip():
        raise UsageError("no data named", hint="A file, a folder, a URL, or a database with #table.")
    if secret(data):
        hint = "Put it into a variable, and write ${NAME} in its place: 'postgresql://user:${NAME}@host/database#table'"
        raise UsageError("a password, token or signature in a URL would be written into a file", hint=hint)
    if _DATABASE.match(data):
        return _database(data)
    if _URL.match(data) and not data.startswith("file://"):
        from mlops.datasets.elsewhere import fetch

        local = fetch(data)
        return Place(url=data, first=local, format=format_of(local))
    path = Path(data.removeprefix("file://")).expanduser()
    if path.is_dir():
        return _folder(path.absolute())
    bare, _, part = data.partition("#")
    if not path.exists() and part and Path(bare).is_file():
        path = Path(bare)
    if not path.exists() and any(sign in data for sign in "*?["):
        return _among(sorted(Path(name).absolute() for name in glob.glob(data, recursive=True)), Path(data).absolute(), data)
    if not path.is_file():
        raise UsageError(f"there is no file or folder {data!r}", hint=_near(path))
    if sample(path, 16) == _SQLITE:
        return _database(f"sqlite:///{path.absolute()}#{part}")
    kind = format_of(path)
    note = (Note("sheet", part, "given", "you named it"),) if kind == "excel" and part else ()
    return Place(files=str(path.absolute()), first=path.absolute(), format=kind, notes=note)


def format_of(path: Path) -> str:
    """Return the format of one file, by its first bytes.

    Raises:
        UsageError: It is empty, or of a kind that is not read.
    """
    head = sample(path, 4096)
    if not head.strip():
        raise UsageError("the file is empty", where=str(path), hint="Ask for it again.")
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = next((suffix for suffix in reversed(path.suffixes) if suffix.lower() not in _PACKED), "").lower()
    if _SUFFIXES.get(suffix) == "excel":
        return "excel"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"{" and suffix in {".json", ".jsonl", ".ndjson", ""}:
        return "jsonl"
    if start[:1] == b"[" and suffix != ".csv":
        return "json"
    if start[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"%pdf", b"\x80\x04", b"\x80\x05")):
        raise UsageError(
            "it is a page or a document, and no table", where=str(path), hint="CSV, Parquet, JSON lines, Excel and SQLite are read."
        )
    if re.search(rb"^@relation\s[^@]*^@attribute\s", head, re.IGNORECASE | re.MULTILINE):
        raise UsageError(
            "it is an ARFF file", where=str(path), hint="Save it as CSV: pandas.DataFrame(scipy.io.arff.loadarff(FILE)[0]).to_csv(...)"
        )
    return "csv"


def _near(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    return did_you_mean(path.name, sorted(os.listdir(folder))[:20], label=f"in {folder}")


def _database(data: str) -> Place:
    url, _, what = data.partition("#")
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = f"sqlite:///{Path(url.removeprefix('sqlite:///')).absolute()}"
    if re.match(r"\s*(select|with)\b", what, re.IGNORECASE):
        return Place(database=url, query=what.strip(), format="sql")
    if not what:
        from mlops.datasets.database import tables

        known = tables(url)
        if len(known) != 1:
            raise UsageError(
                f"which of the {len(known)} tables?",
                where=url,
                hint=f"Write {url}#TABLE, or #SELECT ...: {', '.join(known[:20]) or 'there is none'}",
            )
        what = known[0]
    return Place(database=url, table=what, format="sql")


def _folder(folder: Path) -> Place:
    found = [
        Path(root) / name
        for root, _, names in os.walk(folder)
        for name in names
        if not any(part.startswith((".", "_")) for part in (Path(root) / name).relative_to(folder).parts) and _kind(name)
    ]
    if not found:
        raise UsageError(
            "there are no data files in the folder", where=str(folder), hint="Name the file, or rename: .csv, .parquet, .jsonl, .xlsx."
        )
    return _among(sorted(found), folder, str(folder))


def _kind(name: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() not in _PACKED]
    return _SUFFIXES.get(suffixes[-1], "") if suffixes and not name.upper().startswith(("README", "LICENSE", "SHA256SUMS")) else ""


def _among(files: Sequence[Path], folder: Path, shown: str) -> Place:
    """Return the place of several files that are one table in parts."""
    if not files:
        raise UsageError("there is no file like this", where=shown)
    kinds = Counter(_kind(path.name) or format_of(path) for path in files)
    if len(kinds) > 1:
        listing = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        raise UsageError(f"the files are of several formats: {listing}", where=shown, hint="Name one, or a pattern such as '*.csv'.")
    if len(files) == 1:
        return Place(files=str(files[0]), first=files[0], format=format_of(files[0]))
    base = folder if folder.is_dir() else Path(os.path.commonpath([path.parent for path in files]))
    names = [path.relative_to(base).as_posix() for path in files]
    pattern, labels = pattern_of(names)
    hive = all("=" in name for name in names)
    name = "" if hive or not labels else _called(labels)
    note = Note("partition", name or "the folders' name=value", "likely", f"{len(files)} files, {names[0]} to {names[-1]}")
    return Place(files=f"{base}/{pattern}", first=files[0], format=format_of(files[0]), partition=name, notes=(note,))


def pattern_of(names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the pattern of names of files with a star for what differs, and what that is in each; no label where only folders differ in depth."""
    depths = {name.count("/") for name in names}
    if len(depths) > 1 or any("=" in name for name in names):
        suffixes = {"".join(Path(name).suffixes[-2:]) if Path(name).suffix in _PACKED else Path(name).suffix for name in names}
        return f"**/*{suffixes.pop()}" if len(suffixes) == 1 else "**/*", []
    pieces: list[str] = []
    labels: list[list[str]] = [[] for _ in names]
    for level in zip(*(name.split("/") for name in names), strict=True):
        if len(set(level)) == 1:
            pieces.append(level[0])
            continue
        before = _alike(level)
        before = _CUT.sub("", before)
        after = _alike([word[len(before) :][::-1] for word in level])[::-1]
        after = after.lstrip("0123456789-")
        pieces.append(f"{before}*{after}")
        for label, word in zip(labels, level, strict=True):
            label.append(word[len(before) : len(word) - len(after)])
    return "/".join(pieces), ["-".join(label) for label in labels]


def _alike(words: Sequence[str]) -> str:
    """Return what all words begin with, letter by letter."""
    least, most = min(words), max(words)
    return least[: next((index for index, letter in enumerate(least) if most[index : index + 1] != letter), len(least))]


def _called(labels: Sequence[str]) -> str:
    """Return the name of the column that labels of partitions make."""
    for name, shape in (("day", _DAY), ("month", _MONTH), ("year", _YEAR)):
        if all(shape.fullmatch(label) for label in labels):
            return name
    return "partition"
