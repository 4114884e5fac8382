"""The data card (README.md beside the data): what the data are, where from, how they are read, which columns there are, and what was decided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.adopt.layout import Layout
    from mlops.adopt.measure import Measured
    from mlops.adopt.plan import Plan

MOST_COLUMNS = 200


def text(plan: Plan, layout: Layout, origin: str, measured: Measured | None) -> str:
    """Return the card. `origin` is where the data came from, as the person named it."""
    parts = [
        f"# Data card: {plan.name}\n",
        _facts(plan, layout, origin, measured),
        "## Decisions\n",
        _decisions(plan),
        "## Columns\n",
        _columns(plan),
    ]
    parts += ["## Preparation\n", _preparation(plan, layout, measured)]
    if plan.suspects:
        parts += ["## Suspects\n", _suspects(plan)]
    if plan.remarks:
        parts += ["## What was seen\n", "".join(f"- {cell(remark)}\n" for remark in plan.remarks)]
    return "\n".join(parts)


def _facts(plan: Plan, layout: Layout, origin: str, measured: Measured | None) -> str:
    rows = {
        "What": f"{plan.rows:,} rows, {len(plan.columns):,} columns",
        "Source": cell(origin),
        "Licence": "unknown: ask whoever gave you the data, and write it here and into the contract",
        "Digests": "`SHA256SUMS`, checked before a byte is read",
        "How they are read": "`source.yml`",
        "Contract": f"`../{layout.name}.odcs.yml` (Open Data Contract Standard v3)",
        "Question": f"{code(plan.target)}, {plan.task}",
        "Persons": "not looked at: whether people are in the data is for you to say",
    }
    if measured is not None and measured.quarantined:
        rows["Quarantine"] = f"{measured.quarantined:,} rows broke a warning of the contract when this was written"
    return "| | |\n|---|---|\n" + "".join(f"| **{key}** | {value} |\n" for key, value in rows.items())


def _decisions(plan: Plan) -> str:
    lines = ["| what | decided | how sure | why | otherwise |\n|---|---|---|---|---|\n"]
    lines += [f"| {cell(d.about)} | {cell(d.value)} | {d.sure} | {cell(d.why)} | {cell(d.option)} |\n" for d in plan.decisions]
    return "".join(lines)


def _columns(plan: Plan) -> str:
    lines = ["| column | role | type | missing | distinct | why |\n|---|---|---|---|---|---|\n"]
    for column in plan.columns[:MOST_COLUMNS]:
        name = cell(column.name) + (f" ({code(column.raw)} in the source)" if column.raw != column.name else "")
        lines.append(f"| {name} | {column.role} | {column.type} | {column.missing:.1%} | {column.distinct:,} | {cell(column.why)} |\n")
    if len(plan.columns) > MOST_COLUMNS:
        lines.append(f"\n{len(plan.columns) - MOST_COLUMNS:,} more: see the contract.\n")
    return "".join(lines)


def _preparation(plan: Plan, layout: Layout, measured: Measured | None) -> str:
    """Return where each part of the preparation is; each tells rows and columns in and out, in its step's log and on the run's page."""
    linear = measured is not None and measured.estimator == "linear"
    words = plan.of("category", "ordinal", "high-cardinality", "text", "date")
    plain = (
        "missing ones filled by the median, each of one size"
        if linear
        else "missing ones stay missing: trees split on them, and need no scaling"
    )
    parts = {
        "import": f"step `import`: the files, digests checked, to one typed table; `{layout.data}/source.yml`",
        "validate": f"step `validate`: the contract, `data/{layout.name}.odcs.yml`; rows that break a warning go to quarantine",
        "clean": f"step `clean`, `{layout.package}/clean.py`: rows with an answer, each once, with the columns of `columns.yml`",
        "wrangle": "nothing is joined or derived: your own joins and ratios go into `clean.py`, or into a step after it",
        "stage": f"step `split`, `{layout.package}/split.py`: train and test, {plan.split.kind}",
        "transform": f"in the model, `{layout.package}/transform.py`: a branch for each kind of words and times ({len(words):,} columns)",
        "normalise": f"in the model, branch `numbers` ({len(plan.of('number', 'boolean')):,} columns): plain numbers, {plain}",
    }
    return "| part | where |\n|---|---|\n" + "".join(f"| {name} | {where} |\n" for name, where in parts.items())


def _suspects(plan: Plan) -> str:
    lines = ["| column | predicts the target alone | what became of it | why |\n|---|---|---|---|\n"]
    for suspect in plan.suspects:
        score = "" if suspect.score is None else f"{suspect.score:.2f}"
        lines.append(
            f"| {cell(suspect.column) or 'rows'} | {score} | {'left out' if suspect.left_out else 'kept'} | {cell(suspect.why)} |\n"
        )
    return "".join(lines)


def cell(words: str) -> str:
    """Return words as a cell of a Markdown table can hold them: nothing in data may become a link, a tag or a column."""
    plain = " ".join(str(words).split())
    for sign in ("\\", "|", "`", "<", "[", "]", "*", "_"):
        plain = plain.replace(sign, {"<": "&lt;"}.get(sign, f"\\{sign}"))
    return plain


def code(words: str, *, table: bool = True) -> str:
    """Return words as code of Markdown, in which every sign is itself; in a `table` a bar would end the cell."""
    plain = " ".join(str(words).split()) or " "
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    space = " " if "`" in plain else ""
    return f"{fence}{space}{plain.replace('|', chr(92) + '|') if table else plain}{space}{fence}"
