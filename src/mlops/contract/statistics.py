"""Numbers that say how a column is distributed, in a table or in each partition of it: what a contract holds against a reference.

The reference is in the contract itself, a band for each number. A number that there is not, where one was learnt, breaks its band as one that
is too high does: a mean of no values, the mean of a slice that vanished, the correlation of a column that stands still. A piece too small for a number owes none.

    missing                   share of rows without a value
    mean median spread q05 …  of numbers (true is 1); spread is the standard deviation, q05 the 5 % quantile
    zeros fractions negative  share of the values that are 0, are no whole number, are below 0
    tens                      share of the values that ten divides
    distinct                  how many values there are
    top highest lowest        share of the commonest value, of the greatest, of the least
    order                     Pearson's with the place in the file: 1 where it is sorted
    frozen                    longest run of one value, as a share of the rows
    length                    mean length of text
    median q05 …              of times as well, in years: 2013.5 is July 2, 2013
    hour midnight             of times: mean hour of the day, share at 00:00:00
    age                       of times: days from the latest to now
    days span daily           of times: how many days there are, from the first to the last, rows a day
    share VALUE, others       share of a value; of those that are not named
    correlation COLUMN        Pearson's, with another column of numbers
    by COLUMN=VALUE           mean of the rows where another column has a value
    duplicates repeated       of a table: share of the rows that are there before; that an earlier partition has, whatever its name
    tells COLUMN              how much of another column's variance this one explains by itself, 0 to 1
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    import pandas as pd

PLAIN = (
    *(
        "missing",
        "mean",
        "median",
        "spread",
        "zeros",
        "fractions",
        "negative",
        "tens",
        "distinct",
        "top",
        "highest",
        "lowest",
        "order",
        "frozen",
        "length",
        "hour",
        "midnight",
    ),
    *("days", "span", "daily", "others", "age", "duplicates", "repeated"),
)
OF_TABLES = ("duplicates", "repeated")
NESTED = ("shares", "correlation", "tells", "by")
_QUANTILE = re.compile(r"q\d{2}")
_NUMBERS = {"mean", "median", "spread", "zeros", "fractions", "negative", "tens", "highest", "lowest"}
_TIMES = {"hour", "midnight", "days", "span", "daily", "age"}
_YEAR = 365.2425
_OF_CODES = {"distinct", "top", "frozen", "length", "share", "others", "tells"}
_BINS = 20
_PAIRS, _TOLD = 3, 30
"""Rows that a correlation, and what a column tells of another, are counted from at least."""
_OF_FLOATS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda values: values.mean(),
    "spread": lambda values: values.std(),
    "zeros": lambda values: (values == 0).mean(),
    "fractions": lambda values: (values % 1 != 0).mean(),
    "negative": lambda values: (values < 0).mean(),
    "tens": lambda values: (values % 10 == 0).mean(),
    "highest": lambda values: (values == values.max()).mean(),
    "lowest": lambda values: (values == values.min()).mean(),
}


def known(name: str) -> bool:
    """Whether this is a number that can be asked for."""
    return name in PLAIN or name in NESTED or bool(_QUANTILE.fullmatch(name))


def needs_rows(name: str) -> int | None:
    """Return from how many rows on a piece has this number; None of one that the first piece never has."""
    kind = name.partition(" ")[0]
    return None if kind == "repeated" else {"correlation": _PAIRS, "order": _PAIRS, "tells": _TOLD}.get(kind, 1)


def measure(
    frame: pd.DataFrame, column: str, names: Iterable[str], pieces: Sequence[np.ndarray], others: Others | None = None
) -> dict[str, list[float]]:
    """Return each of the numbers for each of the pieces of a table.

    Args:
        frame: The table.
        column: What is measured; empty for the table itself (`duplicates`).
        names: Which numbers, with their argument after a blank: `mean`, `share York`, `correlation fare`.
        pieces: Positions of the rows of each piece.
        others: What was made of other columns before, for the same table.
    """
    wanted = list(names)
    if not column:
        return {name: _duplicates(frame, pieces) if name == "duplicates" else _repeated(frame, pieces) for name in wanted}
    coded, others = _Coded(frame[column], wanted), others or Others(frame)
    parts = [_Part(coded, others, _place(rows), len(rows)) for rows in pieces]
    asked = [name.partition(" ")[::2] for name in wanted]
    found = [[part.number(kind, other) for kind, other in asked] for part in parts]
    return dict(zip(wanted, map(list, zip(*found, strict=True)), strict=True)) if found else {name: [] for name in wanted}


def _place(rows: np.ndarray) -> slice | np.ndarray:
    """Return rows that follow each other as a slice: what is taken of a column by it is not copied."""
    together = len(rows) and rows[-1] - rows[0] + 1 == len(rows) and bool((rows[1:] > rows[:-1]).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows


def flat(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a contract says of a column's numbers with one entry for each: {shares: {EWR: band}} as {"share EWR": band}."""
    made: dict[str, Any] = {}
    for name, band in kwargs.items():
        if name in NESTED and isinstance(band, dict):
            made |= {f"{name.removesuffix('s') if name == 'shares' else name} {key}": inner for key, inner in band.items()}
        else:
            made[name] = band
    return made


class _Coded:
    """A column in the forms that its numbers are counted from, each made once for all pieces."""

    def __init__(self, values: pd.Series, wanted: Iterable[str]) -> None:
        import numpy as np
        import pandas as pd

        named = [name.partition(" ") for name in wanted]
        kinds = {kind for kind, _, _ in named}
        self.there = values.notna().to_numpy()
        self.numeric = pd.api.types.is_numeric_dtype(values.dtype)
        self.floats = numbers(values) if self.numeric else np.empty(0)
        self.gaps = bool(np.isnan(self.floats).any())
        self.shares = tuple(sorted(int(kind[1:]) for kind in kinds if _QUANTILE.fullmatch(kind)))
        self.codes, self.place = np.empty(0, dtype=int), dict[str, list[int]]()
        self.count, self.lengths = 0, np.empty(0)
        if kinds & _OF_CODES:
            self.codes, labels = _codes(values)
            self.count = len(labels)
            texts = [text_of(label) for label in labels] if kinds & {"length", "share", "others"} else []
            for code, text in enumerate(texts):
                self.place.setdefault(text, []).append(code)
            self.lengths = np.fromiter(map(len, texts), dtype=float, count=len(texts))
        self.named = [code for kind, _, value in named if kind == "share" for code in self.place.get(value, ())]
        self.times = pd.DatetimeIndex(values) if pd.api.types.is_datetime64_any_dtype(values.dtype) else None


class _Part:
    """One piece of a column; what several of its numbers are made from is made once."""

    def __init__(self, column: _Coded, others: Others, rows: slice | np.ndarray, size: int) -> None:
        self.column, self.others, self.rows, self.size = column, others, rows, size

    def number(self, kind: str, other: str) -> float:
        """Return one number; not a number where there is none."""
        if not self.size:
            return math.nan
        if kind == "missing":
            return 1 - float(self.column.there[self.rows].mean())
        if kind in _TIMES or (self.column.times is not None and (kind == "median" or _QUANTILE.fullmatch(kind))):
            return self._of_times(kind)
        if kind in _NUMBERS or _QUANTILE.fullmatch(kind):
            return self._of_floats(kind) if self.column.numeric and len(self.floats) else math.nan
        if kind in {"correlation", "tells", "by"}:
            return self._together(kind, other)
        if kind == "order":
            return correlation(self.column.floats[self.rows], self.places) if self.column.numeric else math.nan
        return self._of_codes(kind, other) if len(self.codes) else math.nan

    @property
    def places(self) -> np.ndarray:
        """The place of each row in the table."""
        import numpy as np

        rows = self.rows
        return np.arange(rows.start, rows.stop, dtype=float) if isinstance(rows, slice) else rows.astype(float)

    @cached_property
    def floats(self) -> np.ndarray:
        import numpy as np

        values = self.column.floats[self.rows]
        return values[~np.isnan(values)] if self.column.gaps else values

    @cached_property
    def codes(self) -> np.ndarray:
        codes = self.column.codes[self.rows]
        return codes if self.column.there.all() else codes[codes >= 0]

    @cached_property
    def counts(self) -> np.ndarray:
        import numpy as np

        return np.bincount(self.codes, minlength=self.column.count)

    @cached_property
    def quantiles(self) -> dict[int, float]:
        """The quantiles that are asked for and the median, by their percents: all from one partial sort."""
        import numpy as np

        shares = (50, *self.column.shares)
        with np.errstate(all="ignore"):
            found = np.quantile(self.floats, [share / 100 for share in shares])
        return dict(zip(shares, map(float, found), strict=True))

    def _of_floats(self, kind: str) -> float:
        import numpy as np

        if kind == "median" or _QUANTILE.fullmatch(kind):
            made = self.quantiles[50 if kind == "median" else int(kind[1:])]
        else:
            with np.errstate(all="ignore"):
                made = float(_OF_FLOATS[kind](self.floats))
        return made if math.isfinite(made) else math.nan

    def _of_times(self, kind: str) -> float:
        import numpy as np
        import pandas as pd

        if self.column.times is None:
            return math.nan
        times = self.column.times[self.rows][self.column.there[self.rows]]
        if not len(times):
            return math.nan
        if kind == "median" or _QUANTILE.fullmatch(kind):
            return float(np.quantile(_years(times), 0.5 if kind == "median" else int(kind[1:]) / 100))
        if kind == "age":
            return float((pd.Timestamp.now(tz=times.tz) - times.max()) / np.timedelta64(1, "D"))
        if kind == "span":
            return float((times.max() - times.min()) / np.timedelta64(1, "D"))
        if kind in {"days", "daily"}:
            days = times.normalize().nunique()
            return float(days if kind == "days" else len(times) / days)
        if kind == "hour":
            return float(np.mean(times.hour))
        return float(np.mean((times.hour == 0) & (times.minute == 0) & (times.second == 0)))

    def _of_codes(self, kind: str, other: str) -> float:
        import numpy as np

        codes, counts = self.codes, self.counts
        if kind == "frozen":
            ends = np.flatnonzero(codes[1:] != codes[:-1]) + 1
            return float(np.diff(ends, prepend=0, append=len(codes)).max()) / self.size
        if kind == "distinct":
            return float(np.count_nonzero(counts))
        if kind == "top":
            return float(counts.max()) / len(codes)
        if kind == "length":
            return float(counts @ self.column.lengths) / len(codes)
        named = self.column.named if kind == "others" else self.column.place.get(other, [])
        share = float(counts[named].sum()) / len(codes)
        return 1 - share if kind == "others" else share

    def _together(self, kind: str, other: str) -> float:
        name, _, value = other.partition("=") if kind == "by" else (other, "", "")
        if name not in self.others.frame or (kind != "tells" and not self.column.numeric):
            return math.nan
        if kind == "by":
            return self._by(name).get(value, math.nan)
        target = self.others.numbers(name)[self.rows]
        if kind == "correlation":
            return correlation(self.column.floats[self.rows], target)
        ordered = self.column.numeric
        values = self.column.floats[self.rows] if ordered else self.column.codes[self.rows].astype(float)
        return tells(values, target, ordered=ordered)

    def _by(self, name: str) -> dict[str, float]:
        """Return the mean of the rows with each value of another column, counted in one go."""
        import numpy as np

        if name not in self.means:
            codes, labels = self.others.words(name)
            there, values = codes[self.rows], self.column.floats[self.rows]
            known = (there >= 0) & ~np.isnan(values)
            counts = np.bincount(there[known], minlength=len(labels))
            with np.errstate(all="ignore"):
                found = np.bincount(there[known], weights=values[known], minlength=len(labels)) / counts
            self.means[name] = {label: float(mean) for label, mean in zip(labels, found, strict=True) if np.isfinite(mean)}
        return self.means[name]

    @cached_property
    def means(self) -> dict[str, dict[str, float]]:
        return {}


def text_of(value: Any) -> str:
    """Return a value as it stands in a contract: whole numbers without `.0`, booleans as YAML has them."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if str(value) in {"True", "False"} else str(value)


def numbers(values: pd.Series) -> np.ndarray:
    """Return a column of numbers as floats; what is missing or infinite is not a number."""
    import numpy as np

    made = values.to_numpy(dtype="float64", na_value=math.nan)
    return np.where(np.isfinite(made), made, math.nan)


def _codes(values: pd.Series) -> tuple[np.ndarray, Any]:
    import pandas as pd

    try:
        return pd.factorize(values)
    except TypeError:  # lists and the like cannot be hashed
        return pd.factorize(values.map(repr, na_action="ignore"))


class Others:
    """The columns that a column is compared with, in numbers; each is made once for all that is measured of a table."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.made: dict[str, Any] = {}

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as floats: numbers as they are, of other values which one it is."""
        import pandas as pd

        if name not in self.made:
            column = self.frame[name]
            plain = pd.api.types.is_numeric_dtype(column.dtype)
            self.made[name] = numbers(column) if plain else _codes(column)[0].astype(float)
        return self.made[name]  # type: ignore[no-any-return]

    def words(self, name: str) -> tuple[np.ndarray, list[str]]:
        """Return which of its values each row has, and these as they stand in a contract."""
        key = f"{name}="
        if key not in self.made:
            codes, labels = _codes(self.frame[name])
            self.made[key] = codes, [text_of(label) for label in labels]
        return self.made[key]  # type: ignore[no-any-return]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation of the rows that have both; not a number where there are fewer than three, or one does not vary."""
    import numpy as np

    both = ~(np.isnan(one) | np.isnan(other))
    if not both.all():
        one, other = one[both], other[both]
    if len(one) < _PAIRS:
        return math.nan
    one, other = one - one.mean(), other - other.mean()
    spread = math.sqrt(float(one @ one)) * math.sqrt(float(other @ other))
    return max(-1.0, min(1.0, float(one @ other) / spread)) if spread and math.isfinite(spread) else math.nan


def _years(times: pd.DatetimeIndex) -> np.ndarray:
    """Return times as years with their fraction."""
    plain = times.tz_convert(None) if times.tz is not None else times
    return 1970 + plain.as_unit("s").asi8 / (86_400 * _YEAR)


def tells(values: np.ndarray, target: np.ndarray, *, ordered: bool) -> float:
    """Return the share of the target's variance between the values' groups (eta squared), less what chance gives it.

    Ordered values are cut into twenty equal parts. Chance gives (groups - 1) / (rows - 1) of the variance.
    """
    import numpy as np

    there = ~np.isnan(target)
    values, target = values[there], target[there]
    if len(target) < _TOLD or target.std() == 0:
        return math.nan
    if ordered:
        absent = np.isnan(values)
        known = values[~absent] if absent.any() else values
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.empty(0)
        groups = np.where(absent, len(cuts) + 1, np.searchsorted(cuts, values))
    else:
        groups = values.astype(int) + 1
    counts, sums = np.bincount(groups), np.bincount(groups, weights=target)
    means, counts = sums[counts > 0] / counts[counts > 0], counts[counts > 0]
    share = float(counts @ (means - target.mean()) ** 2 / (len(target) * target.var()))
    chance = (len(counts) - 1) / (len(target) - 1)
    return max(0.0, (share - chance) / (1 - chance)) if chance < 1 else math.nan


def _duplicates(frame: pd.DataFrame, pieces: Sequence[np.ndarray]) -> list[float]:
    """Return for each piece the share of rows that are there before in it, in all their values."""
    return [float(_hashes(frame.iloc[rows]).duplicated().mean()) if len(rows) else math.nan for rows in pieces]


def _repeated(frame: pd.DataFrame, pieces: Sequence[np.ndarray]) -> list[float]:
    """Return for each piece the share of rows that an earlier one has, but for the columns that name the piece: one value in each."""
    import numpy as np

    names = [name for name in frame if any(len(frame[name].iloc[rows].astype("str").unique()) > 1 for rows in pieces)]
    if not names:
        return [math.nan] * len(pieces)
    hashes = _hashes(frame[names]).to_numpy()
    found, seen = [], np.empty(0, dtype=hashes.dtype)
    for rows in pieces:
        found.append(float(np.isin(hashes[rows], seen).mean()) if len(seen) and len(rows) else math.nan)
        seen = np.concatenate([seen, hashes[rows]])
    return found


def _hashes(frame: pd.DataFrame) -> pd.Series:
    """Return a number for each row that is the same where all its values are."""
    import pandas as pd

    try:
        return pd.util.hash_pandas_object(frame, index=False)
    except TypeError:
        return pd.util.hash_pandas_object(frame.map(repr), index=False)
