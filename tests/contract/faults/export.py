"""The spoilt parts of a table as files, for what reads them in another process: the same faults, columns and rows as the contract is tried with."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from tests.contract.faults.tables import Table

from mlops.contract.faults import FAULTS
from mlops.contract.faults.fault import inject
from mlops.contract.faults.trial import write_csv


def export(table: Table, folder: Path, *, seed: int = 0) -> None:
    """Write reference.csv, sound.csv, each part, one file for each fault, and what a person would tell a tool about the table."""
    for name in ("parts", "spoilt"):
        (folder / name).mkdir(parents=True)
    subject = table.subject
    write_csv(pd.concat(table.before(table.newest), ignore_index=True), folder / "reference.csv")
    write_csv(subject.rows, folder / "sound.csv")
    for label, rows in table.parts.items():
        write_csv(rows, folder / "parts" / f"{label}.csv")
    for fault in FAULTS.values():
        injected = inject(fault, subject, seed)
        path = folder / "spoilt" / f"{fault.name}.csv"
        if injected:
            write_csv(injected.rows, path)
        elif fault.spoil:
            write_csv(subject.rows, path)
            fault.spoil(path, np.random.default_rng(seed))
    facts = {
        "parts": list(table.parts),
        "reference_parts": len(table.before(table.newest)),
        "times": list(subject.times),
        "categories": list(subject.categories),
        "target": table.target,
    }
    (folder / "facts.json").write_text(json.dumps(facts))
