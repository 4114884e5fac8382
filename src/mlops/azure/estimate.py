"""What a pipeline would cost on Azure, before it is submitted: hours of its steps, times what an hour of their machines costs.

Nothing here is measured on Azure. Hours come from runs on this machine, or from a person; the range says how far that may be off.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops.azure.prices import Prices

_SERVERLESS = "serverless"


@dataclass(frozen=True)
class Range:
    """The least, the likely and the most."""

    least: float
    likely: float
    most: float

    def times(self, least: float, likely: float, most: float) -> Range:
        """Return the range with each bound times a factor of its own."""
        return Range(self.least * least, self.likely * likely, self.most * most)

    def plus(self, other: Range) -> Range:
        """Return the sum, as if all went well, or all ill, at once."""
        return Range(self.least + other.least, self.likely + other.likely, self.most + other.most)


@dataclass(frozen=True)
class Machine:
    """What a step would run on."""

    size: str
    priority: str
    count: int = 1


@dataclass(frozen=True)
class Line:
    """One step of the estimate. `hours` are of the step; of machines, they are `machine.count` times that."""

    step: str
    machine: Machine
    hours: Range
    cost: Range
    known_from: str


@dataclass(frozen=True)
class Cluster:
    """The training cluster of an environment, from its .bicepparam file."""

    name: str
    size: str
    priority: str


def machine_of(step: str, job: Mapping[str, Any], default: str, cluster: Cluster, prices: Prices) -> Machine:
    """Return what a step would run on.

    Args:
        step: Its name.
        job: Its part of the pipeline file, with what its component says of `resources` and `compute`.
        default: The pipeline's default_compute.
        cluster: What `azureml:<its name>` is.
        prices: Says what other computes are.

    Raises:
        UsageError: Nobody says what that compute is.
    """
    told = job.get("resources")
    resources = told if isinstance(told, dict) else {}
    count = int(resources.get("instance_count") or 1)
    compute = str(job.get("compute") or default or "").removeprefix("azureml:").removesuffix("@latest").split(":")[0]
    if compute == cluster.name and compute not in prices.computes:
        return Machine(cluster.size, cluster.priority, count)
    if compute in prices.computes:
        size, _, priority = prices.computes[compute].partition(" ")
        return Machine(size, priority or "Dedicated", count)
    if compute in {"", _SERVERLESS} and resources.get("instance_type"):
        low = str((job.get("queue_settings") or {}).get("job_tier", "")).lower() == "spot"
        return Machine(str(resources["instance_type"]), "LowPriority" if low else "Dedicated", count)
    raise UsageError(
        f"{step} runs on {compute or 'no compute that it names'!r}, and nobody says which machine that is",
        where="infra/prices.yml",
        hint=f"Write it there:\n  computes:\n    {compute or '<name>'}: Standard_D4s_v5 LowPriority",
    )


def hours_of(step: str, runs: Iterable[Mapping[str, Any]], given: Mapping[str, float], prices: Prices) -> tuple[Range, str] | None:
    """Return how long a step would take, and who says so; None where nobody does.

    Args:
        step: Its name.
        runs: Records of this pipeline's runs here (run.json), the newest first.
        given: Hours that a person said, by step; "" for each step that nobody else tells of.
        prices: Its file says how much quicker or slower another machine may be.
    """
    if step in given:
        return Range(given[step], given[step], given[step]), "given"
    seconds = [
        told["seconds"] for run in runs if (told := run.get("steps", {}).get(step, {})).get("state") == "finished" and told.get("seconds")
    ]
    if seconds:
        assumed = prices.assumed
        here = Range(min(seconds) / 3600, statistics.median(seconds) / 3600, max(seconds) / 3600)
        return here.times(assumed.fastest, 1.0, assumed.slowest), f"{len(seconds)} run{'s' * (len(seconds) > 1)} here"
    if "" in given:
        return Range(given[""], given[""], given[""]), "given"
    return None


def line(step: str, machine: Machine, hours: tuple[Range, str], prices: Prices) -> Line:
    """Return what a step would cost.

    Raises:
        UsageError: The price of its machine is not known.
    """
    rate = prices.hour(machine.size, machine.priority) * machine.count
    return Line(step, machine, hours[0], hours[0].times(rate, rate, rate), hours[1])


def overhead(lines: Sequence[Line], prices: Prices) -> Range:
    """Return what starting and resting machines cost: at most once for each kind of machine in a run, at least nothing, where they are up."""
    minutes = prices.assumed.start_minutes + prices.assumed.idle_minutes
    kinds: dict[tuple[str, str], int] = {}
    for one in lines:
        key = (one.machine.size, one.machine.priority)
        kinds[key] = max(kinds.get(key, 0), one.machine.count)
    cost = sum(prices.hour(*kind) * count * minutes / 60 for kind, count in kinds.items())
    return Range(0.0, cost, cost)


def total(lines: Sequence[Line], prices: Prices) -> Range:
    """Return what the whole would cost."""
    found = overhead(lines, prices)
    for one in lines:
        found = found.plus(one.cost)
    return found
