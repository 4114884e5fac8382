"""From the bytes of a request to rows in the order of the model's signature, or to a refusal that names what is wrong and where.

Azure ML's form is `{"input_data": ...}`; MLflow's are `dataframe_split`, `dataframe_records`, `instances` and `inputs`. All of them are one
of four shapes: a table with columns and data, a list of records, columns with their lists, or bare lists in the signature's order. Columns
that are named are put in order by name, never by position.

A number that is missing is `null`: a `double` has room for it, as in a data frame. Text, whole numbers, truth values and times are required
unless the signature says otherwise; what is missing then becomes what a data frame has for it. Times are ISO 8601; one with an offset is
taken to UTC, for a data frame's times have none.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops.registry.model import Column

Row = list[Any]
MOST_ROWS = 100_000
SCORE_FORMS = ("input_data",)
INVOCATION_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
INTEGERS = {"integer": 2**31, "long": 2**63}


class Refused(Exception):
    """A request that is answered with an error, and the place in it that is wrong (rows are counted from 0)."""

    def __init__(self, status: int, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.column = column
        self.row = row

    def body(self) -> bytes:
        where = {"column": self.column, "row": self.row}
        facts = {"message": self.message} | {name: value for name, value in where.items() if value is not None}
        return json.dumps({"error": facts}, ensure_ascii=False).encode("utf-8", errors="replace")


class Form:
    """The forms that a model with these columns takes.

    Raises:
        ValueError: A column is of a type that a request cannot hold.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.names = [column.name for column in columns]
        self._required = {column.name for column in columns if column.required}
        self._checks = [_check_of(column) for column in columns]
        self._order: dict[tuple[str, ...], list[int | None]] = {}

    def read(self, body: bytes, forms: tuple[str, ...]) -> list[Row]:
        """Return the rows of a JSON body in one of the `forms`.

        Raises:
            Refused: With 400 where it is not JSON, 413 where it has too many rows, 422 where it does not fit the signature.
        """
        value = _json(body)
        if not isinstance(value, dict):
            raise Refused(422, f"the body is a JSON object with {_either(forms)}")
        found = [name for name in forms if name in value]
        rest = [name for name in value if name not in forms and not (name in ("params", "parameters") and not value[name])]
        if rest or len(found) != 1:
            said = f"unknown key {rest[0]!r}" if rest else ("more than one form" if found else "no rows")
            raise Refused(422, f"{said}: the body is a JSON object with {_either(forms)}")
        return self._rows(value[found[0]], found[0])

    def read_csv(self, body: bytes) -> list[Row]:
        """Return the rows of a CSV body with a header; an empty field is missing.

        Raises:
            Refused: As `read`.
        """
        try:
            lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise Refused(400, f"the body is not CSV in UTF-8: {error}") from None
        if not lines:
            raise Refused(400, "the body is empty")
        columns, data = lines[0], lines[1:]
        kinds = {name: check.__name__ for name, check in zip(self.names, self._checks, strict=True)}
        typed = [
            [_typed(kinds.get(name, ""), word) for name, word in zip(columns, line, strict=False)] + line[len(columns) :] for line in data
        ]
        return self._table(columns, typed, "data")

    def check(self, columns: Sequence[str], data: Sequence[Row]) -> list[Row]:
        """Return a table's rows, checked and in the signature's order.

        Raises:
            Refused: As `read`.
        """
        return self._table(list(columns), list(data), "data")

    def _rows(self, value: Any, name: str) -> list[Row]:
        if isinstance(value, dict) and "data" in value and "columns" in value and name in ("input_data", "dataframe_split"):
            rest = value.keys() - {"columns", "index", "data"}
            if rest:
                raise Refused(422, f"unknown key {min(rest)!r} in {name}, which has columns, index and data")
            index = value.get("index")
            rows = value["data"] if isinstance(value["data"], list) else []
            if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
                raise Refused(422, f"index in {name} is a list as long as data")
            return self._table(value["columns"], value["data"], name)
        if isinstance(value, dict) and name == "inputs":
            return self._lists(value)
        if isinstance(value, list) and value and name != "dataframe_split":
            if all(isinstance(row, dict) for row in value):
                return self._records(value)
            if all(isinstance(row, list) for row in value) and name != "dataframe_records":
                return self._checked(value)
        shape = "an object with columns and data" if name == "dataframe_split" else "a list of rows"
        raise Refused(422, f"{name} is {shape}, with at least one row")

    def _table(self, columns: Any, data: Any, name: str) -> list[Row]:
        if not isinstance(data, list) or not data or not all(isinstance(row, list) for row in data):
            raise Refused(422, f"data in {name} is a list of rows, with at least one, and a row is a list of values")
        if columns == self.names:
            return self._checked(data)
        order = self._ordered(columns, name)
        for number, row in enumerate(data):
            if len(row) != len(columns):
                raise Refused(422, f"row {number} has {len(row)} values for {len(columns)} columns", row=number)
        return self._checked([[None if at is None else row[at] for at in order] for row in data])

    def _ordered(self, columns: Any, name: str) -> list[int | None]:
        """Return where each column of the signature stands among `columns`."""
        if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
            raise Refused(422, f"columns in {name} is a list of names")
        places = {column: at for at, column in enumerate(columns)}
        if len(places) < len(columns):
            twice = next(column for column in columns if columns.count(column) > 1)
            raise Refused(422, f"column {twice!r} is named twice", column=twice)
        self._match(places.keys())
        return [places.get(column) for column in self.names]

    def _match(self, given: Any, row: int | None = None) -> None:
        missing = [name for name in self.names if name in self._required and name not in given]
        extra = [name for name in given if name not in self.names]
        where = "" if row is None else f" in row {row}"
        if missing:
            hint = f"; the model does not know {extra[0]!r}" if extra else ""
            raise Refused(422, f"column {missing[0]!r} is missing{where}{hint}", column=missing[0], row=row)
        if extra:
            raise Refused(422, f"the model has no column {extra[0]!r}{where}; it takes {', '.join(self.names)}", column=extra[0], row=row)

    def _records(self, records: list[dict[str, Any]]) -> list[Row]:
        known = set(self.names)
        rows = []
        for number, record in enumerate(records):
            if record.keys() != known:
                self._match(record.keys(), number)
            rows.append([record.get(name) for name in self.names])
        return self._checked(rows)

    def _lists(self, columns: dict[str, Any]) -> list[Row]:
        self._match(columns.keys())
        lists = {name: value if isinstance(value, list) else [value] for name, value in columns.items()}
        lengths = {len(values) for values in lists.values()}
        if len(lengths) != 1 or not max(lengths):
            raise Refused(422, "the columns in inputs are lists of one length, of at least one")
        return self._checked([[lists[name][row] if name in lists else None for name in self.names] for row in range(max(lengths))])

    def _checked(self, rows: list[Row]) -> list[Row]:
        if len(rows) > MOST_ROWS:
            raise Refused(413, f"{len(rows):,} rows are more than the {MOST_ROWS:,} that are scored at once")
        checks, made = self._checks, []
        for row in rows:
            try:
                made.append([check(value) for check, value in zip(checks, row, strict=True)])
            except ValueError:
                self._explain(row, len(made))
        return made

    def _explain(self, row: Row, number: int) -> None:
        """Find what is wrong with a row, and refuse it."""
        if len(row) != len(self.names):
            raise Refused(422, f"row {number} has {len(row)} values, and the model takes {len(self.names)} columns", row=number) from None
        for name, check, value in zip(self.names, self._checks, row, strict=True):
            try:
                check(value)
            except ValueError as error:
                raise Refused(422, f"column {name!r} in row {number}: {error}", column=name, row=number) from None


def _json(body: bytes) -> Any:
    if not body.strip():
        raise Refused(400, "the body is empty")
    try:
        return json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deep") from None
    except ValueError as error:
        raise Refused(400, f"the body is not JSON that can be read: {error}") from None


def _either(forms: tuple[str, ...]) -> str:
    quoted = [f'"{name}"' for name in forms]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def _quoted(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False) if not isinstance(value, dt.datetime) else str(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _check_of(column: Column) -> Callable[[Any], Any]:
    """Return the function that takes a value of a column's type, or raises ValueError with what it must be."""
    if column.type in ("double", "float"):
        return _double
    plain = {"string": _string, "boolean": _boolean, "integer": _whole(2**31), "long": _whole(2**63), "datetime": _moment}
    if column.type not in plain:
        raise ValueError(f"column {column.name!r} is of type {column.type}, which a request cannot hold")
    check = plain[column.type]
    return check if column.required else _optional(check, missing_of(column))


def missing_of(column: Column) -> Any:
    """Return what a data frame has for a missing value of a column's type. It is the one NaN of math: a lookup finds it by identity."""
    return None if column.type in ("boolean", "datetime") else math.nan


def _double(value: Any) -> float:
    kind = type(value)
    if kind is float:
        if value - value == 0.0:
            return value  # type: ignore[no-any-return]
        raise ValueError("must be a finite number; a missing one is null")
    if value is None:
        return math.nan
    if kind is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("must be a finite number; this one is too large") from None
    raise ValueError(f"must be a number, not {_quoted(value)}")


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    raise ValueError(f"must be text, not {_quoted(value)}")


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise ValueError(f"must be true or false, not {_quoted(value)}")


def _whole(limit: int) -> Callable[[Any], int]:
    def whole(value: Any) -> int:
        number = int(value) if type(value) is float and value.is_integer() else value
        if type(number) is int and -limit <= number < limit:
            return number
        raise ValueError(f"must be a whole number of {'32' if limit == 2**31 else '64'} bits, not {_quoted(value)}")

    return whole


def _moment(value: Any) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"must be a date and time as in 2013-11-03T05:15:00, not {_quoted(value)}") from None


def _optional(check: Callable[[Any], Any], missing: Any) -> Callable[[Any], Any]:
    def optional(value: Any) -> Any:
        return missing if value is None else check(value)

    optional.__name__ = check.__name__
    return optional


def _typed(kind: str, word: str) -> Any:
    """Return a CSV field as the JSON value that its column takes; what is not one is left as text, for the check to refuse."""
    if not word:
        return None
    try:
        if kind == "_double":
            return float(word)
        if kind == "whole":
            return int(word)
    except ValueError:
        return word
    return {"true": True, "false": False}.get(word.lower(), word) if kind == "_boolean" else word
