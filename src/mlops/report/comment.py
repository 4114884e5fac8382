"""The comment on a pull request: what a change does to the model, for somebody who has half a minute.

The verdict comes first, and whether the change may be merged; then numbers with their intervals; then one line each for what else was
looked at; and all the rest in sections that are closed. The words about numbers are those of the page and of the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report import comparison, figures, mermaid
from mlops.report.comparison import mapping, mappings
from mlops.report.markdown import code, details, fence, link, table, text
from mlops.report.verdict import gain, same_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops.ci.host import Job
    from mlops.report.comparison import Difference

_DOTS = {"success": "🟢", "neutral": "⚪", "failure": "🔴"}
_HALF = 9
_BUDGETS = {"latency_ms": ("latency, p95 of one row", "ms"), "size_mb": ("size of the model", "MB")}


@dataclass(frozen=True)
class _Block:
    """A part of the comment; those of the highest rank go first where it is too long."""

    body: str
    rank: int = 0


@dataclass(frozen=True)
class _Ruling:
    """What is said of a change: `word` in the title, what follows for the merge, and the conclusion of the check."""

    word: str
    merge: str
    conclusion: str


def render(
    facts: Mapping[str, Any],
    *,
    commit: str,
    run_url: str = "",
    jobs: Sequence[Job] = (),
    report_url: str = "",
    limit: int = 60_000,
    charts: bool = True,
) -> str:
    """Return the comment as markdown.

    Args:
        facts: What `verdict.check` or `verdict.gather` returned.
        commit: The commit that was run, as the CI system says; where the facts name another, the comment tells.
        run_url: The page of the CI run.
        jobs: The jobs of that run; failed ones are listed, and the change is not called ready to merge.
        report_url: Where the page about the run is to be had.
        limit: The most characters: charts go first, then the closed sections, then what stands last; never a part of one.
        charts: Draw in Mermaid's language: GitHub does; Azure DevOps shows its source.
    """
    blocks = [
        _Block(f"### {text(title(facts, jobs))}"),
        *map(_Block, _told(facts, commit, jobs)),
        _Block(_metrics(facts)),
        *map(_Block, _failure(facts)),
        _Block("\n".join(f"- {entry}" for entry in _looked_at(facts, jobs))),
        *_sections(facts, jobs, charts=charts),
        _Block(_origin(facts, commit, run_url, report_url)),
    ]
    more = link("the report", report_url) if report_url else link("the run", run_url)
    return _within([block for block in blocks if block.body], limit, more)


def title(facts: Mapping[str, Any], jobs: Sequence[Job] = ()) -> str:
    """Return the verdict in one line of plain text: the model, what became of it, and whether the change may be merged."""
    told = _ruling(facts, jobs)
    where = " on a sample" if facts.get("sample") and facts.get("metrics") else ""
    model = f" of {figures.line(facts['model'])}" if facts.get("model") else ""
    return f"{_DOTS[told.conclusion]} Model check{model}: {told.word}{where} — {told.merge}"


def conclusion(facts: Mapping[str, Any], jobs: Sequence[Job] = ()) -> str:
    """Return what a check run says: success, neutral (not better is not wrong) or failure."""
    return _ruling(facts, jobs).conclusion


def _ruling(facts: Mapping[str, Any], jobs: Sequence[Job]) -> _Ruling:
    told = _judged(facts)
    failed = len(_failed(jobs))
    if failed and told.conclusion != "failure":
        return _Ruling(told.word, f"not ready to merge: {failed} job{'s' * (failed > 1)} failed", "failure")
    return told


def _judged(facts: Mapping[str, Any]) -> _Ruling:
    outcome, measured = facts.get("outcome"), comparison.metrics(facts)
    decided = measured[0] if measured else None
    word = f"{decided.word} {decided.mark}" if decided and decided.mark else "not compared"
    other = _other(facts)
    based = mapping(facts.get("reference")).get("kind") == "base"
    stays = (
        "nothing changes in production"
        if based
        else f"{other} stays in production"
        if other.startswith("v")
        else "nothing would go to production"
    )
    if facts.get("sample") and outcome in {"promote", "keep"} and not _broken_limits(facts):
        return _Ruling(word, "a hint: the label all-data decides, on all rows", "neutral")
    if outcome == "promote" and not _broken(facts):
        return _Ruling(word, "ready to merge", "success")
    if outcome == "unchanged":
        return _Ruling("the model stays the same", "ready to merge", "success")
    if outcome == "keep" and decided and decided.word == "worse" and _mode(facts, "compare") == "on" and not facts.get("tolerated"):
        return _Ruling(word, f"not ready to merge; {stays}", "failure")
    if outcome == "keep":
        fell = any(rule.get("name") == "slices" for rule in _broken(facts))
        return _Ruling("a slice falls ▼" if fell else word, f"may be merged; {stays}", "neutral")
    if outcome in {"promote", "stop"}:
        return _Ruling("stopped by the gate ✘", "not ready to merge", "failure")
    stops = any(rule.get("stops") for rule in mappings(mapping(facts.get("contract")).get("broken")))
    return _Ruling("the data break the contract ✘" if stops else "could not be judged ✘", "not ready to merge", "failure")


def _broken_limits(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in _broken(facts) if rule.get("kind") == "limit"]


def _broken(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in mappings(facts.get("rules")) if rule.get("mode") == "on" and rule.get("passed") is not True]


def _mode(facts: Mapping[str, Any], name: str) -> Any:
    return next((rule.get("mode") for rule in mappings(facts.get("rules")) if rule.get("name") == name), None)


def _failed(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.conclusion not in {"success", "skipped", "neutral"}]


def _other(facts: Mapping[str, Any]) -> str:
    """Whom the candidate met, in a word: `v3`, the commit that the change goes to, or the baseline."""
    reference = mapping(facts.get("reference"))
    if reference.get("kind") == "base":
        return code(str(reference.get("commit") or "")[:7])
    version = figures.real(reference.get("version")) or figures.real(mapping(facts.get("against")).get("version"))
    return f"v{version:.0f}" if version and reference.get("kind") != "baseline" else "the baseline"


def _told(facts: Mapping[str, Any], commit: str, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what must be known before the numbers are read."""
    if facts.get("commit") and commit and not same_commit(str(facts["commit"]), commit):
        yield f"> ⚠ These facts name the commit {code(facts['commit'])}, and the run was of {code(commit)}: do not rely on them before it is run again."
    failed = _failed(jobs)
    if failed:
        listed = [f"{link(text(job.name, 80), job.url)} ({text(job.conclusion, 20)})" for job in failed[:10]]
        yield f"✘ Jobs that did not succeed: {', '.join(listed)}{f' and {len(failed) - 10} more' if len(failed) > 10 else ''}"
    if facts.get("reason") and facts.get("outcome") != "failed":
        yield f"{text(str(facts['reason'])[:1].upper() + str(facts['reason'])[1:], 600)}.{_but(facts)}"
    if facts.get("sample"):
        given = ", ".join(f"{code(entry.get('name'))} {text(entry.get('value'), 80)}" for entry in mappings(facts["sample"]))
        twin = mapping(facts.get("reference")).get("kind") in {"twin", "base"}
        like = f" {_other(facts)}'s own code and parameters were trained on the same sample, so like is compared with like." if twin else ""
        yield f"Trained on a sample ({given}).{like}"


def _but(facts: Mapping[str, Any]) -> str:
    """What got worse though it does not decide."""
    worse = [text(found.label, 60) for found in comparison.metrics(facts)[1:] if found.word == "worse"]
    return f" Worse: {', '.join(worse)}." if worse else ""


def _metrics(facts: Mapping[str, Any]) -> str:
    measured = comparison.metrics(facts)
    if not measured:
        return ""
    confidence = figures.percent(facts.get("confidence") or 0.95, 0)
    head = ("", _column(facts), "this change", f"difference, {confidence} interval", "worse ◂ 0 ▸ better", "")
    rows = [_row(m, f"**{text(m.label, 60)}**" if n == 0 else text(m.label, 60), _reach([m])) for n, m in enumerate(measured)]
    decides = f"{text(measured[0].label, 60)}, in bold, decides. "
    key = f"<sub>{decides}▲ better, ▼ worse: the whole interval lies on one side of 0. ≈ no clear difference: it holds 0.</sub>"
    return f"{table(head, [*rows, *_budgets(facts)], 'lrrlcc')}\n\n{key}"


def _column(facts: Mapping[str, Any]) -> str:
    kind = mapping(facts.get("reference")).get("kind")
    known = {"champion": f"{_other(facts)}, production", "twin": f"{_other(facts)}, same sample", "base": f"{_other(facts)}, same rows"}
    return known.get(str(kind), "baseline")


def _row(found: Difference, name: str, reach: float) -> list[str]:
    numbers = [figures.measured(found.other), figures.measured(found.candidate)]
    return [name, *numbers, found.shown, _drawn(found, reach), found.mark or "?"]


def _budgets(facts: Mapping[str, Any]) -> Iterator[list[str]]:
    """The limits that are no metrics, as rows below them."""
    for rule in mappings(facts.get("rules")):
        title, unit = _BUDGETS.get(str(rule.get("name")), ("", ""))
        if title and rule.get("mode") != "off":
            value = f"{figures.decimal(rule.get('value'), 1)} {unit}"
            limit = f"{text(rule['limit'], 60)} {unit}" if rule.get("limit") else ""
            yield [title, figures.NONE, value, limit, "", "✔" if rule.get("passed") else "✘"]


def _reach(found: Sequence[Difference]) -> float:
    """The value at the end of a drawn line: the furthest end of any interval."""
    return max((abs(end) for one in found for end in (one.low, one.high, one.difference) if end is not None), default=0.0)


def _drawn(found: Difference, reach: float) -> str:
    """Draw a difference and its interval to scale, the better side on the right: `·······┊·├─●─┤····`."""
    if found.difference is None or not reach:
        return ""
    way = -1 if found.better == "lower" else 1
    low, point, high = (_place(end, reach * way) for end in (found.low, found.difference, found.high))
    cells = ["·"] * (2 * _HALF + 1)
    cells[_HALF] = "┊"
    if low is not None and high is not None:
        first, last = sorted((low, high))
        cells[first : last + 1] = ["┼" if n == _HALF else "─" for n in range(first, last + 1)]
        cells[first], cells[last] = "├", "┤"
    beyond = abs(found.difference) > reach
    cells[point or 0] = "●" if not beyond else "▸" if found.difference * way > 0 else "◂"
    return f"`{''.join(cells)}`"


def _place(value: float | None, reach: float) -> int | None:
    return None if value is None else min(max(_HALF + round(value / reach * _HALF), 0), 2 * _HALF)


def _failure(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what went wrong, the end of its log, and what to do next."""
    error = mapping(facts.get("error"))
    if not error:
        return
    yield f"**{text(error['step'], 80)} failed.** What it said last:" if error.get("step") else "What went wrong:"
    yield fence(error.get("log") or str(error.get("message")).splitlines()[:40])
    if error.get("hint"):
        yield f"→ {text(error['hint'], 600)}"


def _looked_at(facts: Mapping[str, Any], jobs: Sequence[Job]) -> Iterator[str]:
    """Yield one line for each thing that was looked at besides the metrics."""
    yield from _slice_lines(facts)
    yield from _contract_lines(mapping(facts.get("contract")))
    leakage = mapping(facts.get("leakage"))
    if leakage:
        used = [code(name) for name in leakage.get("used") or []]
        none = f"none of the {figures.count(leakage.get('declared'))} columns that are known only afterwards is used"
        yield f"{'✘' if used else '✔'} **Leakage**: {'the model uses ' + ', '.join(used) if used else none}"
    if figures.real(facts.get("seconds")) is not None:
        steps = mappings(facts.get("steps"))
        reused = sum(step.get("state") == "reused" for step in steps)
        again = f", {reused} of {len(steps)} steps reused" if reused else ""
        cost = f" · {text(facts['cost'], 80)}" if facts.get("cost") else ""
        spent = sum(job.seconds or 0.0 for job in jobs)
        ci = f" · {len(jobs)} jobs, {figures.seconds(spent)} of CI in all" if spent else ""
        yield f"⏱ **Time and cost**: {figures.seconds(facts['seconds'])}{again}{ci}{cost}"


def _slices(facts: Mapping[str, Any]) -> list[Difference]:
    """All slices, those that fall the furthest first, and last those too small for an interval."""
    return sorted(comparison.slices(facts), key=lambda found: (not found.mark, gain(vars(found))))


def _slice_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    found = [one for one in _slices(facts) if one.mark]
    if not found:
        return
    rule = next((rule for rule in mappings(facts.get("rules")) if rule.get("name") == "slices"), {})
    fell = [one for one in found if one.word == "worse"]
    mark = "▼" if rule.get("passed") is False else "≈" if fell else "✔"
    said = f"{text(rule['reason'], 300)}. " if rule.get("reason") else ""
    moved = max(found, key=lambda one: abs(one.difference or 0.0))
    yield f"{mark} **Slices**: {said}Moved most: {_moved(moved)}."
    if fell:
        more = f"; and {len(fell) - 5} more" if len(fell) > 5 else ""
        yield f"▼ **Slices that fell**: {'; '.join(map(_moved, fell[:5]))}{more}"


def _moved(found: Difference) -> str:
    rows = f" on {figures.count(found.rows)} rows" if found.rows else ""
    ends = f"{figures.measured(found.other)} → {figures.measured(found.candidate)}"
    return f"{code(found.label)} {ends}{rows}, {found.shown}, {found.word}"


def _contract_lines(contract: Mapping[str, Any]) -> Iterator[str]:
    if not contract.get("declared"):
        if contract.get("missing"):
            yield f"? **Data contract**: {text(contract['missing'], 200)}"
        return
    broken = mappings(contract.get("broken"))
    held, declared = (figures.real(contract.get(name)) or 0.0 for name in ("held", "declared"))
    stops, warnings = sum(rule.get("stops") is True for rule in broken), figures.real(contract.get("warnings")) or 0
    parts = [f"{held:,.0f} of {declared:,.0f} rules hold"]
    parts += [f"**{stops} that stop{'s' * (stops == 1)} the run** broken"] if stops else []
    parts += [f"{warnings:,.0f} warning{'s' * (warnings != 1)}"] if warnings else []
    quarantined = figures.real(contract.get("quarantined"))
    parts += [f"{quarantined:,.0f} row{'s' * (quarantined != 1)} set aside"] if quarantined and not stops else []
    mark = "✘" if stops or held + len(broken) < declared else "✔"
    parts += [f"owner: {text(contract['owner'], 80)}"] if broken and contract.get("owner") else []
    more = [f"  - and {len(broken) - 5} more" if len(broken) > 5 else ""]
    yield "\n".join(filter(None, [f"{mark} **Data contract**: {', '.join(parts)}", *map(_broken_rule, broken[:5]), *more]))


def _broken_rule(rule: Mapping[str, Any]) -> str:
    examples = ", ".join(code(example, 100) for example in (rule.get("examples") or [])[:3])
    found = text(str(rule.get("found") or "").removeprefix("broken: "), 120)
    since = f", since {code(rule['since'], 60)}" if rule.get("since") else ""
    about = f"  - {'✘' if rule.get('stops') else '⚠'} {code(rule.get('about'))} {text(rule.get('says'), 120)}: {found}{since}"
    return f"{about}{f' — {examples}' if examples else ''}"


def _sections(facts: Mapping[str, Any], jobs: Sequence[Job], *, charts: bool) -> Iterator[_Block]:
    yield from _section(1, _why(facts), _changes(facts))
    contract = mapping(facts.get("contract"))
    yield from _section(1, "The data: rows that break the contract, and since when", _broken_rows(contract))
    slices = _slices(facts)
    yield from _section(2, f"Slices: {len(slices)}, drawn on one scale", _slice_table(facts, slices))
    rules = [rule for rule in mappings(facts.get("rules")) if rule.get("mode") != "off"]
    passed = sum(rule.get("passed") is True for rule in rules)
    yield from _section(2, f"Gate: {passed} of {len(rules)} rules hold", _rule_table(rules))
    if charts:
        yield from _section(3, "Curves: ROC and calibration", _curves(facts))
    took = f" in {figures.seconds(facts.get('seconds'))}" if figures.real(facts.get("seconds")) is not None else ""
    yield from _section(2, f"Steps{took}{' and jobs' * bool(jobs)}", _step_table(facts), _job_table(jobs))


def _section(rank: int, summary: str, *content: str) -> Iterator[_Block]:
    if any(content):
        yield _Block(details(summary, *content), rank)


def _why(facts: Mapping[str, Any]) -> str:
    found = [_short(change) for change in mappings(facts.get("changes")) if change.get("kind") != "code"]
    return _few("What changed: ", found) if found else "What changed: the code"


def _few(start: str, entries: Sequence[str], most: int = 3) -> str:
    """Return the first entries of a list, and how many more there are."""
    return start + ", ".join(entries[:most]) + (f" and {len(entries) - most} more" if len(entries) > most else "")


def _short(change: Mapping[str, Any]) -> str:
    name, before, after = (text(change.get(key), 40) for key in ("name", "before", "after"))
    if change.get("kind") == "feature":
        return f"feature {name} {'added' if after else 'left out'}"
    return f"{name} {before or '(none)'} → {after or '(none)'}"


def _changes(facts: Mapping[str, Any]) -> str:
    found = mappings(facts.get("changes"))
    rows = [[text(c.get("kind"), 20), code(c.get("name")), code(c.get("before"), 120), code(c.get("after"), 120)] for c in found]
    return table(("", "", _column(facts), "this change"), rows, "llll") if rows else ""


def _slice_table(facts: Mapping[str, Any], slices: Sequence[Difference]) -> str:
    if not slices:
        return ""
    reach = _reach([one for one in slices if one.mark] or slices)
    head = ("", "rows", _column(facts), "this change", "difference", "worse ◂ 0 ▸ better", "")
    rows = []
    for one in slices:
        name, *numbers = _row(one, code(one.label), reach)
        rows.append([name, figures.count(one.rows), *numbers])
    few = "<sub>?: too few rows for an interval, so that it counts for nothing. ◂ ▸: beyond the scale.</sub>"
    return f"{table(head, rows, 'lrrrlcc')}\n\n{few}"


def _broken_rows(contract: Mapping[str, Any]) -> str:
    """Every broken rule with its history drawn and the first rows that break it, by their key."""
    parts = []
    for rule in mappings(contract.get("broken")):
        examples = [code(example, 160) for example in rule.get("examples") or []]
        if examples or rule.get("drawn"):
            told = [code(rule[name], 200) for name in ("drawn",) if rule.get(name)] + [text(rule["remark"], 200)] * bool(rule.get("remark"))
            head = f"**{code(rule.get('about'))}** {text(rule.get('says'), 160)} {' · '.join(told)}"
            parts.append("\n".join([head, "", *(f"- {example}" for example in examples)]))
    whose = f"Owner of the contract: {text(contract['owner'], 120)}." if parts and contract.get("owner") else ""
    return "\n\n".join([*parts, *([whose] if whose else [])])


def _rule_table(rules: Sequence[Mapping[str, Any]]) -> str:
    marks = {True: "✔", False: "✘", None: figures.NONE}
    rows = [
        [marks[rule.get("passed")], text(figures.metric(rule.get("name")), 60), f"{text(rule.get('kind'), 20)}{_dry(rule)}", text(rule.get("reason"), 300)]
        for rule in rules
    ]  # fmt: skip
    words = "A *limit* that is broken stops. A *comparison* that is not won keeps what is in production, and is not an error."
    return f"{table(('', 'rule', 'kind', 'finding'), rows, 'clll')}\n\n<sub>{words}</sub>" if rows else ""


def _dry(rule: Mapping[str, Any]) -> str:
    return ", dry run" if rule.get("mode") == "dry-run" else ""


def _curves(facts: Mapping[str, Any]) -> str:
    plots = mapping(facts.get("plots"))
    drawn = {name: mapping(plots.get(name)) for name in ("roc", "calibration")}
    roc, calibration = mermaid.roc(drawn["roc"]), mermaid.calibration(drawn["calibration"])
    parts = []
    if roc:
        parts += [f"**ROC**: 🟦 this change{_orange(drawn['roc'], facts)} · grey: a guess. The higher, the better.", roc]
    if calibration:
        told = f"**Calibration**: 🟦 this change{_orange(drawn['calibration'], facts)} · grey: what was predicted. The closer to grey, the better."
        parts += [told, calibration]
    return "\n\n".join(parts)


def _orange(curves: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    same = len(curves.get("other") or ()) == len(curves.get("candidate") or ())
    return f" · 🟧 {_column(facts)}, hidden where blue lies on it" if same else ""


def _step_table(facts: Mapping[str, Any]) -> str:
    steps = mappings(facts.get("steps"))
    longest = max((figures.real(step.get("seconds")) or 0.0 for step in steps), default=0.0)
    marks = {"finished": "✔", "reused": "=", "failed": "✘", "skipped": figures.NONE}
    rows = [
        [marks.get(str(step.get("state")), "?"), code(step.get("name")), _took(step), _bar(step, longest), text(step.get("reason"), 160)]
        for step in steps
    ]
    return table(("", "step", "time", "", "why it ran, or did not"), rows, "clrll") if rows else ""


def _took(step: Mapping[str, Any]) -> str:
    return figures.seconds(step["seconds"]) if figures.real(step.get("seconds")) is not None else text(step.get("state"), 20)


def _bar(step: Mapping[str, Any], longest: float) -> str:
    took = figures.real(step.get("seconds")) or 0.0
    return "▇" * max(1, round(took / longest * 12)) if took > 0 and longest > 0 else ""


def _job_table(jobs: Sequence[Job]) -> str:
    rows = [[link(text(job.name, 80), job.url), text(job.conclusion, 20), figures.seconds(job.seconds)] for job in jobs[:60]]
    return table(("job", "", "time"), rows, "llr") if rows else ""


def _origin(facts: Mapping[str, Any], commit: str, run_url: str, report_url: str) -> str:
    """Where the numbers come from."""
    rows = f"{figures.count(facts['rows'])} held-out rows, both models on the same" if facts.get("rows") else ""
    run = f"run {figures.count(facts['run'])}" if facts.get("run") else ""
    pages = [link(words, address) for words, address in (("the CI run", run_url), ("the whole report", report_url)) if address]
    parts = [f"commit {code(figures.short(commit))}", run, rows, *pages]
    return f"<sub>{' · '.join(part for part in parts if part)}</sub>"


def _within(blocks: Sequence[_Block], limit: int, more: str) -> str:
    """Join what fits: the highest ranks are left out first, then whole blocks from the end, and last the title itself is cut."""
    whole = _joined(blocks)
    if len(whole) <= limit:
        return whole
    note = _Block(f"**Shortened**: a comment has room for {limit:,} characters. See {more}.")
    for rank in (3, 2, 1):
        kept = [*(block for block in blocks if block.rank < rank), note]
        if len(_joined(kept)) <= limit:
            return _joined(kept)
    first = [block for block in blocks if block.rank == 0]
    while len(first) > 1 and len(_joined([*first, note])) > limit:
        first.pop()
    short = _joined([*first, note])
    return short if len(short) <= limit else figures.cut(first[0].body, limit)


def _joined(blocks: Sequence[_Block]) -> str:
    return "\n\n".join(block.body for block in blocks) + "\n"
