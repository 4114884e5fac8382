"""Input of a parallel step as rows: what an `MLTable` file describes, read with pandas.

Which transformations there are, and their settings, is `spec/mltable.py`'s; anything else was refused there by name, so that none is left out
in silence.
"""

from __future__ import annotations

import ast
import operator
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import UsageError
from mlops.spec.mltable import ENCODINGS, FILE, READERS, Definition, judged, read_definition
from mlops.spec.references import is_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

_OWN = "_path"  # which file a row is from, while the rows are being made
_DATE = {"yyyy": r"(?P<{0}_Y>\d{{4}})", "MM": r"(?P<{0}_m>\d\d)", "dd": r"(?P<{0}_d>\d\d)", "HH": r"(?P<{0}_H>\d\d)"}
_DATE |= {"mm": r"(?P<{0}_M>\d\d)", "ss": r"(?P<{0}_S>\d\d)"}
_DATE_PARTS = re.compile("|".join(_DATE))
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Not: operator.invert,
    ast.Invert: operator.invert,
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Table:
    """An MLTable with the files that it names."""

    definition: Definition
    files: tuple[Path, ...]

    @property
    def is_rows(self) -> bool:
        return self.definition.is_rows


def files_below(path: Path) -> tuple[Path, ...]:
    """Return a file, or all files below a folder, in order."""
    return (path,) if path.is_file() else tuple(sorted(each for each in path.rglob("*") if each.is_file()))


def read_table(folder: Path) -> Table | None:
    """Return the MLTable of a folder, or None where it has none.

    Raises:
        UsageError: It cannot be read, names what is not on this machine, or says what is not done here.
    """
    if not (folder / FILE).is_file():
        return None
    found = judged(read_definition(folder))
    return Table(found, tuple(file for way, text in found.paths for file in _files(folder, way, text)))


def _files(folder: Path, way: str, text: str) -> Iterator[Path]:
    if is_reference(text):
        raise UsageError(f"its path {text!r} is not on this machine", where=str(folder / FILE), hint="Give the files beside it.")
    text = text.removeprefix("file://")
    if way == "pattern":
        base, pattern = (Path("/"), text.lstrip("/")) if text.startswith("/") else (folder, text.removeprefix("./"))
        yield from sorted(each for each in base.glob(pattern) if each.is_file())
        return
    yield from files_below(folder / text)


def read_rows(table: Table) -> pd.DataFrame:
    """Return the rows that an MLTable describes.

    Raises:
        UsageError: A file cannot be read, or a transformation does not fit the data.
    """
    import pandas as pd

    frame, where = pd.DataFrame(), str(table.definition.folder / FILE)
    for name, settings in table.definition.transformations:
        try:
            frame = _read(table, name, settings or {}) if name in READERS else _TRANSFORMATIONS[name](frame, settings)
        except KeyError as error:
            known = ", ".join(str(column) for column in frame.columns if column != _OWN)
            raise UsageError(f"{name}: there is no column {error.args[0]!r}", where=where, hint=f"Its columns: {known[:200]}") from error
        except (ValueError, TypeError, OSError) as error:
            said = "its files cannot be read" if name in READERS else f"{name} does not fit its data"
            raise UsageError(f"{said}: {error}", where=where) from error
    return frame.drop(columns=_OWN, errors="ignore")


def _read(table: Table, reader: str, settings: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    parts, columns = [], None
    for file in table.files:
        if reader == "read_parquet":
            part = pd.read_parquet(file)
        elif reader == "read_json_lines":
            part = _json_lines(file, settings)
        else:
            part = _delimited(file, settings, columns)
            columns = list(part.columns) if settings.get("header") == "from_first_file" else None
        if settings.get("include_path_column"):
            part.insert(0, "Path", str(file))
        folder = table.definition.folder
        parts.append(part.assign(**{_OWN: f"/{file.relative_to(folder).as_posix()}" if file.is_relative_to(folder) else str(file)}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _delimited(file: Path, settings: dict[str, Any], columns: list[str] | None) -> pd.DataFrame:
    """Read one file of delimited text; `columns` are those of the first file, where it alone has a header."""
    import pandas as pd

    header = None if settings.get("header") == "no_header" or columns is not None else 0
    kinds = str if settings.get("infer_column_types") is False else None
    part = pd.read_csv(file, sep=settings.get("delimiter", ","), header=header, names=columns, encoding=_encoding(settings), dtype=kinds)
    if header is None and columns is None:
        part = part.rename(columns=lambda name: f"Column{name + 1}")
    if settings.get("empty_as_string"):
        words = part.select_dtypes(["object", "string"]).columns
        part[words] = part[words].fillna("")
    return part


def _json_lines(file: Path, settings: dict[str, Any]) -> pd.DataFrame:
    import json

    import pandas as pd

    rows = []
    for number, line in enumerate(file.read_text(encoding=_encoding(settings)).splitlines(), start=1):
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            if settings.get("invalid_lines", "error") != "drop":
                raise ValueError(f"{file.name}, line {number}: {error}") from error
    return pd.DataFrame(rows)


def _encoding(settings: dict[str, Any]) -> str:
    given = str(settings.get("encoding") or "utf8")
    return ENCODINGS.get(given, given)


def _named(settings: Any) -> list[str]:
    return [settings] if isinstance(settings, str) else list(settings.get("columns", []) if isinstance(settings, dict) else settings)


def _kept(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    for column in _named(settings):
        frame[column]
    return frame[[*_named(settings), _OWN]]


def _dropped(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    for column in _named(settings):
        frame[column]
    return frame.drop(columns=_named(settings))


def _count(settings: Any) -> int:
    return int(settings["count"] if isinstance(settings, dict) else settings)


def _sampled(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """Take each row with the probability given. Which ones a seed takes is not the same as on the service."""
    import numpy as np

    draws = np.random.default_rng(settings.get("seed")).random(len(frame))
    return frame[draws < float(settings["probability"])].reset_index(drop=True)


def _filtered(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    text = str(settings["expression"] if isinstance(settings, dict) else settings)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no expression: {error.msg}") from error
    kept: pd.DataFrame = frame[_value(tree.body, frame)]
    return kept.reset_index(drop=True)


def _value(node: ast.AST, frame: pd.DataFrame) -> Any:
    """Return what an expression of `filter` is for these rows: columns, constants, comparisons, arithmetic, and, or, not."""
    import pandas as pd

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BoolOp):
        first, *rest = (_value(one, frame) for one in node.values)  # noqa: PD011 - of an expression
        for one in rest:
            first = _OPERATORS[type(node.op)](first, one)
        return first
    if isinstance(node, ast.UnaryOp | ast.BinOp) and type(node.op) in _OPERATORS:
        sides = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
        return _OPERATORS[type(node.op)](*(_value(one, frame) for one in sides))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
        return _OPERATORS[type(node.ops[0])](_value(node.left, frame), _value(node.comparators[0], frame))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"col", "datetime"}:
        given = [_value(one, frame) for one in node.args]
        return frame[given[0]] if node.func.id == "col" else pd.Timestamp(*given)
    raise ValueError(f'{ast.unparse(node)!r} is not understood in a filter; it knows col("name"), values, comparisons, and, or, not')


def _partitioned(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    form = str(settings["partition_format"] if isinstance(settings, dict) else settings)
    pattern, dates = _as_pattern(form)
    found = frame[_OWN].str.extract(pattern)
    for column in dates:
        found = _dated(found, column)
    return frame.join(found)


def _as_pattern(form: str) -> tuple[str, list[str]]:
    """Return a partition format such as `/{Store}/{at:yyyy/MM/dd}/*.parquet` as a regular expression, and the columns that are dates."""
    made, dates = [], []
    for part in re.split(r"(\{\w+(?::[^}]+)?\}|\*)", form):
        name, _, date = part[1:-1].partition(":")
        if part.startswith("{") and date:
            dates.append(name)
            made.append(_DATE_PARTS.sub(lambda match, name=name: _DATE[match[0]].format(name), re.escape(date)))  # type: ignore[misc]
        else:
            made.append(f"(?P<{name}>[^/]+)" if part.startswith("{") else "[^/]*" if part == "*" else re.escape(part))
    return "".join(made), dates


def _dated(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    import pandas as pd

    names = {"Y": "year", "m": "month", "d": "day", "H": "hour", "M": "minute", "S": "second"}
    parts = {name: frame.pop(f"{column}_{letter}") for letter, name in names.items() if f"{column}_{letter}" in frame}
    return frame.assign(**{column: pd.to_datetime(pd.DataFrame({"month": 1, "day": 1, **parts}).astype(int))})


def _converted(frame: pd.DataFrame, settings: Any) -> pd.DataFrame:
    for entry in [settings] if isinstance(settings, dict) else settings:
        kind = entry["column_type"] if isinstance(entry["column_type"], str) else next(iter(entry["column_type"]))
        more = (entry["column_type"][kind] if isinstance(entry["column_type"], dict) else None) or {}
        for column in _named(entry["columns"]):
            frame = frame.assign(**{column: _as_type(frame[column], kind, more)})
    return frame


def _as_type(values: Any, kind: str, more: dict[str, Any]) -> Any:
    import pandas as pd

    if kind == "datetime":
        formats = more.get("formats") or [None]
        found = pd.to_datetime(values, format=formats[0], errors="coerce" if len(formats) > 1 else "raise")
        for form in formats[1:]:
            found = found.fillna(pd.to_datetime(values, format=form, errors="coerce"))
        return found
    if kind == "boolean":
        return _as_truth(values, more)
    plain = {"int": "Int64" if values.isna().any() else "int64", "float": "float64", "string": "string"}
    if kind in plain:
        return values.astype(plain[kind])
    if kind == "stream_info":
        return values
    raise ValueError(f"columns are not converted to {kind!r} on this machine")


def _as_truth(values: Any, more: dict[str, Any]) -> Any:
    """Return words as truths: those that are listed, or true and false, 1 and 0; `mismatch_as` says what another is."""
    true = [str(word) for word in more.get("true_values") or ("true", "True", "1", "1.0")]
    false = [str(word) for word in more.get("false_values") or ("false", "False", "0", "0.0")]
    words = values.astype("string")
    other = ~words.isin([*true, *false]) & words.notna()
    default = str(more.get("mismatch_as") or "error").lower()
    if default == "error" and other.any():
        raise ValueError(f"{words[other].iloc[0]!r} is neither true ({', '.join(true)}) nor false ({', '.join(false)})")
    found = words.isin(true).astype("boolean").mask(words.isna())
    return found.mask(other, default == "true") if other.any() else found


_TRANSFORMATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "convert_column_types": _converted,
    "drop_columns": _dropped,
    "keep_columns": _kept,
    "extract_columns_from_partition_format": _partitioned,
    "filter": _filtered,
    "skip": lambda frame, settings: frame.iloc[_count(settings) :].reset_index(drop=True),
    "take": lambda frame, settings: frame.head(_count(settings)),
    "take_random_sample": _sampled,
}
