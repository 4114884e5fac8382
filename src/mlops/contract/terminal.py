"""What the terminal says of broken rules: short enough to be read where it appears, with the page for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops.contract.detail import Detail
    from mlops.contract.rules import Contract

TOLD = 3
"""Broken rules that are told in full."""


def stopped(contract: Contract, stops: Sequence[Detail], page: Path, said: str = "validate stopped the run") -> str:
    """Return what is said when a contract stops something: the rules, the rows, whose it is, and where to read on."""
    where = sorted({partition for item in stops for partition in item.broken_in})
    stops = sorted(stops, key=_weight, reverse=True)
    lines = [f"{said}: {_few(where) or 'the data'} {'break' if len(where) > 1 else 'breaks'} the contract"]
    for item in stops[:TOLD]:
        lines.append(f"  {sentence(item)}")
        lines += [f"      {text}" for text in (item.remark, _examples(item)) if text]
    if len(stops) > TOLD:
        names = [f"{item.finding.rule.table}.{item.finding.rule.subject}" for item in stops[TOLD:]]
        lines.append(f"  and {len(names)} more rules, of {_few(list(dict.fromkeys(names)))}")
    lines.append(f"  Owner: {contract.owner or 'nobody named'}.  Full page: {page}")
    lines.append(f"  To accept the change, alter line {stops[0].finding.rule.line} of {contract.path}")
    return "\n".join(lines)


def sentence(item: Detail) -> str:
    """Return one line on a broken rule: what must be, how many rows of the broken partitions fail, and how it was in those before."""
    finding, rule = item.finding, item.finding.rule
    what = f"{rule.table}.{rule.subject}  {rule.wording}"
    among = sum(share.rows for share in item.history if share.failed) or finding.total
    rows = f"{among:,} rows" if not rule.per_partition else f"{finding.total:,} partitions"
    failed = f"{finding.failed:,} of {rows} fail" if finding.failed else ""
    return "   ".join(filter(None, (what, failed, _before(item), finding.observed)))


def _weight(item: Detail) -> float:
    """Return what puts the rules that tell most first: whole partitions, then the share of rows; what has no rows to show comes last."""
    rows = sum(share.rows for share in item.history if share.failed) or item.finding.total
    return bool(item.examples) * (1 + item.finding.rule.per_partition + item.finding.failed / max(1, rows))


def listed(item: Detail) -> list[str]:
    """Return the broken rule with its history drawn and every example, for the log: the message at the end has room for two."""
    drawn = item.drawn
    lines = [sentence(item), f"    {drawn}" if drawn else "", f"    {item.remark}" if item.remark else ""]
    return [line for line in lines if line] + [f"    {': '.join(filter(None, example))}" for example in item.examples]


def _before(item: Detail) -> str:
    first = item.broken_in[0] if item.broken_in else ""
    shown = [share for share in item.history if share.partition < first][-2:]
    values = [f"{s.partition}: {s.failed:,}" if s.value is None else f"{s.partition}: {s.value:,.6g}" for s in reversed(shown)]
    return f"({', '.join(values)})" if values else ""


def _examples(item: Detail) -> str:
    more = item.finding.failed - 2
    shown = [f"{key}: {value}" if value else key for key, value in item.examples[:2]]
    return " · ".join(shown + [f"{more:,} more"] * (more > 0)) if shown else ""


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
