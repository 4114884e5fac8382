"""Which trial of a sweep is stopped early, by the rules of Azure ML's documentation (how-to-tune-hyperparameters).

Each time a trial logs the primary metric, one of its *intervals* has passed. A policy is applied at the intervals that are multiples of
`evaluation_interval`, from `delay_evaluation` on, and compares the trial with all trials that reached that interval, ended ones too.
"""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

History = list[float]


def applies(policy: Mapping[str, Any], interval: int) -> bool:
    """Return whether the policy is applied when a trial has logged its metric `interval` times."""
    every = int(policy.get("evaluation_interval") or 1)
    return interval >= max(1, int(policy.get("delay_evaluation") or 0)) and interval % every == 0


def reason_to_stop(policy: Mapping[str, Any], goal: str, histories: Mapping[int, History], trial: int, interval: int) -> str | None:
    """Say why `trial` is to be stopped at `interval`, or None.

    Args:
        policy: The YAML's `early_termination`.
        goal: minimize or maximize.
        histories: Trial -> the metric as it was logged, in order.
        trial: The one that has just logged.
        interval: How often it has.
    """
    sign = 1.0 if goal == "maximize" else -1.0
    seen = {key: [_worth(sign * value) for value in values[:interval]] for key, values in histories.items() if len(values) >= interval}
    if len(seen) < 2:
        return None
    rule = {"bandit": _bandit, "median_stopping": _median, "truncation_selection": _truncation}[policy["type"]]
    reason = rule(policy, seen, trial)
    return f"{reason} at interval {interval}" if reason else None


def _worth(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _bandit(policy: Mapping[str, Any], seen: Mapping[int, Sequence[float]], trial: int) -> str | None:
    """The trial's best is not within the slack of the best trial's best.

    With `slack_factor` f, a metric to maximize must reach best / (1 + f), one to minimize must stay below best * (1 + f). The
    documentation speaks of positive metrics; a negative best is widened by the same factor away from zero.
    """
    best = max(map(max, seen.values()))
    if policy.get("slack_amount"):
        bound = best - float(policy["slack_amount"])
    else:
        factor = 1 + float(policy.get("slack_factor") or 0)
        bound = best / factor if best > 0 else best * factor
    return f"bandit: not within the slack of the best, {abs(best):.6g}" if max(seen[trial]) < bound else None


def _median(_: Mapping[str, Any], seen: Mapping[int, Sequence[float]], trial: int) -> str | None:
    """The trial's best is worse than the median of all trials' running averages."""
    middle = median(fmean(values) for values in seen.values())
    return f"median stopping: worse than the median of the averages, {abs(middle):.6g}" if max(seen[trial]) < middle else None


def _truncation(policy: Mapping[str, Any], seen: Mapping[int, Sequence[float]], trial: int) -> str | None:
    """The trial is among the given percentage of trials whose metric at the interval is lowest."""
    share = int(policy["truncation_percentage"])
    count = len(seen) * share // 100
    worse = sum(values[-1] < seen[trial][-1] for values in seen.values())
    tied = [key for key, values in seen.items() if values[-1] == seen[trial][-1]]
    return f"truncation selection: among the lowest {share} %" if worse + tied[::-1].index(trial) < count else None
