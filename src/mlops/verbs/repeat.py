"""The verb `repeat`: one training on several sizes of machines, and a table of what each took and cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops.api import place
from mlops.azure.prices import read_prices
from mlops.errors import JobFailed, UsageError
from mlops.report.live import Tree
from mlops.verbs import remote
from mlops.verbs.pipelines import given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from mlops.azure.prices import Prices


@dataclass(frozen=True)
class Repeat:
    """One of the runs. `hours` are of all steps together, on their machines; what the machines took to start is not among them."""

    compute: str
    machine: str
    run: int
    state: str
    hours: float
    cost: float


def repeat(arguments: argparse.Namespace) -> int:
    """Submit a file to each compute, follow them one after the other, and print the table.

    Raises:
        UsageError: The price of a machine is not known: nothing was submitted then.
        JobFailed: One of the runs did not complete; the table is printed first.
    """
    names = [name.strip().removeprefix("azureml:") for name in arguments.compute.split(",") if name.strip()]
    prices, settings = read_prices(place()[0]), given(arguments.set)
    hourly = {name: _hour(name, prices) for name in names}
    runs = [
        remote.prepare(arguments.file, settings, arguments.environment, force=True, queue_limit=arguments.queue_limit, compute=name)
        for name in names
    ]
    for running in runs:
        running.submit()
    for running in runs:
        with Tree(live=False if arguments.json else None, quiet=arguments.json) as tree:
            for event in running.events():
                tree.apply(event)
    made = [_made(name, running.record.facts, prices, hourly[name]) for name, running in zip(names, runs, strict=True)]
    print(json.dumps({"currency": prices.currency, "runs": [asdict(one) for one in made]}) if arguments.json else _table(made, prices))
    failed = next((one for one in made if one.state != "completed"), None)
    if failed:
        raise JobFailed(f"run {failed.run} on {failed.compute} is {failed.state}", hint=f"mlops show {failed.run}")
    return 0


def _hour(compute: str, prices: Prices) -> float:
    """Return what an hour of a compute costs.

    Raises:
        UsageError: infra/prices.yml does not say what it is, or what that costs.
    """
    machine = prices.computes.get(compute)
    if machine is None:
        hint = f"computes: {{{compute}: Standard_DS3_v2 LowPriority}}   (its size, and its priority)"
        raise UsageError(f"it does not say what machine {compute} is", where="infra/prices.yml", hint=hint)
    size, _, priority = machine.partition(" ")
    return prices.hour(size, priority or "Dedicated")


def _made(compute: str, facts: Mapping[str, Any], prices: Prices, hour: float) -> Repeat:
    hours = sum(float(step.get("seconds", 0.0)) for step in facts["steps"].values()) / 3600
    return Repeat(compute, prices.computes[compute], facts["run"], facts["state"], hours, hours * hour)


def _table(made: list[Repeat], prices: Prices) -> str:
    rows = [("compute", "machine", "run", "minutes", f"cost in {prices.currency}", "")]
    rows += [(one.compute, one.machine, str(one.run), f"{60 * one.hours:.1f}", f"{one.cost:.4f}", one.state) for one in made]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    note = f"  Steps alone, at the list's prices of {prices.date}: not what machines took to start, nor what they waited."
    return "\n".join([*lines, note])
