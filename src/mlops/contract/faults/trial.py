"""One fault, tried on one table: written as the raw file that it would have come as, read, and held against a contract.

Nothing is caught by chance: a rule that is broken by the untouched rows as well has caught nothing.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.contract.faults.fault import inject, same
from mlops.errors import MlopsError
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from mlops.contract.check import Finding, Verdict
    from mlops.contract.faults.fault import Columns, Fault, Subject

    Read = Callable[[Path, str], pd.DataFrame]
    """From a CSV file and the SHA-256 that was recorded of it to typed rows; ends with `SystemExit` or `MlopsError` where that cannot be."""
    Check = Callable[[pd.DataFrame], tuple[Verdict, ...]]

OUTCOMES = ("stopped", "set apart", "told", "undone", "missed")
"""Nothing is learnt from it; its rows go to quarantine; a warning, and the rows go on; it is read as if nothing had happened; nothing is said."""
MOSTLY = 0.95
"""The share of spoilt rows that must be in quarantine for the fault to be set apart."""


@dataclass(frozen=True)
class Trial:
    """What became of one fault."""

    fault: Fault
    columns: Columns
    outcome: str
    """One of `OUTCOMES`."""
    by: tuple[str, ...]
    """`import`, or the names of the rules."""
    why: str = ""

    @property
    def caught(self) -> bool:
        return self.outcome != "missed"


def attempt(
    fault: Fault, subject: Subject, read: Read, check: Check, before: tuple[Verdict, ...], *, offset: int = 0, seed: int = 0
) -> Trial | None:
    """Try one fault; None where it cannot happen to this table.

    Args:
        fault: What goes wrong.
        subject: The table it goes wrong in.
        read: How raw files are imported.
        check: How imported rows are held against one contract or several.
        before: What `check` said of the untouched rows.
        offset: How many rows `check` puts before those that it is given.
        seed: Which column and which rows.
    """
    import numpy as np

    injected = inject(fault, subject, seed)
    if injected is None and fault.spoil is None:
        return None
    columns = injected.columns if injected else ()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.csv"
        write_csv(injected.rows if injected else subject.rows, path)
        sound = _digest(path)
        if fault.spoil:
            fault.spoil(path, np.random.default_rng(seed))
        try:
            arrived = read(path, _digest(path) if fault.recorded else sound)
        except (MlopsError, SystemExit) as error:
            return Trial(fault, columns, "stopped", ("import",), str(error).replace(folder, "")[:200])
    if same(arrived, subject.rows):
        return Trial(fault, columns, "undone", ("import",))
    outcome, by = _judged(subject.rows, arrived, before, check(arrived), offset)
    return Trial(fault, columns, outcome, by)


def _digest(path: Path) -> str:
    return digest_file(path).removeprefix("sha256:")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as whoever delivers them would: times in ISO 8601, nothing where a value is missing."""
    import pandas as pd

    times = {
        str(name): frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S%z") for name in frame if pd.api.types.is_datetime64_any_dtype(frame[name])
    }
    frame.assign(**times).to_csv(path, index=False)


def _judged(
    sound: pd.DataFrame, arrived: pd.DataFrame, before: tuple[Verdict, ...], after: tuple[Verdict, ...], offset: int
) -> tuple[str, tuple[str, ...]]:
    """Return the outcome, and the rules that brought it about."""
    stops: list[str] = []
    warnings: list[str] = []
    apart: set[int] = set()
    for old, new in zip(before, after, strict=True):
        known = {finding.rule.name: finding.failed for finding in old.findings if finding.outcome != "held"}
        stops += [f.rule.name for f in new.stops if _worse(f, known)]
        fresh = [f for f in new.warnings if _worse(f, known)]
        warnings += [f.rule.name for f in fresh]
        apart |= {row - offset for finding in fresh if finding.quarantines for row in finding.rows}
    if stops:
        return "stopped", tuple(stops)
    return (_of_warnings(sound, arrived, apart), tuple(warnings)) if warnings else ("missed", ())


def _worse(finding: Finding, known: Mapping[str, int]) -> bool:
    return finding.rule.name not in known or finding.failed > known[finding.rule.name]


def _of_warnings(sound: pd.DataFrame, arrived: pd.DataFrame, apart: set[int]) -> str:
    """Return what warnings come to: all rows in quarantine stop a run, most of the spoilt ones are set apart."""
    import numpy as np

    last = range(len(arrived))
    if len(apart.intersection(last)) == len(arrived):
        return "stopped"
    if len(arrived) != len(sound) or list(arrived.columns) != list(sound.columns):
        return "told"
    differs = np.zeros(len(arrived), dtype=bool)
    for name in arrived:
        one, other = arrived[name].astype("object"), sound[name].astype("object")
        differs |= ((one != other) & ~(one.isna() & other.isna())).to_numpy(dtype=bool)
    spoilt = set(np.flatnonzero(differs).tolist())
    return "set apart" if spoilt and len(spoilt & apart) >= MOSTLY * len(spoilt) else "told"
