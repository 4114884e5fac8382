"""A contract tried with every fault that can happen to its tables: what it would catch, and what it would not.

For a hole there is the rule that would close it, where one is known: the same rows get a contract proposed from what came before, and the rule of
it that the fault breaks is the one that is shown. So no rule is shown that does not work.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.contract.check import check
from mlops.contract.faults import FAULTS
from mlops.contract.faults.arrival import arrive
from mlops.contract.faults.fault import Subject
from mlops.contract.faults.trial import Trial, attempt
from mlops.contract.profile import propose
from mlops.contract.standard import load
from mlops.contract.suite import partition_labels
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from mlops.contract.check import Verdict
    from mlops.contract.faults.fault import Fault
    from mlops.contract.rules import Contract, Table

FEWEST = 30
"""Rows of a table below which faults say nothing about its contract."""
BESIDE = 3
"""Partitions before the newest that it is seen beside."""


@dataclass(frozen=True)
class Tried:
    """One fault in one table."""

    table: str
    trial: Trial
    remedy: str = ""
    """Of a hole: the rule that would close it, as it stands in a contract."""


def holes(
    contract: Contract, frames: Mapping[str, pd.DataFrame], tell: Callable[[str, int, int], None], *, only: str = "", target: str = ""
) -> tuple[Tried, ...]:
    """Try a contract.

    Args:
        contract: What is tried.
        frames: Table -> its rows as they are: sound, by this contract or not.
        tell: Called with a table, and how many of how many faults were tried in it.
        only: The name of a fault, or of a family of them; all where it is empty.
        target: The column that is learnt: faults of labels happen to it.

    Raises:
        UsageError: There is no such fault, or no table that is large enough.
    """
    faults = [fault for fault in FAULTS.values() if not only or only in {fault.name, fault.family}]
    if not faults:
        names = sorted({fault.family for fault in FAULTS.values()})
        raise UsageError(f"there is no fault called {only!r}", hint=f"Families: {', '.join(names)}. Faults: docs/faults.md.")
    tables = [table for table in contract.tables if len(frames.get(table.name, ())) >= FEWEST]
    if not tables:
        raise UsageError(f"no table has {FEWEST} rows", where=str(contract.path), hint="Name the folder of the tables: --data DIR")
    return tuple(tried for table in tables for tried in _of_table(contract, table, frames[table.name], faults, target, tell))


def _of_table(
    contract: Contract, table: Table, frame: pd.DataFrame, faults: list[Fault], target: str, tell: Callable[[str, int, int], None]
) -> Iterator[Tried]:
    alone = replace(contract, tables=(_without_others(table),))
    stage = _Stage.of(alone, table, frame[[name for name in table.types if name in frame]], target)
    for number, fault in enumerate(faults, start=1):
        tell(table.name, number, len(faults))
        trial = stage.attempt(fault)
        if trial is not None:
            yield Tried(table.name, trial, "" if trial.caught else stage.remedy(fault))


def _without_others(table: Table) -> Table:
    """Return a table without the rules that need other tables: these are not spoilt, and are not there."""
    return replace(table, rules=tuple(rule for rule in table.rules if rule.kind != "reference"))


@dataclass(frozen=True)
class _Stage:
    """A table set up to be spoilt, and what the contract says of it before."""

    table: Table
    subject: Subject
    beside: pd.DataFrame
    contract: Contract
    before: tuple[Verdict, ...]
    text: str
    """Of the contract that is proposed from what came before."""
    proposed: Contract

    @classmethod
    def of(cls, contract: Contract, table: Table, frame: pd.DataFrame, target: str) -> _Stage:
        newest, earlier, beside = _parts(table, frame)
        types = {name: kind for name, kind in table.types.items() if name in newest and (name not in table.leakage or name == target)}
        subject = Subject(newest, earlier, types, table.key, table.partition, target)
        told = propose(
            table.name,
            earlier if len(earlier) else frame,
            keys=table.key,
            partition=table.partition,
            leakage=table.leakage,
            logical={name: kind for name, kind in table.types.items() if name in frame},
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "proposed.odcs.yml"
            path.write_text(told.text, encoding="utf-8")
            proposed = load(path)
        made = cls(table, subject, beside, contract, (), told.text, proposed)
        return replace(made, before=made.held(contract, newest))

    def held(self, contract: Contract, rows: pd.DataFrame) -> tuple[Verdict, ...]:
        import pandas as pd

        return (check(contract, {self.table.name: pd.concat([self.beside, rows], ignore_index=True)}),)

    def attempt(self, fault: Fault, contract: Contract | None = None) -> Trial | None:
        held = contract or self.contract
        before = self.held(held, self.subject.rows) if contract else self.before
        return attempt(
            fault,
            self.subject,
            lambda path, digest: arrive(path, digest, self.table.types),
            lambda rows: self.held(held, rows),
            before,
            offset=len(self.beside),
        )

    def remedy(self, fault: Fault) -> str:
        """Return the rule of the proposed contract that catches a fault, as YAML; nothing where none does."""
        trial = self.attempt(fault, self.proposed)
        names = [name for name in trial.by if trial.caught] if trial else []
        rules = {rule.name: rule for rule in self.proposed.rules}
        rule = next((rules[name] for name in names if name in rules), None)
        return snippet(self.text, rule.line) if rule else ""


def _parts(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the newest partition, all before it, and the last few of these; of a table without partitions, all of it and no rows twice."""
    labels = partition_labels(table, frame)
    names = sorted(labels.unique()) if labels is not None else []
    if labels is None or len(names) < 2:
        return frame.reset_index(drop=True), frame.head(0), frame.head(0)
    newest, earlier = labels == names[-1], labels < names[-1]
    beside = labels.isin(names[-1 - BESIDE : -1])
    taken = [frame[rows].reset_index(drop=True) for rows in (newest, earlier, beside)]
    return taken[0], taken[1], taken[2]


def snippet(text: str, line: int) -> str:
    """Return what stands at a line of a contract: the entry of the list, up to where it ends."""
    lines = text.splitlines()
    start = line - 1
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) > indent:
        end += 1
    return "\n".join(row[indent:] for row in lines[start:end])


def facts(tried: tuple[Tried, ...]) -> dict[str, Any]:
    """Return all of it as JSON has it."""
    return {
        "tried": len(tried),
        "caught": sum(item.trial.caught for item in tried),
        "holes": [_entry(item) for item in tried if not item.trial.caught],
        "faults": [_entry(item) for item in tried],
    }


def _entry(item: Tried) -> dict[str, Any]:
    trial = item.trial
    return {
        "table": item.table,
        "fault": trial.fault.name,
        "family": trial.fault.family,
        "what": trial.fault.what,
        "columns": list(trial.columns),
        "outcome": trial.outcome,
        "by": list(trial.by),
        "source": trial.fault.source,
        "rule": item.remedy,
    }
