"""The gates, drawn from what was measured: what a first model reached, less what chance and another day may take, is asked of the next.

The limit on the deciding metric lies half of the way from the guess to what the model surely gained over it, which is the lower end of the gain's
interval: the rows that judge the first version also drew the limit. A first version must beat the guess, with an interval; where the test rows are
too few to show that, the limits alone let it in, and it is called unproven wherever it is told of.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.adopt.learnt import slices
from mlops.adopt.yamls import flow, number
from mlops.registry.gate import PROVING
from mlops.settings import METRICS

if TYPE_CHECKING:
    from mlops.adopt.measure import Measured
    from mlops.adopt.plan import Plan

KEPT = 0.5
FEW_ROWS = 1_000
"""With fewer test rows, a gain that its interval does not confirm is put down to their number, and not to the model."""
LATENCY = (25, 5)
"""Milliseconds, and how many times what was measured: the larger is the limit. Machines differ, and so do their busy hours."""
SIZE = (10, 3)
"""Megabytes, as above."""
LOAD_MS, WATCH_MS, CONNECTIONS = 100, 250, 16
SLICE_METRIC = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class Gate:
    """What the first version is asked for."""

    without_champion: str
    limit: float | None
    """On the deciding metric."""
    latency_ms: int
    size_mb: int
    why: str


def draw(measured: Measured) -> Gate:
    """Return the gate."""
    latency = max(LATENCY[0], math.ceil(measured.latency_ms * LATENCY[1]))
    size = max(SIZE[0], math.ceil(measured.size_mb * SIZE[1]))
    gain = measured.gain
    if gain is None or gain <= 0:
        why = "the model is no better than the guess on the test rows: nothing is promoted until it is"
        return Gate("baseline", None, latency, size, why)
    if measured.rows < PROVING:
        why = f"UNPROVEN: {measured.rows} test rows prove nothing, whatever the interval says; the first version is let in by limits that the same rows drew"
        return Gate("limits", _limit(measured, gain), latency, size, why)
    if measured.low is not None and measured.low > 0:
        why = "the gain over the guess is confirmed by its interval"
        return Gate("baseline", _limit(measured, min(gain, measured.low)), latency, size, why)
    if measured.rows < FEW_ROWS:
        why = (
            f"UNPROVEN: {measured.rows:,} test rows are too few to confirm the gain by its interval; the first version is let in by limits that "
            "the same rows drew"
        )
        return Gate("limits", _limit(measured, gain), latency, size, why)
    return Gate(
        "baseline", None, latency, size, "the gain over the guess is not confirmed by its interval: nothing is promoted until it is"
    )


def _limit(measured: Measured, gain: float) -> float:
    """Return what is asked of the deciding metric: half of a gain over the guess."""
    kept = KEPT * gain if METRICS[measured.metric] == "higher" else -KEPT * gain
    return _slack((measured.guess or 0.0) + kept, measured.metric)


def _slack(value: float, metric: str) -> float:
    """Return the value with three digits, rounded to the side that asks for less."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    rounded = math.floor(value / step) if METRICS[metric] == "higher" else math.ceil(value / step)
    return float(f"{rounded * step:.6g}")


def gate_yaml(plan: Plan, measured: Measured) -> str:
    """Return the section `gate`."""
    gate, lines = draw(measured), []
    lines += [
        "gate:",
        f"  # Measured at adoption on {measured.rows:,} test rows: {plan.metric} {told(measured.model)}, a guess {told(measured.guess)}.",
    ]
    lines += [
        "  # Comparison decides: a challenger that does not win stays a challenger, and nothing is red.",
        "  compare:",
        "    mode: on",
    ]
    lines += [f"    metric: {plan.metric}", "    must_gain: 0.0       # the lower end of the interval of the difference must be above this"]
    lines += ["    confidence: 0.95", "    resamples: 1000      # paired bootstrap over the test rows", "    seed: 7"]
    lines += [f"    # {gate.why}", f"    without_champion: {gate.without_champion}"]
    names = [column.name for column in slices(plan)]
    if names:
        lines += ["  slices:", "    mode: on", f"    columns: {flow(names)}", f"    metric: {SLICE_METRIC[plan.task]}"]
        lines += [
            f"    may_fall_by: {_fall(plan, measured)}    # against the champion; only a fall that its own interval confirms counts",
            "    min_rows: 50",
        ]
    bound = "at_least" if METRICS[plan.metric] == "higher" else "at_most"
    lines += ["  # Limits stop: a broken one is red.", "  limits:"]
    lines += (
        [f"    {plan.metric}: {{mode: on, {bound}: {number(gate.limit, 6)}}}   # half of what the model {_surely(measured)} over the guess"]
        if gate.limit is not None
        else []
    )
    lines += ["    leakage: {mode: on}                       # no column that the contract calls leakage"]
    lines += [
        f"    latency_ms: {{mode: on, at_most: {gate.latency_ms}}}       # p95 of one row, in process; it was {measured.latency_ms:.1f}"
    ]
    lines += [f"    size_mb: {{mode: on, at_most: {gate.size_mb}}}          # it was {measured.size_mb:.1f}"]
    return "\n".join(lines) + "\n"


def _surely(measured: Measured) -> str:
    sure = (measured.low or 0.0) > 0 and measured.rows >= PROVING
    return "surely gained (the lower end of the interval)" if sure else "seemed to gain"


def _fall(plan: Plan, measured: Measured) -> str:
    value = measured.metrics.get(SLICE_METRIC[plan.task])
    return number(0.1 * value, 2) if isinstance(value, float) and value > 0 else "0.05"


def load_ms(measured: Measured) -> int:
    """Return the p95 under load that the endpoint is allowed: requests wait for each other on one core."""
    return max(LOAD_MS, math.ceil(measured.latency_ms * CONNECTIONS * 2.5))


def with_p95(text: str, milliseconds: int) -> str:
    """Return an environment's text in which each `p95_ms` is at least so much."""
    return re.sub(r"(?m)^(\s+p95_ms:\s*)(\d+)", lambda match: f"{match[1]}{max(int(match[2]), milliseconds)}", text)


def monitor_yaml(plan: Plan, measured: Measured) -> str:
    """Return the section `monitor`; it is looked at where there is a monitor pipeline."""
    keep = abs(measured.gain or 0.0) * KEPT or abs(measured.model or 1.0) * 0.1
    return f"""monitor:
  columns: []                # inputs of the model; none named: all
  min_rows: {max(30, min(500, measured.rows // 4))}              # a window with fewer says nothing: "insufficient data"
  drift:                     # asks for a new training; never red by itself
    mode: on
    at_most: 0.2             # population stability index of a column against the training rows
    share_of_columns: 0.3    # a window drifted where so many of its columns are above that
    windows: 2               # ... and it counts where so many
    of_last: 3               # of the last windows drifted
  performance:               # where the answers are known by now; red, and asks for a new training
    mode: on
    metric: {plan.metric}
    may_fall_by: {number(keep, 2)}        # below the held-out rows; only a fall that its own interval confirms counts
    windows: 2
    of_last: 3
  endpoint: on               # it serves the registered version, and answers as that did offline
  retrain: on                # dry-run and off: told, and nothing is started
"""


def told(value: float | None) -> str:
    return "unknown" if value is None else number(value, 4)


def put_section(text: str, key: str, section: str) -> str:
    """Return a YAML text with the top-level `key` and what is below it replaced by `section`, or `section` at its end; all else stays."""
    lines, made, inside, done = text.splitlines(keepends=True), [], False, False
    for line in lines:
        if re.match(rf"{re.escape(key)}:", line):
            inside, done = True, True
            made.append(section)
        elif inside and (line.startswith((" ", "\t")) or not line.strip()):
            if not line.strip():
                inside = False
                made.append(line)
        else:
            inside = False
            made.append(line)
    return "".join(made) if done else text.rstrip("\n") + "\n\n" + section
