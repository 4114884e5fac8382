"""The tables that faults are injected into: real months of flights and of weather, and two small ones that come as a whole."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mlops.contract.faults.fault import Subject

ROOT = Path(__file__).parents[3]
DATA = ROOT / "data/nycflights13"
sys.path.insert(0, str(ROOT / "src/project"))


@dataclass(frozen=True)
class Table:
    """A table in parts, as they came: the last is the one that faults happen to."""

    name: str
    types: dict[str, str]
    parts: dict[str, pd.DataFrame]
    """Label -> rows; the label is what the raw file of the part is called."""
    newest: str
    key: tuple[str, ...]
    partition: tuple[str, ...]
    target: str
    leakage: tuple[str, ...] = ()
    contract: Path | None = None
    """The project's own, where it has one; its table has this one's name."""

    def before(self, label: str) -> list[pd.DataFrame]:
        """The parts that came before one."""
        return [rows for name, rows in self.parts.items() if name < label]

    @cached_property
    def subject(self) -> Subject:
        """What faults see: columns that are known only afterwards are dropped before anything is learnt, so nothing is tried on them."""
        types = {name: kind for name, kind in self.types.items() if name not in self.leakage or name == self.target}
        earlier = pd.concat(self.before(self.newest), ignore_index=True).iloc[: None if self.partition else 0]
        return Subject(self.parts[self.newest], earlier, types, self.key, self.partition, self.target)


@cache
def flights() -> Table:
    from ingest import declared
    from rawfile import read_csv

    contract = ROOT / "data/flights.odcs.yml"
    types = declared(contract)["flights"]
    months = {path.name[:7]: read_csv(path, types) for path in sorted(DATA.glob("flights/*.csv.gz"))}
    key = ("year", "month", "day", "carrier", "flight", "origin")
    leakage = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
    return Table("flights", types, months, "2013-08", key, ("year", "month"), "arr_delay", leakage, contract)


@cache
def weather() -> Table:
    """The example's hourly weather, a month at a time; nothing is learnt from it alone."""
    from ingest import declared
    from rawfile import read_csv

    types = declared(ROOT / "data/flights.odcs.yml")["weather"]
    whole = read_csv(DATA / "weather.csv", types)
    months = {f"{year}-{month:02}": rows.reset_index(drop=True) for (year, month), rows in whole.groupby(["year", "month"])}
    return Table("weather", types, months, "2013-08", ("origin", "time_hour"), ("year", "month"), "")


@cache
def penguins() -> Table:
    raw = pd.read_csv(Path(__file__).parent / "tables/penguins-raw.csv", na_values=["NA"], keep_default_na=False, parse_dates=["Date Egg"])
    raw = raw.rename(columns=lambda name: re.sub(r"\W+", "_", name).strip("_").lower())
    raw["date_egg"] = raw["date_egg"].dt.tz_localize("UTC")
    return _in_halves("penguins", raw, ("studyname", "sample_number", "species"), "species")


@cache
def diabetes() -> Table:
    """442 patients and how far the illness went on in a year: scikit-learn's, with the values as they were measured."""
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(as_frame=True, scaled=False).frame.assign(sex=lambda frame: np.where(frame["sex"] == 1, "a", "b"))
    return _in_halves("diabetes", raw.reset_index(names="patient"), ("patient",), "target")


def _in_halves(name: str, frame: pd.DataFrame, key: tuple[str, ...], target: str) -> Table:
    """A table that comes as a whole each time: half of its rows, drawn at random, are the one before, the other half is the one that comes."""
    order = np.random.default_rng(13).permutation(len(frame))
    parts = {f"part-{n + 1}": frame.iloc[np.sort(rows)].reset_index(drop=True) for n, rows in enumerate(np.array_split(order, 2))}
    types = {column: _type(frame[column]) for column in frame}
    return Table(name, types, parts, "part-2", key, (), target)


def _type(column: pd.Series) -> str:
    kinds: dict[str, Callable] = {
        "integer": pd.api.types.is_integer_dtype,
        "number": pd.api.types.is_numeric_dtype,
        "timestamp": pd.api.types.is_datetime64_any_dtype,
    }
    return next((kind for kind, test in kinds.items() if test(column.dtype)), "string")


TABLES = {"flights": flights, "weather": weather, "penguins": penguins, "diabetes": diabetes}
