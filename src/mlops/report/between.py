"""What differs between any two runs: what was asked, what it was made from, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import digest_file
from mlops.local.runs import read_run
from mlops.report.changes import Change, changes
from mlops.report.figures import measured, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def between(then: Mapping[str, Any], now: Mapping[str, Any], home: Path) -> list[Change]:
    """Return all differences of two run records: parameters, data, commit, scripts, metrics, and how steps ended.

    Args:
        then: The earlier run's record.
        now: The later one's.
        home: The state folder, whose MLflow store has the metrics.

    Raises:
        PlatformError: The tracking server cannot be reached.
    """
    found = [change for change in changes(now, then) if change.before != change.after]
    found += _differing("script", _scripts(then), _scripts(now))
    found += _differing("metric", _metrics(then, home), _metrics(now, home))
    return [*found, *_differing("step", _ends(then), _ends(now))]


def _differing(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return [Change(kind, name, then.get(name, ""), now.get(name, "")) for name in names]


def _scripts(run: Mapping[str, Any]) -> dict[str, str]:
    """The files that the steps saw, each with its digest."""
    found = {}
    for name, _, folder in _made(run):
        for path in sorted((folder / "code").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[f"{name}/{path.relative_to(folder / 'code')}"] = short(digest_file(path))
    return found


def _metrics(run: Mapping[str, Any], home: Path) -> dict[str, str]:
    """The last value of each metric that the steps logged."""
    from mlops.tracking.server import connect

    runs = {name: facts["mlflow_run"] for name, facts, _ in _made(run) if facts.get("mlflow_run")}
    if not runs:
        return {}
    client = connect(home)
    found = {name: client.get_run(number).data.metrics for name, number in runs.items()}
    return {f"{name}.{key}": measured(value) for name, metrics in found.items() for key, value in metrics.items()}


def _made(run: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Path]]:
    """Yield each step with the facts and the folder of the step that made its outputs: in this run, or where it was reused in an earlier one."""
    for name, facts in run.get("steps", {}).items():
        product = next(iter(facts.get("outputs", {}).values()), None)
        if product is None:
            continue
        folder = Path(product["path"]).parent.parent
        made = facts if facts.get("state") != "reused" else (read_run(folder.parent.parent) or {}).get("steps", {}).get(folder.name, {})
        yield name, made, folder


def _ends(run: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(facts.get("state", "")).replace("reused", "finished") for name, facts in run.get("steps", {}).items()}
