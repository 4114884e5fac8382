"""Input of a parallel step as rows: what an `MLTable` file describes, read with pandas.

`MLTable` files can hold much; what is done here is reading delimited text, Parquet and JSON lines, and the transformations that batch jobs
use. Anything else is refused by name, so that no transformation is left out in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

_READERS = ("read_delimited", "read_parquet", "read_json_lines")


@dataclass(frozen=True)
class Definition:
    """An MLTable file: the files that it names, and what is done with them, each as (name, settings)."""

    folder: Path
    files: tuple[Path, ...]
    transformations: tuple[tuple[str, Any], ...]

    @property
    def is_rows(self) -> bool:
        """Whether the files are read as rows; otherwise the table is a list of files."""
        return any(name in _READERS for name, _ in self.transformations)


def files_below(path: Path) -> tuple[Path, ...]:
    """Return a file, or all files below a folder, in order."""
    return (path,) if path.is_file() else tuple(sorted(each for each in path.rglob("*") if each.is_file()))


def read_definition(folder: Path) -> Definition | None:
    """Return the MLTable of a folder, or None where it has none.

    Raises:
        UsageError: It cannot be read, or names what is not on this machine.
    """
    path = folder / "MLTable"
    if not path.is_file():
        return None
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"it cannot be read: {error}", where=str(path)) from error
    entries = body.get("paths") if isinstance(body, dict) else None
    if not entries:
        raise UsageError("it names no `paths`", where=str(path), hint="For example: paths: [{file: ./data.csv}]")
    steps = tuple(_transformation(each) for each in body.get("transformations") or [])
    return Definition(folder, tuple(file for entry in entries for file in _files(folder, entry)), steps)


def _files(folder: Path, entry: dict[str, str]) -> Iterator[Path]:
    kind, text = next(iter(entry.items()))
    if "://" in text:
        raise UsageError(f"its path {text!r} is not on this machine", where=str(folder / "MLTable"), hint="Give the files beside it.")
    if kind == "pattern":
        yield from sorted(each for each in folder.glob(text.removeprefix("./")) if each.is_file())
        return
    found = folder / text
    if not found.exists():
        raise UsageError(f"its path {text!r} is not there", where=str(folder / "MLTable"))
    yield from files_below(found)


def _transformation(given: Any) -> tuple[str, Any]:
    return next(iter(given.items())) if isinstance(given, dict) else (str(given), {})


def read_rows(definition: Definition) -> pd.DataFrame:
    """Return the rows that an MLTable describes.

    Raises:
        UsageError: A transformation is none that is done here, or a file cannot be read.
    """
    import pandas as pd

    frame = pd.DataFrame()
    for name, settings in definition.transformations:
        if name in _READERS:
            try:
                frame = _read(definition, name, settings or {})
            except (ValueError, OSError, UnicodeDecodeError) as error:
                raise UsageError(f"its files cannot be read: {error}", where=str(definition.folder / "MLTable")) from error
        else:
            frame = _transformed(frame, name, settings, definition)
    return frame.drop(columns="_path", errors="ignore")


def _read(definition: Definition, reader: str, settings: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for file in definition.files:
        if reader == "read_parquet":
            part = pd.read_parquet(file)
        elif reader == "read_json_lines":
            part = pd.read_json(file, lines=True, encoding=settings.get("encoding", "utf-8"))
        else:
            header = None if settings.get("header") == "no_header" else 0
            part = pd.read_csv(file, sep=settings.get("delimiter", ","), header=header, encoding=settings.get("encoding", "utf-8"))
            part = part.rename(columns=lambda name: f"Column{name + 1}") if header is None else part
        part = part.assign(Path=str(file)) if settings.get("include_path_column") else part
        parts.append(part.assign(_path="/" + file.relative_to(definition.folder).as_posix()))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _transformed(frame: pd.DataFrame, name: str, settings: Any, definition: Definition) -> pd.DataFrame:
    if name in {"keep_columns", "drop_columns"}:
        columns = [settings] if isinstance(settings, str) else list(settings.get("columns", []) if isinstance(settings, dict) else settings)
        return frame.drop(columns=columns) if name == "drop_columns" else frame[[*columns, "_path"]]
    if name in {"take", "skip"}:
        count = int(settings["count"] if isinstance(settings, dict) else settings)
        return frame.head(count) if name == "take" else frame.iloc[count:]
    if name == "extract_columns_from_partition_format":
        form = str(settings["partition_format"] if isinstance(settings, dict) else settings)
        return frame.join(frame["_path"].str.extract(_as_pattern(form)))
    if name == "convert_column_types":
        return _converted(frame, settings)
    where = str(definition.folder / "MLTable")
    raise UsageError(f"the transformation {name!r} is not done on this machine", where=where, hint="Do it in a step before this one.")


def _as_pattern(form: str) -> str:
    """Return a partition format such as `/{Store}/{Brand}/*.parquet` as a regular expression with a named group for each column."""
    parts = re.split(r"(\{\w+\}|\*)", form)
    made = [f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else "[^/]*" if part == "*" else re.escape(part) for part in parts]
    return "".join(made)


def _converted(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    kinds: dict[str, Any] = {"int": "int64", "float": "float64", "string": "string", "boolean": "boolean"}
    for entry in settings:
        kind = entry["column_type"] if isinstance(entry["column_type"], str) else next(iter(entry["column_type"]))
        columns = [entry["columns"]] if isinstance(entry["columns"], str) else entry["columns"]
        for column in columns:
            if kind == "datetime":
                import pandas as pd

                frame = frame.assign(**{column: pd.to_datetime(frame[column])})
            elif kind in kinds:
                frame = frame.assign(**{column: frame[column].astype(kinds[kind])})
            elif kind != "stream_info":
                raise UsageError(f"columns are not converted to {kind!r} on this machine")
    return frame
