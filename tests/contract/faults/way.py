"""The way of a part before training: its raw file is imported, held against the contract, and against what earlier parts were like."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from tests.contract.faults.tables import Table

from mlops.contract.check import Verdict, check
from mlops.contract.faults.fault import Fault
from mlops.contract.faults.trial import Trial, attempt
from mlops.contract.profile import propose
from mlops.contract.rules import Contract
from mlops.contract.standard import load
from mlops.datasets.__main__ import run

LAST = 3
"""Parts before a new one that it is seen beside; of all others there is what was learnt."""


@dataclass
class Way:
    """What a new part of a table passes: the project's own contract, and the one that is proposed from what came before."""

    table: Table
    label: str
    folder: Path

    def __post_init__(self) -> None:
        table, before = self.table, self.table.before(self.label)
        self.beside = pd.concat(before[-LAST:], ignore_index=True) if table.partition else before[0].head(0)
        self.learnt = self.folder / f"{table.name}.odcs.yml"
        earlier = pd.concat(before, ignore_index=True)
        told = propose(
            table.name, earlier, keys=table.key, partition=table.partition, leakage=table.leakage, target=table.target, logical=table.types
        )
        self.learnt.write_text(told.text, encoding="utf-8")
        own = [table.contract] if table.contract else []
        loaded = [load(path) for path in [*own, self.learnt]]
        self.contracts = [_alone(contract, table.name) for contract in loaded]
        self.untouched = self.check(table.parts[self.label])

    def check(self, rows: pd.DataFrame) -> tuple[Verdict, ...]:
        """Hold a part, with those before it, against both contracts."""
        whole = pd.concat([self.beside, rows], ignore_index=True)
        return tuple(check(contract, {self.table.name: whole}) for contract in self.contracts)

    def read(self, path: Path, recorded: str) -> pd.DataFrame:
        """Import a raw file: the digest that was recorded, the declared types, and (flights) that the part is the one that it says."""
        path = path.rename(path.with_name(f"{self.label}.csv"))
        (path.parent / "SHA256SUMS").write_text(f"{recorded}  {path.name}\n")
        if self.table.name == "flights":
            return self._of_flights(path)
        (path.parent / "source.yml").write_text("files: '*.csv'\nformat: csv\n")
        run(path.parent / "source.yml", self.learnt, path.parent, "all")
        return pd.read_parquet(path.parent / f"{self.table.name}.parquet")

    def _of_flights(self, path: Path) -> pd.DataFrame:
        """The example has an import of its own."""
        from digests import check_digests
        from ingest import read_months

        check_digests(path.parent, [path], path.name)
        return next(iter(read_months([path], self.table.types, whole=False).values()))

    def attempt(self, fault: Fault, seed: int = 0) -> Trial | None:
        return attempt(fault, self.table.subject, self.read, self.check, self.untouched, offset=len(self.beside), seed=seed)


def _alone(contract: Contract, name: str) -> Contract:
    """Return a contract of one of its tables, without the rules that need another one."""
    table = next(table for table in contract.tables if table.name == name)
    return replace(contract, tables=(replace(table, rules=tuple(rule for rule in table.rules if rule.kind != "reference")),))
