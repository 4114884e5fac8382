"""`make faults`: the whole corpus, in every table, by the contract and by its peers; writes docs/faults.md.

python -m tests.contract.faults                   everything
python -m tests.contract.faults flights           one table, and what of the page there are results for
python -m tests.contract.faults --no-peers
"""

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path

from tests.contract.faults import page
from tests.contract.faults.peers import PEERS, compare
from tests.contract.faults.tables import ROOT, TABLES, Table
from tests.contract.faults.way import Way

from mlops.contract.faults import FAULTS

RESULTS = ROOT / ".mlops/faults"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without")
    parser.add_argument("--no-peers", action="store_true", help="leave the other tools out")
    parser.add_argument("--peer", action="append", help=f"of {', '.join(PEERS)}; may be repeated")
    parser.add_argument("--page", action="store_true", help="only write the page, from the results that there are")
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in [] if arguments.page else arguments.tables or list(TABLES):
        table = TABLES[name]()
        if not arguments.peer:
            (RESULTS / f"{name}.json").write_text(json.dumps(whole(table), indent=1))
        for peer in [] if arguments.no_peers else arguments.peer or list(PEERS):
            print(f"{name}: {peer} ...", flush=True)
            (RESULTS / f"{name}.{peer}.json").write_text(json.dumps(compare(peer, table, RESULTS), indent=1))
    page.write(RESULTS, ROOT / "docs/faults.md")


def whole(table: Table) -> dict:
    """Every fault in the newest part of a table, and every untouched part after what came before it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        way = Way(table, table.newest, Path(folder))
        found = {}
        for number, fault in enumerate(FAULTS.values(), start=1):
            with contextlib.redirect_stdout(io.StringIO()):
                trial = way.attempt(fault)
            if trial:
                found[fault.name] = {"outcome": trial.outcome, "by": trial.by, "columns": trial.columns, "why": trial.why}
            print(f"\r{table.name}: {number} of {len(FAULTS)} ", end="", flush=True)
        alarms = {label: way_of(table, label, Path(folder)) for label in list(table.parts)[1:]}
    print(f"{time.monotonic() - began:.0f} s")
    return {"table": table.name, "newest": table.newest, "found": found, "alarms": alarms, "seconds": round(time.monotonic() - began)}


def way_of(table: Table, label: str, folder: Path) -> dict:
    """What is said of a part that nobody touched."""
    verdicts = Way(table, label, folder).untouched
    own = len(verdicts) - 1
    told = {"own": verdicts[:own], "learnt": verdicts[own:]}
    return {
        kind: {"stops": [f.rule.name for v in some for f in v.stops], "warnings": [f.rule.name for v in some for f in v.warnings]}
        for kind, some in told.items()
    }


if __name__ == "__main__":
    main()
