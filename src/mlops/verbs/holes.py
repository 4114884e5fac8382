"""The verb that tries a contract: `mlops contract test`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.contract.faults.holes import Tried
    from mlops.contract.rules import Contract


def test(arguments: argparse.Namespace) -> int:
    """Run a contract against seeded faults of its own data; holes are told and are no failure, unless `--at-least` makes them one."""
    from mlops.contract.faults.holes import facts, holes
    from mlops.contract.standard import load

    contract = load(_contract(arguments.contract))
    tried = holes(contract, _frames(contract, arguments.data), arguments.only, _progress)
    caught = sum(item.trial.caught for item in tried)
    if arguments.json:
        print(json.dumps(facts(tried), ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(_screen(tried)))
    return 1 if tried and arguments.at_least is not None and caught < arguments.at_least * len(tried) else 0


def _contract(given: str) -> Path:
    if given:
        return Path(given)
    found = sorted(Path("data").glob("*.odcs.yml"))
    if len(found) != 1:
        names = ", ".join(map(str, found)) or "none"
        raise UsageError(f"which contract? In data/ there are: {names}", hint="Name it: mlops contract test --contract FILE")
    return found[0]


def _frames(contract: Contract, given: str) -> Mapping[str, pd.DataFrame]:
    """Return the tables of a folder that hold what the contract is about; without a folder, those that the newest run imported."""
    import pandas as pd

    folder = Path(given) if given else _newest(contract)
    paths = {table.name: folder / f"{table.name}.parquet" for table in contract.tables}
    frames = {name: pd.read_parquet(path).reset_index(drop=True) for name, path in paths.items() if path.is_file()}
    if not frames:
        wanted = ", ".join(path.name for path in paths.values())
        raise UsageError(f"there is none of {wanted}", where=str(folder), hint="Name the folder of the tables: --data DIR")
    return frames


def _newest(contract: Contract) -> Path:
    from mlops.local.runs import read_runs
    from mlops.verbs.pipelines import place

    home = place()[1]
    for run in read_runs(home):
        for path in sorted((home / "runs" / str(run.get("number", "")) / "steps").glob(f"*/outputs/*/{contract.tables[0].name}.parquet")):
            return path.parent
    raise UsageError("no run has imported these tables yet", hint="Run the pipeline (make train), or name a folder: --data DIR")


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
    caught = sum(item.trial.caught for item in tried)
    lines.append(f"{caught} of {len(tried)} caught ({caught / max(1, len(tried)):.0%}), {len(tried) - caught} would get through")
    return lines


def _hole(item: Tried) -> list[str]:
    fault = item.trial.fault
    where = f" ({', '.join(item.trial.columns)})" if item.trial.columns else ""
    remedy = [f"      {line}" for line in item.remedy.splitlines()] or [
        "      no rule that a profile proposes would tell it from the months before"
    ]
    return [f"  {fault.name}{where}: {fault.what}", *remedy]
