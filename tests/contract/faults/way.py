"""The way of a part before training: its raw file is imported, held against the contract, and against what earlier parts were like."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from tests.contract.faults.tables import Table

from mlops.contract.check import Verdict, check
from mlops.contract.faults.fault import Fault
from mlops.contract.faults.trial import Trial, attempt
from mlops.contract.standard import load


@dataclass
class Way:
    """What a new part of a table passes."""

    table: Table

    def __post_init__(self) -> None:
        self.earlier = pd.concat(self.table.before(self.table.newest), ignore_index=True)
        contracts = [load(self.table.contract)] if self.table.contract else []
        self.contracts = [replace(c, tables=tuple(t for t in c.tables if t.name == self.table.name)) for c in contracts]
        self.untouched = self.check(self.table.parts[self.table.newest])

    def check(self, rows: pd.DataFrame) -> tuple[Verdict, ...]:
        """Hold a part, with those before it, against the project's contract and the one that was learnt from those before it."""
        whole = pd.concat([self.earlier, rows], ignore_index=True)
        return tuple(check(contract, {self.table.name: whole}) for contract in self.contracts)

    def read(self, path: Path, recorded: str) -> pd.DataFrame:
        """Import a raw file: the digest that was recorded, the declared types, and (flights) that the part is the one that it says."""
        from digests import check_digests
        from ingest import read_months
        from rawfile import read_csv

        path = path.rename(path.with_name(f"{self.table.newest}.csv"))
        (path.parent / "SHA256SUMS").write_text(f"{recorded}  {path.name}\n")
        check_digests(path.parent, [path], path.name)
        if self.table.name != "flights":
            return read_csv(path, self.table.types)
        return next(iter(read_months([path], self.table.types, whole=False).values()))

    def attempt(self, fault: Fault, seed: int = 0) -> Trial | None:
        return attempt(fault, self.table.subject, self.read, self.check, self.untouched, offset=len(self.earlier), seed=seed)
