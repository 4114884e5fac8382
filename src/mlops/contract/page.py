"""The page about a checked contract: what broke, since when, which rows, whose it is. One file, no script, everything from data escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.contract.check import Finding, Verdict
    from mlops.contract.detail import Detail, Share

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0362c; --warn: #b26a00; --good: #2e7d32 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffb74d; --good: #81c784 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem }
table { border-collapse: collapse; font-size: .9rem } td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line) }
.scroll { overflow-x: auto } .stop { color: var(--bad) } .warn { color: var(--warn) } .held { color: var(--good) } .quiet { opacity: .75 }
svg { max-width: 100%; height: auto } svg rect { fill: currentColor } svg text { fill: currentColor; font: 10px system-ui, sans-serif }
code { overflow-wrap: anywhere }
"""


def render(verdict: Verdict, details: Sequence[Detail], quarantined: int) -> str:
    """Return the page as HTML."""
    contract = verdict.contract
    counts = ", ".join(f"{escape(name)} {count:,}" for name, count in verdict.counts.items())
    parts = [
        f"<h1>{_headline(verdict)}</h1>",
        f'<p class="quiet">{escape(contract.name)}, contract {escape(contract.version)} · owner: {escape(contract.owner or "nobody named")}'
        f" · licence: {escape(contract.licence or 'none named')} · rows: {counts} · to quarantine: {quarantined:,}</p>",
        *(_section(item) for item in details),
        _listing(verdict.findings),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Data contract: {escape(contract.name)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _headline(verdict: Verdict) -> str:
    if verdict.stops:
        return f'<span class="stop">The data breaks its contract: {len(verdict.stops)} of {len(verdict.findings)} rules stop the run</span>'
    held = sum(f.outcome == "held" for f in verdict.findings)
    return f'<span class="held">The data keeps its contract: {held} of {len(verdict.findings)} rules hold</span>'


def _section(item: Detail) -> str:
    finding = item.finding
    rule = finding.rule
    rows = f"{finding.failed:,} of {finding.total:,} {'partitions' if rule.per_partition else 'rows'} fail." if finding.failed else ""
    said = " ".join(filter(None, (rows, finding.observed, item.remark)))
    about = f'<p class="quiet">{escape(rule.description)}</p>' if rule.description else ""
    where = f'<p class="quiet">{escape(rule.severity)} · {escape(rule.name)} · line {rule.line} of the contract</p>'
    title = f'<h2 class="{rule.severity}">{escape(rule.table)}: {escape(rule.subject)} {escape(rule.wording)}</h2>'
    return f"{title}<p>{escape(said)}</p>{about}{_plot(item.history)}{_examples(item)}{where}"


def _plot(history: Sequence[Share]) -> str:
    """Return bars of a partition's value, or of its share of rows that break the rule, the last 24 of them."""
    shown = history[-24:]
    if not shown:
        return ""
    values = [share.value if share.value is not None else share.failed / max(1, share.rows) for share in shown]
    top = max((abs(value) for value in values), default=0) or 1
    bars = []
    for index, (share, value) in enumerate(zip(shown, values, strict=True)):
        height = max(1, round(60 * abs(value) / top))
        label = (
            f"{share.partition}: {share.value:,.6g}"
            if share.value is not None
            else f"{share.partition}: {share.failed:,} of {share.rows:,}"
        )
        bar = f'<rect x="{index * 26}" y="{62 - height}" width="20" height="{height}" class="b"><title>{escape(label)}</title></rect>'
        bars.append(
            f'<g class="{"stop" if share.failed else "quiet"}">{bar}<text x="{index * 26}" y="74">{escape(share.partition[-2:])}</text></g>'
        )
    table = "; ".join(f"{share.partition}: {share.failed:,} of {share.rows:,}" for share in shown)
    return (
        f'<svg viewBox="0 0 {len(shown) * 26} 78" width="{len(shown) * 26}" role="img" aria-label="{escape(table)}">{"".join(bars)}</svg>'
    )


def _examples(item: Detail) -> str:
    if not item.examples:
        return ""
    rows = "".join(f"<tr><td><code>{escape(key)}</code></td><td><code>{escape(value)}</code></td></tr>" for key, value in item.examples)
    return f'<div class="scroll"><table><tr><th>row</th><th>value</th></tr>{rows}</table></div>'


def _listing(findings: Sequence[Finding]) -> str:
    rows = "".join(
        f'<tr><td class="{"held" if f.outcome == "held" else f.rule.severity}">{escape(f.outcome)}</td><td>{escape(f.rule.table)}</td>'
        f"<td>{escape(f.rule.subject)} {escape(f.rule.wording)}</td><td>{escape(f.rule.severity)}</td><td>{f.failed:,}</td></tr>"
        for f in findings
    )
    head = "<tr><th>outcome</th><th>table</th><th>rule</th><th>severity</th><th>failed</th></tr>"
    return f'<h2>All {len(findings)} rules</h2><div class="scroll"><table>{head}{rows}</table></div>'
