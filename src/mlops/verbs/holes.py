"""The verb that tries a contract: `mlops contract test`."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import TYPE_CHECKING

from mlops.verbs.tables import contract_file, tables_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.contract.faults.holes import Tried
    from mlops.contract.tables import Chunks


def test(arguments: argparse.Namespace) -> int:
    """Run a contract against seeded faults of its own data; holes are told and are no failure, unless `--at-least` makes them one."""
    from mlops.contract.faults.holes import facts, holes
    from mlops.contract.standard import load

    contract = load(contract_file(arguments.contract, arguments.model))
    frames = _in_memory(tables_of(contract, arguments.data, arguments.model))
    tried = holes(contract, frames, _progress, only=arguments.only, target=arguments.target)
    caught = sum(item.trial.caught for item in tried)
    if arguments.json:
        print(json.dumps(facts(tried), ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(_screen(tried)))
    return 1 if tried and arguments.at_least is not None and caught < arguments.at_least * len(tried) else 0


def _in_memory(found: Mapping[str, pd.DataFrame | Chunks]) -> Mapping[str, pd.DataFrame]:
    """Return tables, each whole: of one that is larger than memory, its last rows."""
    import pandas as pd

    return {name: table if isinstance(table, pd.DataFrame) else deque(table.frames(), maxlen=1)[0] for name, table in found.items()}


def _progress(table: str, number: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r  {table}: {number} of {of}", end="\n" if number == of else "", file=sys.stderr, flush=True)


def _screen(tried: Sequence[Tried]) -> list[str]:
    """Return what was tried, the holes, and how each would be closed."""
    lines = []
    for table in dict.fromkeys(item.table for item in tried):
        mine = [item for item in tried if item.table == table]
        count: dict[str, int] = {}
        for item in mine:
            count[item.trial.outcome] = count.get(item.trial.outcome, 0) + 1
        told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(count.items(), key=lambda pair: -pair[1]))
        lines.append(f"{table}: {len(mine)} faults tried: {told}")
        lines += [line for item in mine if not item.trial.caught for line in _hole(item)]
    if not tried:
        return ["no such fault can happen to these tables"]
    caught = sum(item.trial.caught for item in tried)
    lines.append(f"{caught} of {len(tried)} caught ({caught / len(tried):.0%}), {len(tried) - caught} would get through")
    return lines


def _hole(item: Tried) -> list[str]:
    fault = item.trial.fault
    where = f" ({', '.join(item.trial.columns)})" if item.trial.columns else ""
    remedy = [f"      {line}" for line in item.remedy.splitlines()] or [
        "      no rule that a profile proposes would tell it from the months before"
    ]
    return [f"  {fault.name}{where}: {fault.what}", *remedy]
