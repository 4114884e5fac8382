"""The verb `costs`: what a pipeline would cost, before it is submitted."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops.api import place, read
from mlops.errors import UsageError
from mlops.spec.source import read as parsed
from mlops.verbs.pipelines import given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.azure.estimate import Cluster, Line, Range
    from mlops.azure.prices import Prices
    from mlops.spec.values import Pipeline

_RUNS = 5
"""So many of the newest runs are looked at."""


def costs(arguments: argparse.Namespace) -> int:
    """Print a table of steps with their machines, hours and costs, and a total with its range.

    Raises:
        UsageError: The price of a machine, or the hours of a step, are not known.
        SpecError: The pipeline file, or infra/prices.yml, has a mistake.
        PlatformError: The price list cannot be asked.
    """
    if arguments.refresh is not None:
        return _refresh(arguments)
    if not arguments.file:
        raise UsageError("which pipeline?", hint="mlops costs src/pipelines/train.yml")
    if arguments.where == "local":
        print(json.dumps({"where": "local", "total": 0}) if arguments.json else "  it runs on this machine: nobody sends a bill")
        return 0
    from mlops.azure.estimate import overhead, total
    from mlops.azure.prices import read_prices

    root, home = place()
    prices, cluster = read_prices(root), _cluster(root, arguments.env)
    pipeline = read(arguments.file, given(arguments.set), complete=False)
    lines = _lines(pipeline, _records(root, home, pipeline), _hours(arguments.hours), prices, cluster)
    rest, whole = overhead(lines, prices), total(lines, prices)
    if arguments.json:
        facts = {"environment": arguments.env, "currency": prices.currency, "region": prices.region, "prices_of": prices.date}
        print(json.dumps({**facts, "steps": [asdict(line) for line in lines], "start_and_idle": asdict(rest), "total": asdict(whole)}))
        return 0
    _print(arguments, prices, lines, rest, whole)
    return 0


def _cluster(root: Path, environment: str) -> Cluster:
    from mlops.azure.estimate import Cluster
    from mlops.azure.infra import find_place, read_parameters

    told = read_parameters(find_place(root, environment).file)
    return Cluster("cpu-cluster", str(told.get("trainingVmSize", "")), str(told.get("trainingPriority", "Dedicated")))


def _records(root: Path, home: Path, pipeline: Pipeline) -> list[Mapping[str, Any]]:
    """Return the records of this pipeline's newest runs here."""
    from mlops.local.runs import read_runs

    own = pipeline.path.resolve()
    return list(islice((run for run in read_runs(home) if run.get("pipeline") and (root / run["pipeline"]).resolve() == own), _RUNS))


def _hours(told: list[str]) -> dict[str, float]:
    """Return `--hours 2` and `--hours train=2` as hours by step; "" is each step that no run tells of."""
    hours = {}
    for one in told:
        step, equals, value = one.rpartition("=")
        try:
            hours[step if equals else ""] = float(value)
        except ValueError:
            raise UsageError(f"--hours {one!r} is no number", hint="--hours 2, or --hours train=2") from None
        if not 0 <= float(value) < float("inf"):
            raise UsageError(f"--hours {one!r} is no length of time", hint="--hours 2, or --hours train=2")
    return hours


def _lines(pipeline: Pipeline, runs: list[Mapping[str, Any]], hours: Mapping[str, float], prices: Prices, cluster: Cluster) -> list[Line]:
    from mlops.azure.estimate import hours_of, line, machine_of

    unknown = sorted(set(hours) - set(pipeline.steps) - {""})
    if unknown:
        raise UsageError(f"{pipeline.path} has no step {', '.join(unknown)}", hint=f"Its steps: {', '.join(pipeline.steps)}")
    lines, untold = [], []
    for name, step in pipeline.steps.items():
        told = hours_of(name, runs, hours, prices)
        if told is None:
            untold.append(name)
            continue
        job, default = _job(pipeline, name)
        lines.append(
            line(name, machine_of(name, {**_machine(step.component.place.source.value), **job}, default, cluster, prices), told, prices)
        )
    if untold:
        raise UsageError(
            f"nobody knows how long {', '.join(untold)} would take",
            hint=f"Run it here once (mlops run {pipeline.path}), or say it: --hours {untold[0]}=0.5, or --hours 0.5 for each of them.",
        )
    return lines


def _job(pipeline: Pipeline, name: str) -> tuple[Mapping[str, Any], str]:
    """Return what the file says of a step's machine, and the compute that holds where it says nothing."""
    at = pipeline.steps[name].place
    defaults = [_default_compute(source.value) for source in (at.source, parsed(pipeline.path))]
    own: Any = at.source.value
    for key in at.keys:
        own = own[key]
    return _machine(own), next(filter(None, defaults), "")


def _default_compute(told: Any) -> str:
    settings = told.get("settings") if isinstance(told, dict) else None
    return str(settings.get("default_compute") or "") if isinstance(settings, dict) else ""


def _machine(told: Any) -> Mapping[str, Any]:
    """What a mapping of the YAML says of a machine."""
    return {key: told[key] for key in ("compute", "resources", "queue_settings") if isinstance(told, dict) and told.get(key)}


def _print(arguments: argparse.Namespace, prices: Prices, lines: list[Line], rest: Range, whole: Range) -> None:
    print(f"  {arguments.file} on Azure, as {arguments.env} has it: {prices.currency}, {prices.region}, prices of {prices.date}")
    rows = [("step", "machine", "hours", f"cost in {prices.currency}", "hours from")]
    for line in lines:
        machine = f"{line.machine.count} x " * (line.machine.count > 1) + f"{line.machine.size} {line.machine.priority}"
        rows.append((line.step, machine, _range(line.hours), _range(line.cost), line.known_from))
    rows.append(("machines that start and rest", "", "", _range(rest), "assumed"))
    rows.append(("total", "", "", _range(whole), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    assumed = prices.assumed
    print(
        f"  Assumed: a machine there takes {assumed.fastest:g} to {assumed.slowest:g} times as long as this one; it starts in {assumed.start_minutes:g} minutes "
        f"and rests for {assumed.idle_minutes:g}, once in a run.\n"
        "  A sweep or a parallel step is counted as long as it took here. Not counted: storage, network, images, logs, endpoints, what nobody reuses,\n"
        "  a low-priority machine that is taken away and tried again. The list's price is not your contract's. infra/prices.yml has all of this."
    )


def _range(value: Range) -> str:
    """A likely value with its bounds, to as many digits as a person needs."""
    if value.least == value.most:
        return _short(value.likely)
    return f"{_short(value.likely)} ({_short(value.least)} to {_short(value.most)})"


def _short(number: float) -> str:
    return f"{number:.2f}" if number >= 1 or not number else f"{number:.2g}" if number >= 1e-4 else "< 0.0001"


def _refresh(arguments: argparse.Namespace) -> int:
    """Bring prices up to date: of the sizes that were named, else of all that the file and the environments name."""
    from mlops.azure.infra import FOLDER, read_parameters
    from mlops.azure.prices import PRICES_FILE, read_prices, refreshed, write_prices

    root, _ = place()
    prices = read_prices(root)
    named = [size.split()[0] for size in (*prices.hourly, *prices.computes.values())]
    named += [str(size) for file in sorted((root / FOLDER).glob("*.bicepparam")) if (size := read_parameters(file).get("trainingVmSize"))]
    found, unknown = refreshed(prices, arguments.refresh or list(dict.fromkeys(named)), arguments.source)
    if unknown:
        raise UsageError(
            f"the price list knows no {', '.join(unknown)} in {prices.region}",
            where=str(PRICES_FILE),
            hint="Look at the name, and at the region in that file.",
        )
    write_prices(root, found, datetime.now(tz=UTC).date())
    if arguments.json:
        print(json.dumps({"currency": prices.currency, "region": prices.region, "prices": found}))
        return 0
    for size, now in found.items():
        for priority, price in sorted(now.items()):
            before = prices.hourly.get(size, {}).get(priority)
            print(
                f"  {size} {priority}: {price:g} {prices.currency} an hour" + (f", was {before:g}" if before not in {None, price} else "")
            )
    print(f"  ✔ {PRICES_FILE}")
    return 0
