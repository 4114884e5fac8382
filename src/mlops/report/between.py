"""What differs between any two runs: what was asked, what it was made from, and what came of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import digest_file
from mlops.local.runs import read_run
from mlops.report.changes import Change, changes, differing
from mlops.report.figures import measured, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Made = tuple[str, "Mapping[str, Any]", Path]
"""A step, the facts of the step that made its outputs, and that one's folder."""


def between(then: Mapping[str, Any], now: Mapping[str, Any], home: Path) -> list[Change]:
    """Return all differences of two run records: parameters, data, commit, scripts, metrics, and how steps ended.

    Args:
        then: The earlier run's record.
        now: The later one's.
        home: The state folder, whose MLflow store has the metrics.

    Raises:
        PlatformError: The tracking server cannot be reached.
    """
    before, after = list(_made(then)), list(_made(now))
    found = [change for change in changes(now, then) if change.before != change.after]
    found += _differing("script", _scripts(before), _scripts(after))
    found += _differing("metric", _metrics(before, home), _metrics(after, home))
    return [*found, *_differing("step", _ends(then), _ends(now))]


def _differing(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    return [Change(kind, name, then.get(name, ""), now.get(name, "")) for name in differing(then, now)]


def _scripts(made: Iterable[Made]) -> dict[str, str]:
    """The files that the steps saw, each with its digest."""
    found = {}
    for name, _, folder in made:
        for path in sorted((folder / "code").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[f"{name}/{path.relative_to(folder / 'code')}"] = short(digest_file(path))
    return found


def _metrics(made: Iterable[Made], home: Path) -> dict[str, str]:
    """The last value of each metric that the steps logged."""
    from mlops.tracking.server import connect

    made = list(made)
    known = {f"{name}.{key}": measured(value) for name, facts, _ in made for key, value in facts.get("metrics", {}).items()}
    runs = {name: facts["mlflow_run"] for name, facts, _ in made if facts.get("mlflow_run")}
    if not runs:
        return known
    client = connect(home)
    found = {name: client.get_run(number).data.metrics for name, number in runs.items()}
    return known | {f"{name}.{key}": measured(value) for name, metrics in found.items() for key, value in metrics.items()}


def _made(run: Mapping[str, Any]) -> Iterator[Made]:
    """Yield each step with the facts and the folder of the step that made its outputs: in this run, or where it was reused in an earlier one."""
    record = functools.cache(read_run)
    for name, facts in run.get("steps", {}).items():
        product = next(iter(facts.get("outputs", {}).values()), None)
        if product is None or "job" in facts:  # on Azure ML outputs are elsewhere
            yield from [(name, facts, Path("nowhere"))] if "job" in facts else ()
            continue
        folder = Path(product["path"]).parent.parent
        made = facts if facts.get("state") != "reused" else (record(folder.parent.parent) or {}).get("steps", {}).get(folder.name, {})
        yield name, made, folder


def _ends(run: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(facts.get("state", "")).replace("reused", "finished") for name, facts in run.get("steps", {}).items()}
