"""The same rules in pandas, as one would write them by hand: which rows break each."""

import json
import sys
from pathlib import Path

import pandas as pd
from by_hand import MEASURED, of_table
from timed import read, timed

rules = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
tables = read(sys.argv[1], dict.fromkeys(rule["table"] for rule in rules), int(sys.argv[4]))
TYPES = {
    "string": pd.api.types.is_string_dtype,
    "integer": pd.api.types.is_integer_dtype,
    "number": pd.api.types.is_numeric_dtype,
    "timestamp": pd.api.types.is_datetime64_any_dtype,
}


def bad_rows(rule, frame):
    """Return the rows that break a rule; None where it is about a table, and holds."""
    column = frame[rule["columns"][0]] if rule["columns"] else None
    if rule["kind"] == "type":
        return None if TYPES[rule["type"]](column.dtype) else frame.index
    kept = of_table(rule, tables)
    if kept is not None:
        return None if kept else frame.index
    if rule["kind"] == "required":
        bad = column.isna()
    elif rule["kind"] == "unique":
        bad = frame.duplicated(rule["columns"], keep=False)
    elif rule["kind"] == "set":
        bad = ~column.isin(rule["values"]) & column.notna()
    elif rule["kind"] == "pattern":
        bad = ~column.str.contains(rule["pattern"], na=True)
    else:
        low, high = rule["low"], rule["high"]
        bad = (column < low if low is not None else False) | (column > high if high is not None else False)
        bad = bad if rule["kind"] == "range" else column.abs() == float("inf")
    return frame.index[bad] if bad.mean() > rule["share"] else frame.index[:0]


def run():
    """Return the names of the broken rules, and how many rows break each."""
    MEASURED.clear()
    found = {rule["name"]: bad_rows(rule, tables[rule["table"]]) for rule in rules}
    return {name: len(rows) for name, rows in found.items() if rows is not None and len(rows)}


timed(tables, run)
