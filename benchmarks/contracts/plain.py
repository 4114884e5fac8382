"""The plain rules of a contract, as JSON that pandas and pandera scripts can read: the same for all that are compared."""

import dataclasses
import json
import sys
from pathlib import Path

from mlops.contract.rules import Range
from mlops.contract.standard import load

KINDS = {"type", "required", "unique", "range", "finite", "length", "set", "pattern", "rows"}


def contract_of(path):
    """Return the contract with its plain rules only, and of those per partition the numbers of rows."""
    contract = load(Path(path))
    tables = [dataclasses.replace(table, rules=tuple(filter(plain, table.rules))) for table in contract.tables]
    return dataclasses.replace(contract, tables=tuple(tables))


def plain(rule):
    """Whether pandas by hand has a line for it."""
    return rule.kind in KINDS and (rule.kind == "rows" or not rule.per_partition)


def as_json(rule, table):
    """Return one rule as plain values."""
    limits = rule.arguments.get("range", Range())
    said = {"low": limits.low, "high": limits.high, "above": limits.above, "below": limits.below}
    more = {name: rule.arguments[name] for name in ("values", "pattern", "type") if name in rule.arguments}
    by = list(table.partition) if rule.per_partition else []
    return {
        "name": rule.name,
        "table": rule.table,
        "kind": rule.kind,
        "columns": list(rule.columns),
        "share": rule.share,
        "by": by,
        **said,
        **more,
    }


if __name__ == "__main__":
    found = contract_of(sys.argv[1])
    Path(sys.argv[2]).write_text(json.dumps([as_json(rule, table) for table in found.tables for rule in table.rules]), encoding="utf-8")
