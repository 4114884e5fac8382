"""The columns of the table: which of them the model learns from, and as what. columns.yml says it; nothing else in this folder names a column."""

import sys
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import yaml
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

WINDOW = "time_window"
"""The column that says which window of the time a row is from: `clean` makes it, `evaluate` and `mlops monitor` go by it."""


@dataclass(frozen=True)
class Columns:
    target: str
    positive: object = None
    numbers: tuple = ()
    booleans: tuple = ()
    categories: tuple = ()
    high_cardinality: tuple = ()
    ordinals: dict = field(default_factory=dict)
    texts: tuple = ()
    dates: tuple = ()
    keys: tuple = ()
    slices: tuple = ()
    group: str = ""
    time: str = ""

    @property
    def features(self):
        """What the model learns from, in the order of its signature."""
        return [*self.numbers, *self.booleans, *self.categories, *self.high_cardinality, *self.ordinals, *self.texts, *self.dates]

    @property
    def beside(self):
        """What a row has besides: its keys, its group, its time."""
        return [name for name in dict.fromkeys([*self.keys, *self.slices, self.group, self.time]) if name and name not in self.features]

    def places(self, names):
        """Return where columns stand in the signature."""
        return [self.features.index(name) for name in names]


def read_columns(path):
    columns = Columns(**yaml.safe_load(path.read_text(encoding="utf-8")))
    twice = [name for name in columns.features if columns.features.count(name) > 1 or name == columns.target]
    if twice:
        sys.exit(f"{path.name}: {twice[0]} stands there twice. A column is learnt from as one thing, and the target is not learnt from.")
    return columns


def typed(table, columns):
    """Return the table with the model's columns in the types of its signature; infinite numbers count as missing.

    Numbers are float64, which has room for missing ones; truth values bool; times datetime64; all else text, or None where it is missing.
    """
    missing = [name for name in columns.features if name not in table]
    if missing:
        sys.exit(f"there is no column {', '.join(missing)}, which the model learns from. There are: {', '.join(map(str, table))}.")
    made = {name: as_signature(table[name]) for name in columns.features}
    kinds = dict.fromkeys(columns.numbers, "fb") | dict.fromkeys(columns.dates, "M")
    wrong = [name for name, kind in kinds.items() if made[name].dtype.kind not in kind and made[name].notna().any()]
    if wrong:
        sys.exit(f"{wrong[0]} holds {made[wrong[0]].dropna().iloc[:1].tolist()}, and columns.yml has it among the numbers or the dates.")
    return pd.concat([table.drop(columns=columns.features), pd.DataFrame(made, index=table.index)], axis="columns")[list(table)]


def as_signature(values):
    known = values.dropna()
    if is_datetime64_any_dtype(values.dtype):
        return (values.dt.tz_convert(None) if values.dt.tz is not None else values).astype("datetime64[us]")
    if is_bool_dtype(values.dtype) or (len(known) and known.map(type).eq(bool).all()):
        return known.astype("bool") if len(known) == len(values) else values.astype("object").where(values.notna(), None)
    if is_numeric_dtype(values.dtype) or not len(known):
        return pd.Series(values.to_numpy("float64", na_value=np.nan), values.index).replace([np.inf, -np.inf], np.nan)
    return values.astype("str").astype("object").where(values.notna(), None)


def windows(time, length):
    """Return the window of each time: 2013, 2013Q3, 2013-08 and so on; `value` takes numbers and texts as they are."""
    if length == "value" or not is_datetime64_any_dtype(time.dtype):
        return time.map(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value).astype("str")
    plain = time.dt.tz_convert(None) if time.dt.tz is not None else time
    periods = plain.dt.to_period({"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D"}[length])
    return periods.dt.start_time.dt.strftime("%Y-%m-%d") if length == "week" else periods.astype("str")
