"""What a change does to the model, as one JSON-able value: gathered where the change was run, checked and shown somewhere else.

Where a change is run its own code runs, and could write anything. So the value is held against a shape before it is shown, and whoever
shows it asks the CI system which commit was run and which pull request it belongs to, never the value.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed
from mlops.report.changes import changes, since_champion
from mlops.report.comparison import mapping, mappings
from mlops.report.contract import read_contract
from mlops.report.figures import line, real
from mlops.report.headline import failed_step
from mlops.report.pieces import Pieces, log_tail, read_pieces, rules
from mlops.report.shape import Choice, Flag, Many, Name, Number, Record, Shape, Text, hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTCOMES = ("promote", "keep", "stop", "failed", "unchanged")
MOST_BYTES = 512 * 1024
MOST_POINTS = 40
MOST_SLICES = 40
_NUMBERS: dict[str, Shape] = {name: Number() for name in ("candidate", "other", "difference", "low", "high")}
_MEASURED: dict[str, Shape] = {"better": Choice(("higher", "lower")), **_NUMBERS}
_CURVE = Many(Many(Number(), 2), MOST_POINTS)
_CURVES = Record({"candidate": _CURVE, "other": _CURVE})
SHAPE = Record(
    {
        "schema": Number(),
        "model": Name(80),
        "outcome": Choice(OUTCOMES),
        "reason": Text(1000),
        "error": Record({"message": Text(4000), "hint": Text(1000), "step": Text(80), "log": Many(Text(400), 30)}),
        "tolerated": Flag(),
        "commit": Text(64),
        "run": Number(),
        "seconds": Number(),
        "cost": Text(100),
        "steps": Many(Record({"name": Text(80), "state": Text(20), "seconds": Number(), "reason": Text(300)}), 60),
        "sample": Many(Record({"name": Text(80), "value": Text(200)}), 10),
        "reference": Record({"kind": Choice(("champion", "baseline", "twin", "base")), "version": Number(), "commit": Text(64)}),
        "against": Record({"kind": Text(20), "version": Number(), "name": Text(120)}),
        "metrics": Many(Record({"name": Text(60), **_MEASURED}), 20),
        "slices": Many(Record({"column": Text(60), "value": Text(80), "rows": Number(), "metric": Text(60), **_MEASURED}), MOST_SLICES),
        "rows": Number(),
        "confidence": Number(),
        "latency_ms": Number(),
        "rules": Many(
            Record(
                {
                    "name": Text(60),
                    "kind": Text(20),
                    "mode": Choice(("on", "dry-run", "off")),
                    "passed": Flag(),
                    "reason": Text(600),
                    "value": Number(),
                    "limit": Text(120),
                }
            ),
            30,
        ),
        "contract": Record(
            {
                "declared": Number(),
                "held": Number(),
                "warnings": Number(),
                "quarantined": Number(),
                "missing": Text(200),
                "broken": Many(
                    Record(
                        {
                            "about": Text(120),
                            "says": Text(200),
                            "found": Text(200),
                            "stops": Flag(),
                            "examples": Many(Text(160), 10),
                            "since": Text(60),
                            "drawn": Text(160),
                            "remark": Text(200),
                        }
                    ),
                    20,
                ),
                "owner": Text(120),
            }
        ),
        "leakage": Record({"declared": Number(), "used": Many(Text(80), 20)}),
        "changes": Many(Record({"kind": Text(20), "name": Text(80), "before": Text(300), "after": Text(300)}), 60),
        "plots": Record({"roc": _CURVES, "calibration": _CURVES}),
    }
)  # fmt: skip


def gather(
    folder: Path, *, reference: Mapping[str, Any] | None = None, sample: Mapping[str, Any] | None = None, cost: str = "no cloud cost"
) -> dict[str, Any]:
    """Return what is known about the change that a run was made from; what the run did not come to is None or empty.

    Args:
        folder: The run's folder.
        reference: Whom the candidate met, where the evidence cannot tell: `kind` (champion, baseline, twin: the champion's own code and
            parameters, trained on the same sample, or base: those of the commit that the change goes to), `version`, `commit`, and `folder`,
            the other's run, for what changed and its curves.
        sample: The settings that made it a sample; None where it was trained on all.
        cost: What it cost beside the time, in words; a run on this machine costs nothing.

    Raises:
        UsageError: The folder has no run.json.
        PlatformError: run.json is not JSON.
    """
    found, given = read_pieces(folder), dict(reference or {})
    other = read_pieces(Path(str(given["folder"]))) if given.get("folder") else None
    evidence = mapping(found.evidence.value)
    facts = {
        "schema": 1,
        "model": found.delivery.get("model") or found.run.get("model"),
        **_ended(found),
        "commit": found.run.get("commit"),
        "run": found.run.get("run"),
        "seconds": real(found.delivery.get("seconds")) or real(found.run.get("seconds")),
        "cost": cost,
        "steps": _steps(found.run),
        "sample": [{"name": line(name), "value": line(value)} for name, value in (sample or {}).items()],
        "reference": _reference(evidence, found.previous.value, given),
        **{name: evidence.get(name) for name in ("against", "metrics", "confidence")},
        "slices": _telling(mappings(evidence.get("slices"))),
        "rows": mapping(evidence.get("rows")).get("count"),
        "latency_ms": mapping(evidence.get("latency_ms")).get("p95"),
        "rules": rules(found.verdict.value),
        "contract": _contract(found),
        "leakage": _leakage(evidence),
        "changes": [vars(change) for change in (_between(found, other) if other else since_champion(found))],
        "plots": _plots(found, other),
    }
    return dict(hold(SHAPE, facts, strict=False))


def failed(message: str, hint: str | None = None, *, model: str = "", commit: str = "") -> dict[str, Any]:
    """Return the facts of a change that did not come to a run: a mistake in a YAML file, say."""
    facts = {"schema": 1, "model": model, "outcome": "failed", "reason": line(message.partition("\n")[0]), "commit": commit}
    return dict(hold(SHAPE, {**facts, "error": {"message": message, "hint": hint}}, strict=False))


def read(path: Path) -> dict[str, Any]:
    """Return the facts in a file that came from elsewhere.

    Raises:
        JobFailed: It is not there, is no plain file, is too large, is not strict JSON, or is not what `gather` makes.
    """
    if path.is_symlink() or not path.is_file():
        raise JobFailed("there are no facts about the run", where=str(path), hint="See the run's own jobs: one of them failed before.")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise JobFailed(f"the facts are larger than {MOST_BYTES // 1024} KB, and were not read", where=str(path))
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise JobFailed(f"the facts are not JSON: {type(error).__name__}", where=str(path)) from error
    return check(value)


def check(facts: Any) -> dict[str, Any]:
    """Return facts that others wrote, held against their shape: bounds on every list and text, finite numbers, unknown keys dropped.

    Raises:
        JobFailed: They do not fit, and what does not is named.
    """
    if not isinstance(facts, dict) or facts.get("schema") != 1:
        raise JobFailed("these are not facts about a run: `schema` is not 1", hint="They were made by another version of mlops.")
    held = hold(SHAPE, facts, strict=True)
    if held["outcome"] is None:
        raise JobFailed(f"the facts have no outcome: it is one of {', '.join(OUTCOMES)}")
    return dict(held)


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _ended(found: Pieces) -> dict[str, Any]:
    """Outcome, reason and error; what an error ended is a failure, but for what the gate stopped."""
    told, wrong = found.delivery or mapping(found.verdict.value), found.delivery.get("error")
    outcome, step = told.get("outcome"), failed_step(found.run)
    if step is None and outcome in {"promote", "keep", "stop", "unchanged"} and not (wrong and outcome != "stop"):
        return {"outcome": outcome, "reason": line(told.get("reason"))}
    message = line(wrong or (step and step[1].get("reason")) or found.run.get("error")) or "the run was not judged"
    log = log_tail(found.folder, step[1]) if step else []
    return {"outcome": "failed", "reason": message, "error": {"message": message, "step": step[0] if step else None, "log": log[-30:]}}


def _steps(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    steps = [(line(name), mapping(facts)) for name, facts in mapping(run.get("steps")).items()]
    return [{"name": name, **{key: facts.get(key) for key in ("state", "seconds", "reason")}} for name, facts in steps]


def _reference(evidence: Mapping[str, Any], previous: Any, given: Mapping[str, Any]) -> dict[str, Any] | None:
    against = mapping(evidence.get("against"))
    if not against and not given:
        return None
    known = {"kind": against.get("kind"), "version": against.get("version"), "commit": mapping(previous).get("commit")}
    return known | {name: given[name] for name in known if given.get(name) is not None}


def gain(entry: Mapping[str, Any]) -> float:
    """Return by how much a metric got better, whichever way it goes; 0 where it is not known."""
    difference = real(entry.get("difference")) or 0.0
    return -difference if entry.get("better") == "lower" else difference


def _telling(slices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slices that fell the most, those that are at their lowest now, and those that rose the most: so many at most."""
    moved = sorted(slices, key=gain)
    now = sorted(slices, key=lambda entry: (real(entry.get("candidate")) or 0.0) * (-1 if entry.get("better") == "lower" else 1))
    chosen = [*moved[:20], *now[:10], *moved[:-11:-1]] if len(moved) > MOST_SLICES else moved
    return [entry for n, entry in enumerate(chosen) if entry not in chosen[:n]]


def _contract(found: Pieces) -> dict[str, Any]:
    contract = read_contract(found.validation, found.validated)
    broken = [rule for rule in contract.expectations if not rule.held]
    return {
        "declared": contract.declared,
        "held": contract.held,
        "warnings": sum(not rule.stops for rule in broken),
        "quarantined": mapping(found.validation.value).get("quarantined"),
        "missing": contract.missing,
        "owner": contract.owner,
        "broken": [{**vars(rule), "examples": list(rule.examples)} for rule in sorted(broken, key=lambda rule: not rule.stops)],
    }


def _leakage(evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    told = mapping(evidence.get("leakage"))
    return {"declared": len(told["declared"]), "used": told.get("used")} if isinstance(told.get("declared"), list) else None


def _between(found: Pieces, other: Pieces) -> list[Any]:
    columns = [mapping(mapping(piece.evidence.value).get("model")).get("inputs") for piece in (found, other)]
    return list(changes(found.run, other.run, (columns[0], columns[1])))


def _plots(found: Pieces, other: Pieces | None) -> dict[str, Any]:
    """The curves; the other's only where they were drawn over the same rows."""
    mine, theirs = mapping(found.evaluation["curves"].value), mapping(_curves_of(found, other))
    grid = [n / 20 for n in range(21)]
    roc = {who: _resampled(_pairs(curves, "roc", "fpr", "tpr"), grid) for who, curves in (("candidate", mine), ("other", theirs))}
    bins = {
        who: _thinned(_pairs(curves, "calibration", "predicted", "observed")) for who, curves in (("candidate", mine), ("other", theirs))
    }
    return {"roc": roc, "calibration": bins}


def _curves_of(found: Pieces, other: Pieces | None) -> Any:
    if other is None and found.previous and Path(found.previous.value["folder"], "run.json").is_file():
        other = read_pieces(Path(found.previous.value["folder"]))
    if other is None:
        return None
    return other.evaluation["curves"].value if _rows(found) and _rows(found) == _rows(other) else None


def _rows(found: Pieces) -> Any:
    """The digest of the held-out rows: of the comparison, or of the pipeline's output where nothing was compared."""
    compared = mapping(mapping(found.evidence.value).get("rows")).get("digest")
    return compared or mapping(mapping(found.run.get("outputs")).get("test")).get("digest")


def _pairs(curves: Mapping[str, Any], name: str, across: str, up: str) -> list[tuple[float, float]]:
    curve = mapping(curves.get(name))
    xs, ys = curve.get(across), curve.get(up)
    if not isinstance(xs, list) or not isinstance(ys, list):
        return []
    known = [(real(x), real(y)) for x, y in zip(xs, ys, strict=False)]
    return sorted((x, y) for x, y in known if x is not None and y is not None)


def _resampled(points: Sequence[tuple[float, float]], grid: Sequence[float]) -> list[list[float]]:
    """The curve at evenly spaced places, on straight lines between its points: a chart whose points carry no place of their own needs that."""
    if len(points) < 2:
        return []
    return [[x, round(_between_points(points, x), 4)] for x in grid]


def _between_points(points: Sequence[tuple[float, float]], x: float) -> float:
    before = max((point for point in points if point[0] <= x), default=points[0])
    after = min((point for point in points if point[0] >= x), default=points[-1])
    width = after[0] - before[0]
    return before[1] if width <= 0 else before[1] + (after[1] - before[1]) * (x - before[0]) / width


def _thinned(points: Sequence[tuple[float, float]]) -> list[list[float]]:
    every = -(-len(points) // MOST_POINTS) or 1
    return [[round(x, 4), round(y, 4)] for x, y in points[::every]]


def same_commit(one: str, other: str) -> bool:
    """Return whether two commits are the same, where one of them may be short."""
    words = [word for word in (one, other) if re.fullmatch(r"[0-9a-f]{7,64}", word)]
    return len(words) == 2 and (words[0].startswith(words[1]) or words[1].startswith(words[0]))
