"""What a contract says of a column of text: its set, its form, or that it is tidy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlops.contract.custom import TIDY
from mlops.contract.proposal.look import FEW, Look, expect
from mlops.contract.rules import printable
from mlops.contract.text import untidy

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_AT = 2_000
"""Values that a form is made from; all are held against it."""


def text(look: Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> None:
    counts = look.frame[name].dropna().value_counts()
    values = [str(value) for value in counts.index]
    strange: dict[str, list[str]] = {}
    for value in values:
        if what := untidy(value):
            strange.setdefault(what, []).append(value)
    for what, some in strange.items():
        rows = int(counts.loc[some].sum())
        remarks.append(f"{printable(name)} holds {what} in {rows:,} rows: {', '.join(repr(printable(v, 30)) for v in some[:3])}")
    folded: dict[str, list[str]] = {}
    for value in values[:5_000]:
        folded.setdefault(" ".join(value.split()).casefold(), []).append(value)
    alike = [group for group in folded.values() if len(group) > 1]
    if alike and len(values) < 0.5 * len(look.frame):
        remarks.append(
            f"{printable(name)} writes the same word in {len(alike[0])} ways: {', '.join(map(repr, map(printable, alike[0][:3])))}"
        )
    if len(values) <= FEW and len(look.frame) >= 10 * len(values) and (counts == 1).mean() < 0.25:
        quality.append({"metric": "invalidValues", "arguments": {"validValues": sorted(values)}, "mustBe": 0, "severity": "warn"})
    elif pattern := _pattern(values):
        quality.append({"metric": "invalidValues", "arguments": {"pattern": pattern}, "mustBe": 0, "severity": "warn"})
    else:
        odd = [value for some in strange.values() for value in some]
        share = float(counts.loc[odd].sum()) / len(look.frame) if odd else 0.0
        kwargs = {} if not odd else {"allow": sorted(odd)} if len(odd) <= 10 else {"mostly": round(max(0.0, 1 - 1.5 * share - 0.01), 3)}
        quality.append(expect(TIDY, kwargs, severity="warn"))


def _pattern(values: Sequence[str]) -> str:
    """Return the form that all of many values have, as ^[A-Z]{3}$; empty where they have none."""
    lengths = pd.Series(values).str.len()
    if len(values) < 10 or lengths.max() > 40:
        return ""
    some = [*values[:LOOKED_AT], values[int(lengths.argmin())], values[int(lengths.argmax())]]
    form = _form(some)
    return form if form and (len(values) <= LOOKED_AT or pd.Series(values).str.fullmatch(form).all()) else ""


def _form(values: Sequence[str]) -> str:
    classes = (("A-Z", r"[A-Z]"), ("a-z", r"[a-z]"), ("0-9", r"[0-9]"))
    shapes: dict[tuple[str, ...], list[list[int]]] = {}
    for value in values:
        runs: list[tuple[str, int]] = []
        for character in value:
            named = next((name for name, form in classes if re.fullmatch(form, character)), re.escape(character))
            if runs and runs[-1][0] == named:
                runs[-1] = (named, runs[-1][1] + 1)
            else:
                runs.append((named, 1))
        shapes.setdefault(tuple(name for name, _ in runs), []).append([count for _, count in runs])
        if len(shapes) > 1:
            return _mixture(values)
    ((shape, lengths),) = shapes.items()
    if len(shape) > 12:
        return ""
    spans = [(min(column), max(column)) for column in zip(*lengths, strict=True)]
    return "^" + "".join(_run(name, *span) for name, span in zip(shape, spans, strict=True)) + "$"


def _mixture(values: Sequence[str]) -> str:
    """Return the form of capitals and digits in any order, of one length (or of a few), where that is what all have."""
    lengths = {len(value) for value in values}
    plain = all(re.fullmatch(r"[A-Z0-9]+", value) for value in values)
    return f"^{_run('0-9A-Z', min(lengths), max(lengths))}$" if plain and max(lengths) - min(lengths) <= 4 and max(lengths) <= 20 else ""


def _run(name: str, least: int, most: int) -> str:
    count = "" if least == most == 1 else f"{{{least}}}" if least == most else f"{{{least},{most}}}"
    return (f"[{name}]" if name in {"A-Z", "a-z", "0-9", "0-9A-Z"} else name) + count
