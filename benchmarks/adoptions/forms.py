"""The forms in which a table reaches a person: as CSV mostly, in other ways as well. Each writes a table into a folder and says what `adopt` is given."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def csv(table: pd.DataFrame, path: Path) -> str:
    table.to_csv(made := path.with_suffix(".csv"), index=False)
    return str(made)


def tab_separated_gz(table: pd.DataFrame, path: Path) -> str:
    table.to_csv(made := path.with_suffix(".tsv.gz"), index=False, sep="\t")
    return str(made)


def german(table: pd.DataFrame, path: Path) -> str:
    """Semicolons, decimal commas, Latin-1, Windows line ends."""
    table.to_csv(made := path.with_suffix(".csv"), index=False, sep=";", decimal=",", encoding="latin-1", lineterminator="\r\n")
    return str(made)


def marked(table: pd.DataFrame, path: Path) -> str:
    """As a spreadsheet saves it: with a byte-order mark."""
    table.to_csv(made := path.with_suffix(".csv"), index=False, encoding="utf-8-sig")
    return str(made)


def excel(table: pd.DataFrame, path: Path) -> str:
    table.to_excel(made := path.with_suffix(".xlsx"), index=False)
    return str(made)


def json_lines(table: pd.DataFrame, path: Path) -> str:
    table.to_json(made := path.with_suffix(".jsonl"), orient="records", lines=True, date_format="iso")
    return str(made)


def parquet(table: pd.DataFrame, path: Path) -> str:
    table.to_parquet(made := path.with_suffix(".parquet"), index=False)
    return str(made)


def sqlite(table: pd.DataFrame, path: Path) -> str:
    with closing(sqlite3.connect(made := path.with_suffix(".db"))) as database:
        table.to_sql(path.stem, database, index=False)
    return f"sqlite:///{made}"


def parquet_by_year(table: pd.DataFrame, path: Path) -> str:
    """A folder for each year, as Spark and Arrow write them: the column is in the name alone."""
    table.to_parquet(path, index=False, partition_cols=["year"])
    return str(path)


def csv_by_month(table: pd.DataFrame, path: Path) -> str:
    """A file for each month, compressed."""
    path.mkdir()
    for month, rows in table.groupby("month"):
        rows.drop(columns="month").to_csv(path / f"{month}.csv.gz", index=False)
    return str(path)
