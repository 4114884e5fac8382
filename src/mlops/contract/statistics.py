"""Numbers that say how a column is distributed, in a table or in each partition of it: what a contract holds against a reference.

The reference is in the contract itself, a band for each number. Every number is defined for any column, or is missing; a number that is
missing says nothing, and breaks nothing.

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
_BINS = 20


def known(name: str) -> bool:
    """Whether this is a number that can be asked for."""
    return name in PLAIN or name in NESTED or bool(_QUANTILE.fullmatch(name))


def measure(
    frame: pd.DataFrame, column: str, names: Iterable[str], pieces: Sequence[np.ndarray], others: Others | None = None
) -> dict[str, list[float]]:
    """Return each of the numbers for each of the pieces of a table.

    Args:
        frame: The table.
        column: What is measured; empty for the table itself (`duplicates`).
        names: Which numbers, with their argument after a blank: `mean`, `share EWR`, `correlation dep_delay`.
        pieces: Positions of the rows of each piece.
        others: What was made of other columns before, for the same table.
    """
    wanted = list(names)
    if not column:
        return {name: _duplicates(frame, pieces) if name == "duplicates" else _repeated(frame, pieces) for name in wanted}
    coded, others = _Coded(frame[column], wanted), others or Others(frame)
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for rows in pieces:
        for name in wanted:
            kind, _, other = name.partition(" ")
            if kind in {"correlation", "tells", "by"}:
                found[name].append(_together(kind, coded, others, other, rows))
            else:
                found[name].append(coded.number(kind, other, rows, wanted))
    return found


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

        kinds = {name.partition(" ")[0] for name in wanted}
        self.values = values
        self.there = values.notna().to_numpy()
        self.numeric = pd.api.types.is_numeric_dtype(values.dtype)
        self.timed = pd.api.types.is_datetime64_any_dtype(values.dtype)
        self.floats = numbers(values) if self.numeric else np.empty(0)
        self.count = 0
        self.last: tuple[np.ndarray | None, np.ndarray] = (None, np.empty(0))
        self.codes, self.labels = np.empty(0, dtype=int), np.empty(0, dtype=object)
        if kinds & {"distinct", "top", "frozen", "length", "share", "others", "tells"}:
            self.codes, labels = _codes(values)
            if kinds & {"length", "share", "others"}:
                self.labels = np.asarray([text_of(label) for label in labels], dtype=object)
            self.count = len(labels)
        self.times = pd.DatetimeIndex(values) if self.timed else None

    def number(self, kind: str, other: str, rows: np.ndarray, wanted: Sequence[str]) -> float:
        """Return one number of one piece; not a number where there is none."""
        if not len(rows):
            return math.nan
        if kind == "missing":
            return 1 - float(self.there[rows].mean())
        if kind in _TIMES or (self.timed and (kind == "median" or _QUANTILE.fullmatch(kind))):
            return self._of_times(kind, rows)
        if kind in _NUMBERS or _QUANTILE.fullmatch(kind):
            return _of_numbers(kind, self._floats_of(rows)) if self.numeric else math.nan
        if kind == "order":
            return correlation(self.floats[rows], rows.astype(float)) if self.numeric else math.nan
        return self._of_codes(kind, other, rows, wanted)

    def _floats_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the numbers of a piece; they are taken once for all that is asked of it."""
        import numpy as np

        if self.last[0] is not rows:
            values = self.floats[rows]
            self.last = (rows, values[~np.isnan(values)])
        return self.last[1]

    def _of_times(self, kind: str, rows: np.ndarray) -> float:
        import numpy as np
        import pandas as pd

        rows = rows[self.there[rows]]
        if self.times is None or not len(rows):
            return math.nan
        times = self.times[rows]
        if kind == "median" or _QUANTILE.fullmatch(kind):
            return float(np.quantile(_years(times), 0.5 if kind == "median" else int(kind[1:]) / 100))
        if kind == "age":
            return float((pd.Timestamp.now(tz=times.tz) - times.max()) / np.timedelta64(1, "D"))
        if kind == "span":
            return float((times.max() - times.min()) / np.timedelta64(1, "D"))
        if kind in {"days", "daily"}:
            days = times.normalize().nunique()
            return float(days if kind == "days" else len(rows) / days)
        if kind == "hour":
            return float(np.mean(times.hour))
        return float(np.mean((times.hour == 0) & (times.minute == 0) & (times.second == 0)))

    def _of_codes(self, kind: str, other: str, rows: np.ndarray, wanted: Sequence[str]) -> float:
        import numpy as np

        codes = self.codes[rows]
        codes = codes[codes >= 0]
        if not len(codes):
            return math.nan
        if kind == "frozen":
            ends = np.flatnonzero(np.diff(codes)) + 1
            return float(np.diff(np.concatenate([[0], ends, [len(codes)]])).max()) / len(rows)
        counts = np.bincount(codes, minlength=self.count)
        if kind == "distinct":
            return float((counts > 0).sum())
        if kind == "top":
            return float(counts.max()) / len(codes)
        if kind == "length":
            lengths = np.fromiter((len(label) for label in self.labels), dtype=float, count=len(self.labels))
            return float(counts @ lengths) / len(codes)
        named = {name.partition(" ")[2] for name in wanted if name.startswith("share ")} if kind == "others" else {other}
        share = float(counts[[label in named for label in self.labels]].sum()) / len(codes)
        return 1 - share if kind == "others" else share


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


def _of_numbers(kind: str, values: np.ndarray) -> float:
    import numpy as np

    if not len(values):
        return math.nan
    asked: dict[str, Callable[[], Any]] = {
        "mean": values.mean,
        "median": lambda: np.median(values),
        "spread": values.std,
        "zeros": (values == 0).mean,
        "fractions": (values % 1 != 0).mean,
        "negative": (values < 0).mean,
        "tens": (values % 10 == 0).mean,
        "highest": (values == values.max()).mean,
        "lowest": (values == values.min()).mean,
    }
    with np.errstate(all="ignore"):
        made = asked[kind]() if kind in asked else np.quantile(values, int(kind[1:]) / 100)
    return float(made) if np.isfinite(made) else math.nan


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


def _together(kind: str, coded: _Coded, others: Others, other: str, rows: np.ndarray) -> float:
    import numpy as np

    name, _, value = other.partition("=") if kind == "by" else (other, "", "")
    if name not in others.frame or (kind != "tells" and not coded.numeric):
        return math.nan
    if kind == "by":
        codes, labels = others.words(name)
        inside = coded.floats[rows[codes[rows] == labels.index(value)]] if value in labels else np.empty(0)
        return _of_numbers("mean", inside[~np.isnan(inside)])
    target = others.numbers(name)[rows]
    if kind == "tells":
        return tells(coded.floats[rows] if coded.numeric else coded.codes[rows].astype(float), target, ordered=coded.numeric)
    return correlation(coded.floats[rows], target)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation where both have a value; not a number where one does not vary."""
    import numpy as np

    both = ~(np.isnan(first) | np.isnan(second))
    first, second = first[both], second[both]
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


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
    if len(target) < 30 or target.std() == 0:
        return math.nan
    if ordered:
        cuts = np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])) if not np.isnan(values).all() else np.empty(0)
        groups = np.where(np.isnan(values), len(cuts) + 1, np.searchsorted(cuts, values))
    else:
        groups = values + 1
    _, groups = np.unique(groups, return_inverse=True)
    counts = np.bincount(groups)
    means = np.bincount(groups, weights=target) / counts
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
