"""What a look at production found, for a person: a screen for the terminal, and markdown for the issue and the run's page.

Both say the same from the same facts. In the markdown whatever came from data is text: it draws nothing, links nothing and calls nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.report import figures
from mlops.report.comparison import mapping, mappings
from mlops.report.markdown import table, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MARKS = {"ok": "✔", "attention": "!", "bad": "✘"}
_COLOURS = {"ok": "32", "attention": "33", "bad": "31"}
_WORDS = {"ok": "is well", "attention": "needs a look", "bad": "is not well"}
_BARS = "▁▂▃▄▅▆▇█"
MOST_COLUMNS = 40
LONGEST_TITLE = 200
LONGEST_WORDS = 2_000
NEXT = {
    "contract": "The data broke its contract. Have it mended where it comes from, or accept the change in the contract; then: make monitor",
    "data": "The newest data could not be looked at. Mend what its log says; then: make monitor",
    "performance": "If it goes on, train on newer rows: let the pipeline split later; then: make run",
    "drift": "See which columns moved, and whether it is the world or the data's source; if it is to be learnt: make run",
}


def title(facts: Mapping[str, Any]) -> str:
    """Return the headline, which is the worst finding, cut to what GitHub takes as an issue's title."""
    name = f"{figures.line(facts.get('model'))}{f' v{version}' if (version := facts.get('version')) else ''}"
    worst = next((one for one in mappings(facts.get("findings")) if one.get("status") != "ok"), None)
    words = f"{name}: {figures.line(worst.get('kind'))}: {_said(worst)}" if worst else f"{name} is well"
    return figures.cut(words, LONGEST_TITLE)


def screen(facts: Mapping[str, Any], *, width: int, colour: bool) -> str:
    """Return what the terminal shows: the headline, the windows, what is not well, and what to do next."""
    import textwrap

    def paint(words: str, status: str) -> str:
        return f"\x1b[{_COLOURS[status]}m{words}\x1b[0m" if colour and status in _COLOURS else words

    status, findings = str(facts.get("status")), mappings(facts.get("findings"))
    name = f"{figures.line(facts.get('model'))} v{facts.get('version') or figures.NONE}"
    lines = ["", paint(f"  {_MARKS.get(status, '?')} {name} {_WORDS.get(status, status)}", status), ""]
    lines += [f"  {row}"[:width] for row in _plain_table(facts)] + [""] * bool(facts.get("windows"))
    for one in findings:
        first, *rest = textwrap.wrap(_said(one), max(width - 18, 40), break_long_words=False) or [""]
        lines.append(f"  {paint(_MARKS[one['status']], one['status'])} {one['kind']:<13} {first}")
        lines += [f"{'':<18}{words}" for words in rest]
    lines += ["", f"  {'train again':<13}{'yes' if facts.get('retrain') else 'no'}: {figures.line(facts.get('why'))}"[: width * 3]]
    lines += [f"  {'next':<13}{words}" for words in _next(findings)]
    return "\n".join([*lines, f"  {'look':<13}{figures.line(facts.get('folder'))}/monitor.json", ""])


def report(facts: Mapping[str, Any]) -> str:
    """Return the same as GitHub's and Azure DevOps' markdown, with every column of every window."""
    findings = mappings(facts.get("findings"))
    parts = [
        f"**{_text(title(facts))}**",
        f"Train again: **{'yes' if facts.get('retrain') else 'no'}**. {_text(_sentence(facts.get('why')))}",
        table(["", "what", "window", "found", "evidence"], map(_row, findings), "lllll"),
    ]
    if mappings(facts.get("windows")):
        parts += ["### By window", _windows(facts), "### Column by column", _legend(facts), _columns(facts)]
    if steps := list(_next(findings)):
        parts += ["### Next", "\n".join(f"- {_text(step)}" for step in steps)]
    parts.append(f"Run {_text(facts.get('run'))}, {_text(figures.moment(facts.get('at')))}.")
    return "\n\n".join(parts) + "\n"


def sparkline(values: Sequence[Any], low: float | None = None, high: float | None = None) -> str:
    """Return one bar for each value, between `low` and `high` or else the smallest and the largest; a dot where there is none."""
    known = [figures.real(value) for value in values]
    there = [number for number in known if number is not None]
    least, most = (min(there, default=0.0) if low is None else low), (max(there, default=0.0) if high is None else high)
    return "".join("·" if number is None else _bar((number - least) / ((most - least) or 1.0)) for number in known)


def _bar(height: float) -> str:
    return _BARS[round(min(max(height, 0.0), 1.0) * (len(_BARS) - 1))]


def _said(finding: Mapping[str, Any]) -> str:
    window = finding.get("window")
    return figures.line(f"{window}: {finding.get('said')}" if window is not None else finding.get("said"))


def _sentence(value: Any) -> str:
    text = figures.line(value)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _next(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what to do, once for each kind of thing that is not well; what was not looked at waits for the rest."""
    told = [one for one in findings if one.get("status") != "ok" and one.get("subject") not in {"rows", "reference"}]
    for kind in dict.fromkeys(str(one.get("kind")) for one in told):
        if kind in NEXT:
            yield NEXT[kind]
        else:
            yield from (figures.line(one["evidence"]) for one in told if one.get("kind") == kind and one.get("evidence"))


def _numbers(window: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers of a window, by what they are called."""
    rule, now = mapping(mapping(facts.get("rules")).get("drift")), mapping(window.get("performance"))
    known = [psi for one in mapping(window.get("columns")).values() if (psi := figures.real(mapping(one).get("psi"))) is not None]
    beyond = sum(psi > (figures.real(rule.get("at_most")) or 0.0) for psi in known)
    metric = figures.metric(mapping(facts.get("metric")).get("name"))
    digits = figures.places(now.get("gain"), now.get("gain_low"), now.get("gain_high"))
    change = f"{figures.signed(now.get('gain'), digits)} {figures.interval(now.get('gain_low'), now.get('gain_high'), digits)}".strip()
    return {
        "window": figures.line(window.get("window")),
        "rows": figures.count(window.get("rows")),
        "answers": figures.count(window.get("labelled")),
        **_target(window, facts),
        metric: figures.measured(now.get("value")),
        "better by": change,
        "score": figures.decimal(mapping(window.get("score")).get("psi"), 2),
        "drifted": f"{beyond} of {len(known)}" if known else "insufficient data",
    }


def _target(rows: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what was true and what was predicted on the mean: a share, a number, or of classes nothing."""
    task = mapping(facts.get("reference")).get("task") or "binary"
    if task == "regression":
        return {"mean": figures.measured(rows.get("mean_target")), "predicted": figures.measured(rows.get("mean_score"))}
    share = {"positive": figures.percent(rows.get("positive_share")), "predicted": figures.percent(rows.get("mean_score"))}
    return share if task == "binary" else {}


def _held_out(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the same of the rows that the version was tested on."""
    reference, metric = mapping(facts.get("reference")), mapping(facts.get("metric"))
    return {
        "window": "held out",
        "rows": figures.count(reference.get("held_out")),
        "answers": figures.count(reference.get("held_out")),
        **_target(reference, facts),
        figures.metric(metric.get("name")): figures.measured(metric.get("value")),
        "better by": "",
        "score": "",
        "drifted": "",
    }


def _plain_table(facts: Mapping[str, Any]) -> list[str]:
    windows = mappings(facts.get("windows"))
    if not windows:
        return []
    rows = [_held_out(facts), *(_numbers(window, facts) for window in windows)]
    rows = [{name: cell for name, cell in row.items() if name not in {"answers", "predicted", "score"}} for row in rows]
    wide = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    return ["  ".join(f"{cell:>{wide[name]}}" for name, cell in row.items()).rstrip() for row in ({name: name for name in wide}, *rows)]


def _windows(facts: Mapping[str, Any]) -> str:
    windows = mappings(facts.get("windows"))
    rows = [_held_out(facts), *(_numbers(window, facts) for window in windows)]
    metric = figures.metric(mapping(facts.get("metric")).get("name"))
    shape = sparkline([mapping(facts.get("metric")).get("value"), *(mapping(one.get("performance")).get("value") for one in windows)])
    return (
        table([_text(name) for name in rows[0]], ([_text(row["window"]), *[*row.values()][1:]] for row in rows), "l" * len(rows[0]))
        + f"\n\n{_text(metric)}, held out and then by window: {shape}"
    )


def _legend(facts: Mapping[str, Any]) -> str:
    reference, rule = mapping(facts.get("reference")), mapping(mapping(facts.get("rules")).get("drift"))
    kind = "training" if reference.get("kind") == "train" else "held-out"
    return (
        f"Population stability index against the {figures.count(reference.get('rows'))} {kind} rows; above "
        f"{figures.decimal(rule.get('at_most'), 2)} counts as drift (half a bar's height). *Missing* is the share of the newest window, and of those rows."
    )


def _columns(facts: Mapping[str, Any]) -> str:
    """Return the columns that moved most first, over the windows in their order."""
    windows = mappings(facts.get("windows"))
    names = list(dict.fromkeys(name for window in windows for name in mapping(window.get("columns"))))
    by_name = {name: [mapping(mapping(window.get("columns")).get(name)) for window in windows] for name in names}
    ordered = sorted(names, key=lambda name: -max((figures.real(one.get("psi")) or -1.0 for one in by_name[name]), default=-1.0))
    most = 2 * (figures.real(mapping(mapping(facts.get("rules")).get("drift")).get("at_most")) or 0.1)
    rows = [_column(name, by_name[name], most) for name in ordered[:MOST_COLUMNS]]
    more = f"\n\n{len(ordered) - MOST_COLUMNS} more columns moved less." if len(ordered) > MOST_COLUMNS else ""
    return table(["column", "", "index, by window", "missing", "new values", ""], rows, "llllll") + more


def _column(name: str, parts: Sequence[Mapping[str, Any]], most: float) -> list[str]:
    newest = parts[-1]
    values = ", ".join(figures.decimal(one.get("psi"), 2) for one in parts)
    missing = f"{figures.percent(newest.get('missing'))}, {figures.percent(newest.get('reference_missing'))}"
    why = f"insufficient data: {newest['why']}" if newest.get("why") else ""
    new = figures.percent(newest.get("new")) if newest.get("new") else ""
    return [_text(name), sparkline([one.get("psi") for one in parts], 0.0, most), values, missing, new, _text(why)]


def _row(finding: Mapping[str, Any]) -> list[str]:
    mark, window = _MARKS.get(str(finding.get("status")), "?"), finding.get("window")
    cells = (finding.get("kind"), "" if window is None else window, finding.get("said"), finding.get("evidence"))
    return [mark, *(_text(cell) for cell in cells)]


def _text(value: Any) -> str:
    return text(value, LONGEST_WORDS)
