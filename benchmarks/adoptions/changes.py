"""What is done to a good table to make it as bad as tables are: each takes a table and returns another."""

from __future__ import annotations

import numpy as np
import pandas as pd

SEED = 7


def holes_in(name: str, share: float = 0.1):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{name: table[name].mask(np.random.default_rng(SEED).random(len(table)) < share)})

    return change


def empty_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Two columns without a value, and one with always the same."""
    return table.assign(reserved=None, remarks=np.nan, version="1.0")


def one_class_of_one(name: str, value: str):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        changed = table.copy()
        changed.loc[changed.index[3], name] = value
        return changed

    return change


def foreign_names(table: pd.DataFrame) -> pd.DataFrame:
    """Umlauts, signs, blanks, quotes and commas in the names; two columns with one name, and one without any."""
    names = ["Größe, größte (mm)", "Wert", "Wert", "", 'Fläche "A" [m²]', "目の色", "x=1", "$preis", "-", "sum(a;b)", "été", "Ünïcode 😀"]
    return table.set_axis([*names, *table.columns[len(names) :]][: len(table.columns)], axis="columns")


def german_dates(name: str):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{name: pd.to_datetime(table[name]).dt.strftime("%d.%m.%Y")})

    return change


def words_for_booleans(*names: str):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{name: table[name].map({0: "no", 1: "yes"}) for name in names})

    return change


def sentinels(table: pd.DataFrame) -> pd.DataFrame:
    """Missing values as people write them: -999, `n/a`, `?` and a blank."""
    changed, draw = table.copy(), np.random.default_rng(SEED)
    for column, sign in zip(changed.select_dtypes("number").columns[1:3], (-999, -999), strict=False):
        changed[column] = changed[column].mask(draw.random(len(changed)) < 0.05, sign)
    for column, sign in zip(changed.select_dtypes(exclude="number").columns[:3], ("n/a", "?", " "), strict=False):
        changed[column] = changed[column].mask(draw.random(len(changed)) < 0.05, sign)
    return changed


def twice(table: pd.DataFrame) -> pd.DataFrame:
    """Every fourth row again: the same row would be in both parts of a careless split."""
    return pd.concat([table, table.iloc[::4]], ignore_index=True)


def leaking(name: str):
    """The answer in another column, in other words."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(outcome_code=table[name].astype("category").cat.codes.map(lambda code: f"K{code + 7}"))

    return change


def first(rows: int):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.sample(rows, random_state=SEED).reset_index(drop=True)

    return change


def only(*names: str):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table[list(names)]

    return change
