"""Numbers that still look right one by one, and are not what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Columns, Family, Subject, quantity, within_category

if TYPE_CHECKING:
    import pandas as pd

drift = Family("drift")
FLAT = "https://ioos.github.io/ioos_qc/"
DISTRIBUTION = "https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/distribution"
JENGA = "https://github.com/schelterlabs/jenga"


@drift.fault(FLAT, of=quantity)
def frozen_sensor(case: Case) -> pd.DataFrame:
    """A sensor repeats its last value from the middle of the part on."""
    middle = len(case.rows) // 2
    seen = case.given.iloc[:middle].dropna()
    held = seen.iloc[-1] if len(seen) else case.given.dropna().iloc[0]
    return case.put(held, case.rows.reset_index().index >= middle)


@drift.fault(FLAT, of=quantity)
def dead_sensor(case: Case) -> pd.DataFrame:
    """A sensor says the same from the first row to the last."""
    return case.put(case.given.where(case.given.isna(), case.given.median()))


@drift.fault(FLAT, of=within_category, share=0.3)
def frozen_at_one_source(case: Case) -> pd.DataFrame:
    """At one of the sources (a category) a quantity does not change any more."""
    group = case.rows[case.columns[1]]
    one = (group == group.mode().iloc[0]) & case.given.notna()
    return case.put(case.given.mask(one, case.given[one].median()))


@drift.fault("https://mlsys.org/Conferences/2019/doc/2019/167.pdf", of=quantity)
def subtle_scale(case: Case) -> pd.DataFrame:
    """All values are 5 percent larger."""
    return case.put(case.given * 1.05)


@drift.fault("https://docs.evidentlyai.com/metrics/explainer_drift", of=quantity)
def mean_shifted(case: Case) -> pd.DataFrame:
    """All values are half a standard deviation larger."""
    return case.put(case.given + 0.5 * case.given.std())


@drift.fault("https://docs.evidentlyai.com/metrics/explainer_drift", of=quantity)
def spread_doubled(case: Case) -> pd.DataFrame:
    """Values lie twice as far from their mean."""
    return case.put(case.given.mean() + 2 * (case.given - case.given.mean()))


@drift.fault(JENGA, of=quantity)
def noise_added(case: Case) -> pd.DataFrame:
    """A worn sensor adds noise as large as the signal."""
    return case.put(case.given + case.chance.normal(0, case.given.std(), len(case.rows)))


@drift.fault(FLAT, of=quantity, share=0.01)
def spikes(case: Case) -> pd.DataFrame:
    """One value in a hundred is a spike, ten times the highest."""
    return case.put(case.given.mask(case.some(0.01), 10.0 * case.given.max()))


@drift.fault("https://en.wikipedia.org/wiki/Clipping_(signal_processing)", of=quantity, share=0.2)
def clipped(case: Case) -> pd.DataFrame:
    """A sensor is driven into its limit: the upper fifth is one value."""
    return case.put(case.given.clip(upper=float(case.given.quantile(0.8))))


@drift.fault(FLAT, of=quantity)
def damped(case: Case) -> pd.DataFrame:
    """A smoothing filter was put in upstream: values lie half as far from their mean."""
    return case.put(case.given.mean() + 0.5 * (case.given - case.given.mean()))


@drift.fault("https://en.wikipedia.org/wiki/Simpson%27s_paradox", of=within_category)
def slices_against_each_other(case: Case) -> pd.DataFrame:
    """One category's values rose and the others' fell, so that the mean of all is as it was."""
    group = case.rows[case.columns[1]]
    one = group == group.mode().iloc[0]
    share, step = one.mean(), case.given.std()
    return case.put(case.given.where(~one, case.given + step * (1 - share)).where(one, case.given - step * share))


@drift.fault("https://en.wikipedia.org/wiki/Whipple%27s_index", of=quantity, share=0.3)
def heaped_at_round_numbers(case: Case) -> pd.DataFrame:
    """People round what they read: a third of the values is a multiple of the nearest step."""
    step = max(1.0, float(case.given.std()))
    return case.put((case.given / step).round() * step, case.some(0.3))


def _running(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.quantities if len(subject.rows) >= 40]


@drift.fault("https://en.wikipedia.org/wiki/Calibration", of=_running)
def creeping_offset(case: Case) -> pd.DataFrame:
    """A sensor drifts: from first to last row the offset grows to one standard deviation."""
    import numpy as np

    return case.put(case.given + case.given.std() * np.linspace(0, 1, len(case.rows)))
