"""What a fault is, and the table it happens to.

A fault is a function from sound rows to spoilt ones, with the place where such a thing was seen. It knows nothing of contracts: what it needs of
a table (which columns are quantities, categories, times, keys) a `Subject` tells. With the same seed it does the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    import pandas as pd

    Make = Callable[["Case"], pd.DataFrame]
    Spoil = Callable[[Path, np.random.Generator], None]

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """A table as faults see it: the part that came last, what came before, and what its columns are."""

    rows: pd.DataFrame
    """The newest part, untouched."""
    earlier: pd.DataFrame
    """What came before; may have no rows."""
    types: Mapping[str, str]
    """Column -> logicalType."""
    key: Columns = ()
    partition: Columns = ()
    target: str = ""
    """What is learnt, or made into it; empty where nothing is."""

    @cached_property
    def quantities(self) -> Columns:
        """Numbers that measure or count something: of many values, and no part of a key."""
        import pandas as pd

        return tuple(
            name
            for name in self._of("number", "integer")
            if name not in self.key and pd.api.types.is_numeric_dtype(self.rows[name]) and self.rows[name].nunique() > 10
        )

    @cached_property
    def categories(self) -> Columns:
        """Words out of few: 2 to 60 of them, each in more than one row on average."""
        return tuple(name for name in self._of("string") if 2 <= self.rows[name].nunique() <= min(60, len(self.rows) / 2))

    @cached_property
    def words(self) -> Columns:
        """Columns of text, whatever it says."""
        return tuple(name for name in self._of("string") if len(self.rows[name].dropna().unique()) > 1)

    @cached_property
    def times(self) -> Columns:
        import pandas as pd

        return tuple(name for name in self._of("timestamp", "date") if pd.api.types.is_datetime64_any_dtype(self.rows[name]))

    @cached_property
    def features(self) -> Columns:
        """Columns that are neither key, nor partition, nor what is learnt."""
        return tuple(n for n in self.quantities + self.categories if n not in {*self.key, self.target})

    def _of(self, *types: str) -> Columns:
        names = (name for name, kind in self.types.items() if kind in types and name in self.rows and name not in self.partition)
        return tuple(name for name in names if self.rows[name].notna().any())


@dataclass(frozen=True)
class Case:
    """One injection: the rows, the column or columns it was drawn for, and the dice."""

    subject: Subject
    columns: Columns
    chance: np.random.Generator

    @property
    def rows(self) -> pd.DataFrame:
        return self.subject.rows

    @property
    def column(self) -> str:
        return self.columns[0]

    @property
    def given(self) -> pd.Series:
        return self.rows[self.column]

    def some(self, share: float, among: Any = None) -> pd.Series:
        """Return a mask of that share of the rows (one at least), drawn at random; of those in the mask `among`."""
        import numpy as np
        import pandas as pd

        places = np.flatnonzero(np.ones(len(self.rows), dtype=bool) if among is None else np.asarray(among))
        count = min(len(places), max(1, round(share * len(places))))
        mask = np.zeros(len(self.rows), dtype=bool)
        mask[self.chance.choice(places, size=count, replace=False)] = True
        return pd.Series(mask, index=self.rows.index)

    def put(self, values: Any, where: Any = None) -> pd.DataFrame:
        """Return the rows with other values in the column, in all or in those of the mask; whole numbers stay whole."""
        import pandas as pd

        old = self.given
        new = pd.Series(values, index=old.index) if not isinstance(values, pd.Series) else values
        if self.subject.types[self.column] == "integer" and pd.api.types.is_float_dtype(new):
            new = new.round()
        if where is not None:
            same = old.dtype == new.dtype or (pd.api.types.is_numeric_dtype(old) and pd.api.types.is_numeric_dtype(new))
            new = new.where(where, old) if same else new.astype("object").where(where, old.astype("object"))
        return self.rows.assign(**{self.column: new})


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with data, and what makes it happen to a table."""

    name: str
    family: str
    what: str
    """One sentence."""
    source: str
    """Where it was seen, or is documented: a URL."""
    share: float
    """Of the rows of the newest part that are touched."""
    of: Callable[[Subject], list[Columns]] = field(repr=False)
    """The columns it can happen to, each with those it needs beside it; none where the table has no such thing."""
    make: Make | None = field(default=None, repr=False)
    spoil: Spoil | None = field(default=None, repr=False)
    """Of a fault of a file: change the file (CSV, plain) in its place."""
    harmless: bool = False
    """Whether it is no fault where it is read rightly: the same rows must come out."""
    recorded: bool = True
    """Of a file: whether it was so when its digest was recorded. Otherwise it happened after."""


@dataclass(frozen=True)
class Injected:
    """A table in which a fault has happened."""

    fault: Fault
    columns: Columns
    rows: pd.DataFrame


def inject(fault: Fault, subject: Subject, seed: int = 0) -> Injected | None:
    """Return the rows with the fault in them, or None where it cannot happen to this table (or would change nothing)."""
    import numpy as np

    if fault.make is None:
        return None
    chance = np.random.default_rng([seed, crc32(fault.name.encode())])
    candidates = fault.of(subject)
    for place in chance.permutation(len(candidates)):
        rows = fault.make(Case(subject, candidates[place], chance))
        if not same(rows, subject.rows):
            return Injected(fault, candidates[place], rows.reset_index(drop=True))
    return None


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two tables have the same columns and the same values in them, in the same order of rows."""
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return False
    return all(_equal(one[name].reset_index(drop=True), other[name].reset_index(drop=True)) for name in one)


def _equal(one: pd.Series, other: pd.Series) -> bool:
    import pandas as pd

    if one.dtype != other.dtype and pd.api.types.is_numeric_dtype(one) != pd.api.types.is_numeric_dtype(other):
        return False
    return bool(((one == other) | (one.isna() & other.isna())).all())


@dataclass
class Family:
    """The faults of one kind, in the order in which they stand in the module."""

    name: str
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self, source: str, *, of: Callable[[Subject], list[Columns]], share: float = 1.0, harmless: bool = False
    ) -> Callable[[Make], Make]:
        """Register a function as a fault: its name and the first line of its docstring are the fault's."""

        def register(make: Make) -> Make:
            self.faults.append(Fault(*self._told(make), source, share, of, make=make, harmless=harmless))
            return make

        return register

    def of_file(self, source: str, *, share: float = 1.0, harmless: bool = False, recorded: bool = True) -> Callable[[Spoil], Spoil]:
        """Register a function that changes a CSV file."""

        def register(spoil: Spoil) -> Spoil:
            made = Fault(*self._told(spoil), source, share, lambda _: [()], spoil=spoil, harmless=harmless, recorded=recorded)
            self.faults.append(made)
            return spoil

        return register

    def _told(self, function: Any) -> tuple[str, str, str]:
        return function.__name__.replace("_", "-"), self.name, str(function.__doc__).strip().splitlines()[0].rstrip(".")


def quantity(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.quantities]


def category(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.categories]


def word(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.words]


def time(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.times]


def feature(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.features]


def target(subject: Subject) -> list[Columns]:
    return [(subject.target,)] if subject.target in subject.rows else []


def key(subject: Subject) -> list[Columns]:
    return [subject.key] if subject.key else []


def table(subject: Subject) -> list[Columns]:  # noqa: ARG001 - it can happen to any table
    return [()]


def within_category(subject: Subject) -> list[Columns]:
    """A quantity, and a category to tell some rows by."""
    return [(number, name) for number in subject.quantities for name in subject.categories if name != number]
