"""The page about a checked contract: what broke, since when, which rows, whose it is. One file, no script, everything from data escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.contract.check import Finding, Verdict
    from mlops.contract.detail import Detail, Share

BARS = 24
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0362c; --warn: #a35f00; --good: #2e7d32 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffb74d; --good: #81c784 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.4rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem } p { margin: .3rem 0 }
table { border-collapse: collapse; font-size: .9rem } td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line) }
.scroll { overflow-x: auto } .stop { color: var(--bad) } .warn { color: var(--warn) } .held { color: var(--good) } .quiet { opacity: .75 }
svg { max-width: 100%; height: auto; display: block; margin: .6rem 0 } rect, text { fill: currentColor } text { font: 9px system-ui, sans-serif }
"""


def render(verdict: Verdict, details: Sequence[Detail], quarantined: int) -> str:
    """Return the page as HTML."""
    contract = verdict.contract
    counts = ", ".join(f"{name} {count:,}" for name, count in verdict.counts.items())
    about = [
        f"{contract.name}, contract {contract.version}",
        f"owner: {contract.owner or 'nobody named'}",
        f"licence: {contract.licence or 'none named'}",
        f"rows: {counts}",
        f"for quarantine: {quarantined:,}",
    ]
    sections = "".join(_section(item) for item in sorted(details, key=lambda item: item.finding not in verdict.stops))
    body = f'{_headline(verdict)}<p class="quiet">{escape(" · ".join(about))}</p>{sections}{_listing(verdict.findings)}'
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Data contract: {escape(contract.name)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'


def _headline(verdict: Verdict) -> str:
    total, stops = len(verdict.findings), len(verdict.stops)
    if stops:
        return f'<h1 class="stop">The data breaks its contract: {stops} of {total} rules stop the run</h1>'
    held = sum(finding.outcome == "held" for finding in verdict.findings)
    return f'<h1 class="held">The data keeps its contract: {held} of {total} rules hold, {total - held} warn</h1>'


def _section(item: Detail) -> str:
    finding, rule = item.finding, item.finding.rule
    failed = f"{finding.failed:,} of {finding.total:,} {'partitions' if rule.per_partition else 'rows'} fail." if finding.failed else ""
    said = " ".join(filter(None, (failed, finding.observed, item.remark)))
    where = f"{finding.outcome} · {rule.severity} · {rule.name} · line {rule.line} of the contract"
    return (
        f'<h2 class="{rule.severity}">{escape(f"{rule.table}: {rule.subject} {rule.wording}")}</h2>'
        f'<p>{escape(said)}</p><p class="quiet">{escape(rule.description)}</p>{_plot(item.history)}{_examples(item)}<p class="quiet">{escape(where)}</p>'
    )


def _plot(history: Sequence[Share]) -> str:
    """Return a bar for each of the last partitions: the number that the rule is about, or the share of rows that break it."""
    shown = history[-BARS:]
    if not shown:
        return ""
    heights = [share.failed / max(1, share.rows) if share.value is None else abs(share.value) for share in shown]
    top = max(heights) or 1
    bars = "".join(_bar(index, share, 60 * height / top) for index, (share, height) in enumerate(zip(shown, heights, strict=True)))
    width = len(shown) * 46
    return f'<svg viewBox="0 0 {width} 78" width="{width}" role="img" aria-label="by partition">{bars}</svg>'


def _bar(index: int, share: Share, height: float) -> str:
    told = f"{share.failed:,} of {share.rows:,}" if share.value is None else f"{share.value:,.6g}"
    bar = f'<rect x="{index * 46}" y="{62 - max(1, height):.1f}" width="40" height="{max(1, height):.1f}"/>'
    label = f'<text x="{index * 46}" y="74">{escape(share.partition)}</text>'
    return f'<g class="{"stop" if share.failed else "quiet"}"><title>{escape(f"{share.partition}: {told}")}</title>{bar}{label}</g>'


def _examples(item: Detail) -> str:
    if not item.examples:
        return ""
    rows = "".join(f"<tr><td><code>{escape(key)}</code></td><td><code>{escape(value)}</code></td></tr>" for key, value in item.examples)
    return f'<div class="scroll"><table><tr><th>row</th><th>value</th></tr>{rows}</table></div>'


def _listing(findings: Sequence[Finding]) -> str:
    rows = "".join(
        f'<tr><td class="{"held" if f.outcome == "held" else f.rule.severity}">{f.outcome}</td>'
        f"<td>{escape(f'{f.rule.table}: {f.rule.subject} {f.rule.wording}')}</td><td>{f.rule.severity}</td><td>{f.failed:,}</td></tr>"
        for f in findings
    )
    head = "<tr><th>outcome</th><th>rule</th><th>severity</th><th>failed</th></tr>"
    return f'<h2>All {len(findings)} rules</h2><div class="scroll"><table>{head}{rows}</table></div>'
