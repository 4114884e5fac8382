"""The rules of a contract as JSON that pandas and pandera scripts can read: all that are written by hand there too, the same for all."""

import dataclasses
import json
import sys
from pathlib import Path

from by_hand import RELATIONS

from mlops.contract.rules import Range
from mlops.contract.standard import load

KINDS = {"type", "required", "unique", "range", "finite", "set", "pattern", "rows", "distribution", "determined", "columns", "reference"}


def contract_of(path, names=None):
    """Return the contract with the rules only that pandas by hand has as well, or those of these names."""
    contract = load(Path(path))
    kept = plain if names is None else lambda rule: rule.name in names
    tables = [dataclasses.replace(table, rules=tuple(filter(kept, table.rules))) for table in contract.tables]
    return dataclasses.replace(contract, tables=tuple(tables))


def plain(rule):
    """Whether pandas by hand has a line for it."""
    if rule.kind == "relation":
        return rule.arguments["expression"] in RELATIONS
    if rule.kind == "custom":
        return rule.per_partition and rule.arguments["type"] == "expect_column_median_to_be_between"
    return rule.kind in KINDS and (rule.kind in {"rows", "distribution"} or not rule.per_partition)


def as_json(rule, table):
    """Return one rule as plain values."""
    limits = rule.arguments.get("range", Range())
    said = {"low": limits.low, "high": limits.high, "above": limits.above, "below": limits.below}
    more = {name: rule.arguments[name] for name in ("values", "pattern", "type", "expression", "to") if name in rule.arguments}
    more["previous"] = rule.arguments.get("previous", 0)
    more["names"] = list(rule.arguments.get("columns", ()))
    more["bands"] = {name: [band.low, band.high] for name, band in rule.arguments.get("bands", {}).items()}
    kwargs = rule.arguments.get("kwargs", {})
    said |= {"low": kwargs["min_value"], "high": kwargs["max_value"]} if rule.kind == "custom" else {}
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
    rules = [as_json(rule, table) for table in found.tables for rule in table.rules]
    folder = Path(sys.argv[2])
    (folder / "all.json").write_text(json.dumps(rules), encoding="utf-8")
    (folder / "plain.json").write_text(json.dumps([rule for rule in rules if rule["kind"] != "distribution"]), encoding="utf-8")
