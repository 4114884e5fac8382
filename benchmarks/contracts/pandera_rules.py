"""The same rules as schemas of pandera, lazily, so that all of them are told; what is about more than one value as checks of the table."""

import json
import sys
from pathlib import Path

import numpy as np
import pandera.pandas as pa
from by_hand import MEASURED, of_table
from timed import read, timed

rules = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
tables = read(sys.argv[1], dict.fromkeys(rule["table"] for rule in rules), int(sys.argv[4]))
OF_TABLE = {"rows", "custom", "columns", "determined", "relation", "reference", "distribution"}


def checks(rule):
    """Return the check of a column that a rule is."""
    if rule["kind"] == "set":
        return [pa.Check.isin(rule["values"])]
    if rule["kind"] == "pattern":
        return [pa.Check.str_matches(rule["pattern"])]
    if rule["kind"] == "finite":
        return [pa.Check(lambda column: ~np.isinf(column))]
    low, high = rule["low"], rule["high"]
    return ([pa.Check.ge(low)] if low is not None else []) + ([pa.Check.le(high)] if high is not None else [])


def schema(name, frame):
    """Return the schema of one table."""
    mine = [rule for rule in rules if rule["table"] == name]
    columns, whole, unique = {}, [], None
    for column in dict.fromkeys(column for rule in mine for column in rule["columns"]):
        about = [rule for rule in mine if rule["columns"] == [column] and rule["kind"] not in {"type", "unique", *OF_TABLE}]
        required = any(rule["kind"] == "required" and not rule["share"] for rule in about)
        found = [check for rule in about if rule["kind"] != "required" for check in checks(rule)]
        columns[column] = pa.Column(frame[column].dtype, found, nullable=not required, unique=False)
    for rule in mine:
        if rule["kind"] == "unique":
            unique = rule["columns"]
        elif rule["kind"] == "required" and rule["share"]:
            whole.append(pa.Check(lambda df, r=rule: df[r["columns"][0]].isna().mean() <= r["share"]))
        elif rule["kind"] in OF_TABLE:
            whole.append(pa.Check(lambda df, r=rule: of_table(r, tables | {r["table"]: df})))
    return pa.DataFrameSchema(columns, checks=whole, unique=unique)


schemas = {name: schema(name, frame) for name, frame in tables.items()}


def run():
    """Return how many rows break each check."""
    MEASURED.clear()
    found = {}
    for name, frame in tables.items():
        try:
            schemas[name].validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            cases = errors.failure_cases
            found |= {f"{name}.{key}": int(count) for key, count in cases.groupby("column").size().items()}
    return found


timed(tables, run)
