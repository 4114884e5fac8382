"""The screen that a delivery ends with: what is in production now, why, how to try it, and how to take it back.

It says what the page says, from the same facts and in the same words, in as many lines as a terminal shows at once.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError
from mlops.files import read_json, shown
from mlops.report import comparison, figures
from mlops.report.comparison import mapping, mappings
from mlops.report.headline import Headline, champion, headline
from mlops.report.pieces import located

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLES = {"good": "32", "bad": "31", "neutral": "36", "busy": "35", "dim": "2", "bold": "1"}


def closing(delivery: Mapping[str, Any], *, width: int, colour: bool) -> str:
    """Return the screen.

    Args:
        delivery: What delivery.json holds; paths in it are relative to the working directory, the evidence's to the run's folder too.
        width: Columns to keep to; a command to paste is never cut.
        colour: Use the terminal's colours.
    """
    pen = _Pen(max(width, 60), colour)
    end = headline({}, delivery)
    parts = [_title(end, delivery, pen), _metrics(delivery, pen), _gate(delivery, pen), _next(delivery, pen)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


class _Pen:
    """Writes a line that keeps to the width, with or without colour."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = width
        self._colour = colour

    def paint(self, words: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{words}\x1b[0m" if self._colour and style in _STYLES else words

    def fit(self, words: str, indent: int = 0) -> str:
        return figures.cut(words, max(self.width - indent, 20))

    def wrap(self, words: str, indent: str) -> list[str]:
        import textwrap

        room = max(self.width, 40)
        return textwrap.wrap(words, room, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _title(end: Headline, delivery: Mapping[str, Any], pen: _Pen) -> list[str]:
    lines = ["", pen.paint(f"  {end.mark} {end.title}", "bold" if end.tone == "neutral" else end.tone)]
    lines += pen.wrap(end.reason, "    ")
    if delivery.get("outcome") == "promote" and not champion(delivery) and _evidence(delivery):
        lines += pen.wrap(f"There was no champion: compared with {comparison.opponent(_evidence(delivery)).words}.", "    ")
    return lines


def _evidence(delivery: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence itself; nothing where its file is not there or cannot be read."""
    path = delivery.get("evidence")
    if not path:
        return {}
    try:
        return mapping(read_json(located(path, Path(str(delivery.get("report") or ".")).parent)))
    except (MlopsError, OSError):
        return {}


def _metrics(delivery: Mapping[str, Any], pen: _Pen) -> list[str]:
    evidence = _evidence(delivery)
    measured = comparison.metrics(evidence)
    if not measured:
        return []
    met = comparison.opponent(evidence)
    version = f"v{delivery['version']}" if delivery.get("version") else "candidate"
    confidence = figures.percent(evidence.get("confidence") or 0.95, 0)
    lines = [pen.paint(f"  {'':<20}{version:>10}{met.short:>10}   difference, {confidence}", "dim")]
    for m in measured:
        tone = {"▲": "good", "▼": "bad"}.get(m.mark, "dim")
        numbers = f"  {m.label:<20}{figures.measured(m.candidate):>10}{figures.measured(m.other):>10}   {m.shown:<28}"
        lines.append(f"{numbers} {pen.paint(m.mark or '?', tone)}")
    worst = comparison.worst_slice(evidence)
    if worst:
        rows = f" on {figures.count(worst.rows)} rows" if worst.rows else ""
        lines.append(pen.fit(f"  {'worst slice':<20}{figures.measured(worst.candidate):>10}   {worst.label}{rows}"))
    return lines


def _gate(delivery: Mapping[str, Any], pen: _Pen) -> list[str]:
    """Every rule with its reason: one line where it holds, the whole reason where it does not."""
    rules = mappings(mapping(delivery.get("verdict")).get("rules"))
    tried = [
        {**rule, "name": f"{where} {figures.metric(rule.get('name'))}"}
        for where in ("staging", "production")
        for rule in mappings(mapping(delivery.get(where)).get("rules"))
    ]
    judged = [rule for rule in rules + tried if rule.get("mode") != "off"]
    if not judged:
        return []
    holding = sum(rule.get("passed") is True for rule in judged)
    off = len(rules) + len(tried) - len(judged)
    head = f"  gate: {holding} of {len(judged)} rules hold{f', {off} off' if off else ''}"
    return [pen.paint(head, "dim"), *(row for rule in judged for row in _rule(rule, pen))]


def _rule(rule: Mapping[str, Any], pen: _Pen) -> list[str]:
    label, reason = figures.metric(rule.get("name")), figures.line(rule.get("reason"))
    if rule.get("passed") is True:
        return [f"  {pen.paint('✔', 'good')} {label:<26} {pen.fit(reason, 31)}"]
    told = rule.get("mode") == "dry-run"
    first, *rest = pen.wrap(reason + (" (dry run: told only)" if told else ""), " " * 31) or [" " * 31]
    lost = rule.get("kind") == "comparison" and rule.get("passed") is False
    mark = pen.paint("!", "neutral") if told else pen.paint("=", "neutral") if lost else pen.paint("✘", "bad")
    return [f"  {mark} {label:<26} {first.strip()}", *rest]


def _next(delivery: Mapping[str, Any], pen: _Pen) -> list[str]:
    production = mapping(delivery.get("production"))
    lines = [f"  {'production':<11}{figures.line(production.get('address'))}"] if production.get("address") else []
    if production.get("key_file") and production.get("sample_file"):
        lines += _curl(production, pen)
    if delivery.get("report"):
        lines.append(f"  {'look':<11}make report      {figures.line(shown(Path(str(delivery['report'])), Path.cwd()))}")
    lines.append(f"  {'undo':<11}{_undo(delivery)}")
    return lines


def _undo(delivery: Mapping[str, Any]) -> str:
    production = mapping(delivery.get("production"))
    before = mapping(production.get("previous")).get("version")
    if delivery.get("outcome") == "unchanged":
        return "nothing was done; `make rollback` takes production to the version before, where there is one"
    if production:
        return f"make rollback    back to v{before}" if before else "make stop        (the first version: there is none to go back to)"
    stays = champion(delivery)
    return f"nothing to undo: production is as it was{f' ({stays})' if stays else ''}"


def _curl(production: Mapping[str, Any], pen: _Pen) -> list[str]:
    """A request that works when pasted at the repository's root, over several lines where one is too long."""
    key, sample = (shlex.quote(shown(Path(figures.line(production[name])), Path.cwd())) for name in ("key_file", "sample_file"))
    parts = [
        f"curl -s {shlex.quote(figures.line(production.get('address')))}/score",
        f'-H "Authorization: Bearer $(cat {key})"',
        "-H 'Content-Type: application/json'",
        f"-d @{sample}",
    ]
    whole = " ".join(parts)
    if len(whole) + 13 <= pen.width:
        return [f"  {'try it':<11}{whole}"]
    first, *rest = [f"{part} \\" for part in parts[:-1]] + [parts[-1]]
    return [f"  {'try it':<11}{first}", *(f"  {'':<13}{part}" for part in rest)]
