"""Relations between the columns of a row, as in `hour == clock_time // 100`.

The grammar is that of pandas' `eval`, restricted: columns (odd names in backticks), numbers, words in quotes, lists after `in`, arithmetic,
comparisons, `and`, `or`, `not`, and the functions below. It is parsed as Python and walked node by node; nothing is ever evaluated as code.
A row in which a named column is missing keeps a relation, as in SQL; `missing(column)` asks for just that.
"""

from __future__ import annotations

import ast
import operator
import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

LONGEST = 2_000
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left.isin(right),
    ast.NotIn: lambda left, right: ~left.isin(right),
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "missing": lambda column: column.isna(),
    "abs": abs,
    "round": lambda column, digits=0: column.round(int(digits)),
    "length": lambda column: column.str.len(),
    "lower": lambda column: column.str.lower(),
    "upper": lambda column: column.str.upper(),
    "strip": lambda column: column.str.strip(),
    "year": lambda column: column.dt.year,
    "month": lambda column: column.dt.month,
    "day": lambda column: column.dt.day,
    "hour": lambda column: column.dt.hour,
    "minute": lambda column: column.dt.minute,
    "weekday": lambda column: column.dt.weekday,
}
FUNCTIONS = (*_FUNCTIONS, "now")


@dataclass(frozen=True)
class Expression:
    """A relation that was understood."""

    text: str
    tree: ast.expr
    names: Mapping[str, str]
    """Name in the tree -> column, where that is no plain word."""
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    """Columns that must be there in a row for it to be judged."""

    def keeps(self, frame: pd.DataFrame) -> pd.Series:
        """Return for each row whether it keeps the relation.

        Raises:
            TypeError, AttributeError: A column is not of the type that an operation needs.
        """
        import pandas as pd

        if any(frame[column].isna().all() for column in self.needed):
            return pd.Series(data=True, index=frame.index)
        kept = _value(self.tree, frame, self.names)
        kept = pd.Series(kept, index=frame.index) if not isinstance(kept, pd.Series) else kept
        for column in self.needed:
            if frame[column].hasnans:
                kept = kept | frame[column].isna()
        return kept.fillna(value=True).astype(bool)  # type: ignore[no-any-return]


def parse(text: str) -> Expression:
    """Understand a relation.

    Raises:
        ValueError: It is not of this grammar; the message says what of it.
    """
    names: dict[str, str] = {}

    def plain(found: re.Match[str]) -> str:
        name = next((key for key, column in names.items() if column == found[1]), f"column_{len(names)}_")
        names[name] = found[1]
        return name

    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} characters")
    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", plain, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression: {getattr(error, 'msg', None) or error}") from None
    _allow(tree)
    columns = tuple(dict.fromkeys(names.get(n.id, n.id) for n in ast.walk(tree) if isinstance(n, ast.Name) and not _called(n, tree)))
    if not columns:
        raise ValueError("it names no column")
    asked = {id(inner) for call in ast.walk(tree) if _is_missing(call) for inner in ast.walk(call)}
    needed = {names.get(n.id, n.id) for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in asked}
    return Expression(text, tree, names, columns, tuple(c for c in columns if c in needed))


def quoted(column: str) -> str:
    """Return a column's name as it stands in a relation."""
    return column if column.isidentifier() and not _reserved(column) else f"`{column}`"


def _reserved(word: str) -> bool:
    import keyword

    return keyword.iskeyword(word)


def _called(name: ast.Name, tree: ast.expr) -> bool:
    return any(isinstance(call, ast.Call) and call.func is name for call in ast.walk(tree))


def _is_missing(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "missing"


def _allow(node: ast.expr) -> None:
    """Raise ValueError at the first part that is not of the grammar."""
    match node:
        case ast.Name():
            return
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.BoolOp(values=parts):
            inner = parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=one):
            inner = [one]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            inner = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            inner = [left]
            for how, other in zip(ops, others, strict=True):
                inner += _listed(other) if isinstance(how, ast.In | ast.NotIn) else [other]
        case ast.List() | ast.Tuple() | ast.Set():
            raise ValueError(f"{ast.unparse(node)!r}: a list stands only after `in`")
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]) if name in FUNCTIONS:
            pass
        case ast.Call(func=ast.Name(id=name)):
            raise ValueError(f"there is no function {name!r}: {', '.join(FUNCTIONS)}")
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not of the grammar")
    for part in inner:
        _allow(part)


def _listed(node: ast.expr) -> list[ast.expr]:
    """Return what a list after `in` lists."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        raise ValueError(f"{ast.unparse(node)!r}: after `in` stands a list, as in ['York', 'Bath']")  # noqa: TRY004 - a mistake in the text
    return node.elts


def _value(node: ast.expr, frame: pd.DataFrame, names: Mapping[str, str]) -> Any:
    def value(part: ast.expr) -> Any:
        return _value(part, frame, names)

    match node:
        case ast.Name(id=name):
            return frame[names.get(name, name)]
        case ast.Constant(value=constant):
            return constant
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return [value(part) for part in parts]
        case ast.BoolOp(op=op, values=parts):
            return reduce(operator.and_ if isinstance(op, ast.And) else operator.or_, map(_truth, map(value, parts)))
        case ast.UnaryOp(op=op, operand=one):
            return ~_truth(value(one)) if isinstance(op, ast.Not) else -value(one)
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(value(left)), _number(value(right)))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [value(left), *map(value, others)]
            return reduce(operator.and_, (_compare(op, a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)))
        case ast.Call(func=ast.Name(id="now")):
            import pandas as pd

            return pd.Timestamp.now(tz="UTC")
        case ast.Call(func=ast.Name(id=name), args=given):
            return _FUNCTIONS[name](*map(value, given))
    raise TypeError(ast.unparse(node))


def _compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    import pandas as pd

    if isinstance(right, pd.Timestamp) and left.dt.tz is None:
        right = right.tz_localize(None)
    return _COMPARISONS[type(op)](left, right)


def _truth(value: Any) -> Any:
    return value.fillna(value=True).astype(bool) if hasattr(value, "fillna") else value


def _number(value: Any) -> Any:
    """Return an operand of arithmetic: text times a number could fill the memory."""
    from pandas.api import types

    if isinstance(value, str) or types.is_string_dtype(value):
        raise TypeError("text is no number")
    return value
