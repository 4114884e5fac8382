"""What a change of a contract means: in words, rule by rule, and in what it would have done to the partitions that are there."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.contract.standard import load
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from mlops.contract.check import Verdict
    from mlops.contract.rules import Contract, Range, Rule


@dataclass(frozen=True)
class Change:
    """A rule that is another than it was."""

    rule: str
    what: str
    """added, gone, loosened, tightened, changed, or severity."""
    before: str
    after: str

    def __str__(self) -> str:
        said = {"added": self.after, "gone": self.before}.get(self.what, f"{self.before} -> {self.after}")
        return f"{self.what:<10} {self.rule}: {said}"

    @property
    def facts(self) -> dict[str, str]:
        return {"rule": self.rule, "what": self.what, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Effect:
    """A partition that would be judged otherwise, or a table where it has none."""

    table: str
    partition: str
    before: tuple[int, int]
    """Rules that stop, and rows to quarantine."""
    after: tuple[int, int]
    rules: tuple[str, ...]
    """Those that stop now and did not, or the other way round."""

    def __str__(self) -> str:
        stops = {(False, True): "would stop", (True, False): "would no longer stop"}.get((bool(self.before[0]), bool(self.after[0])), "")
        rows = f"{self.before[1]:,} rows to quarantine -> {self.after[1]:,}" if self.before[1] != self.after[1] else ""
        more = f" ({', '.join(self.rules[:3])})" if self.rules else ""
        return (
            f"{self.table} {self.partition}: ".replace(" :", ":") + (", ".join(filter(None, (stops, rows))) or "another rule stops") + more
        )

    @property
    def facts(self) -> dict[str, Any]:
        keys = ("stops", "quarantined")
        before, after = (dict(zip(keys, side, strict=True)) for side in (self.before, self.after))
        return {"table": self.table, "partition": self.partition, "before": before, "after": after, "rules": list(self.rules)}


def read_old(given: str, new: Path) -> Contract:
    """Return the older contract: a file, or what a git revision has of the new one.

    Raises:
        UsageError: It is neither.
        SpecError: It is malformed.
    """
    if Path(given).is_file():
        return load(Path(given))
    folder = new.resolve().parent
    shown_by_git = subprocess.run(
        ["git", "-C", str(folder), "show", f"{given}:./{new.name}"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    if shown_by_git.returncode or given.startswith("-"):
        said = (shown_by_git.stderr.strip().splitlines() or [""])[0]
        raise UsageError(
            f"{given!r} is no contract file, and git has no {new.name} there: {said}", hint="As in HEAD~1, main or old.odcs.yml"
        )
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{given.replace('/', '_')}-{new.name}"
        path.write_text(shown_by_git.stdout, encoding="utf-8")
        return load(path)


def compare(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Return the changes, in the order of the new contract; those that are gone last."""
    before, after = ({rule.name: rule for rule in contract.rules} for contract in (old, new))
    changes = [change for name, rule in after.items() for change in _changes(before.get(name), rule)]
    return (*changes, *(Change(name, "gone", _said(rule), "") for name, rule in before.items() if name not in after))


def _said(rule: Rule) -> str:
    return f"{rule.wording} ({rule.severity})"


def _changes(old: Rule | None, new: Rule) -> Iterator[Change]:
    if old is None:
        yield Change(new.name, "added", "", _said(new))
        return
    if old.severity != new.severity:
        yield Change(new.name, "severity", old.severity, new.severity)
    if (old.kind, old.columns, old.arguments, old.share, old.per_partition) != (
        new.kind,
        new.columns,
        new.arguments,
        new.share,
        new.per_partition,
    ):
        yield Change(new.name, _direction(old, new), _measured(old), _measured(new))


def _measured(rule: Rule) -> str:
    return f"{rule.wording}{' of each partition' if rule.per_partition else ''}"


def _direction(old: Rule, new: Rule) -> str:
    """Return whether what the rule allows is more or less than it was, where one contains the other."""
    looser, tighter = _allows(new, old), _allows(old, new)
    if old.kind != new.kind or old.per_partition != new.per_partition or looser == tighter:
        return "changed"
    return "loosened" if looser else "tightened"


def _allows(one: Rule, other: Rule) -> bool:
    """Whether `one` allows all that `other` allows, as far as can be told."""
    if one.share < other.share:
        return False
    match (one.arguments, other.arguments):
        case ({"range": mine}, {"range": theirs}):
            return _contains(mine, theirs)
        case ({"values": mine}, {"values": theirs}):
            return set(mine) >= set(theirs)
        case ({"bands": mine}, {"bands": theirs}):
            return all(name in theirs and _contains(band, theirs[name]) for name, band in mine.items())
        case ({"allow": mine}, {"allow": theirs}):
            return set(mine) >= set(theirs)
        case (mine, theirs):
            return bool(mine == theirs)


def _contains(outer: Range, inner: Range) -> bool:
    low = outer.low is None or (inner.low is not None and (inner.low, inner.above) >= (outer.low, outer.above))
    high = outer.high is None or (inner.high is not None and (-inner.high, inner.below) >= (-outer.high, outer.below))
    return low and high


def consequences(old: Contract, new: Contract, frames: Mapping[str, pd.DataFrame]) -> tuple[Effect, ...]:
    """Return the partitions that the new contract judges otherwise than the old one.

    Each contract is run once over all rows, and what breaks a rule is counted by partition.

    Raises:
        SpecError: One of them asks for an expectation that there is not.
    """
    from mlops.contract.check import check

    shared = {table.name for table in old.tables} & set(frames)
    before = _by_partition(check(old, {t.name: frames.get(t.name, _none()) for t in old.tables}), frames)
    after = _by_partition(check(new, frames), frames)
    effects = []
    for place in dict.fromkeys([*before, *after]):
        if place[0] not in shared:
            continue
        was, now = before.get(place, (frozenset(), 0)), after.get(place, (frozenset(), 0))
        if was[0] != now[0] or was[1] != now[1]:
            effects.append(Effect(*place, (len(was[0]), was[1]), (len(now[0]), now[1]), tuple(sorted(was[0] ^ now[0]))))
    return tuple(sorted(effects, key=lambda effect: (effect.table, effect.partition)))


def _none() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame()


def _by_partition(verdict: Verdict, frames: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], tuple[frozenset[str], int]]:
    """Return table and partition -> rules that stop there, and rows of it that leave."""
    from mlops.contract.suite import partition_labels

    found: dict[tuple[str, str], tuple[frozenset[str], int]] = {}
    for table in verdict.contract.tables:
        if table.name not in frames:
            continue
        labels = partition_labels(table, frames[table.name])
        leaving = list(verdict.quarantined(table.name))
        rows = {"": len(leaving)} if labels is None else labels.iloc[leaving].value_counts().to_dict()
        stops: dict[str, set[str]] = {}
        for finding in verdict.stops:
            if finding.rule.table == table.name:
                for place in _places(finding, labels):
                    stops.setdefault(place, set()).add(finding.rule.name)
        for place in {*rows, *stops}:
            found[table.name, str(place)] = (frozenset(stops.get(place, ())), int(rows.get(place, 0)))
    return found


def _places(finding: Any, labels: pd.Series | None) -> list[str]:
    """Return the partitions in which a rule is broken; nothing names the whole table."""
    if labels is None or not len(finding.rows):
        return [""]
    if finding.rule.per_partition:
        names = sorted(labels.unique())
        return [str(names[row]) for row in finding.rows]
    return [str(name) for name in labels.iloc[list(finding.rows)].unique()]
