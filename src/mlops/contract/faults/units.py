"""Numbers in another unit, of another sign, or less of a number than they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, Subject, quantity, within_category

if TYPE_CHECKING:
    import pandas as pd

units = Family("units")
ORBITER = "https://en.wikipedia.org/wiki/Mars_Climate_Orbiter"
JENGA = "https://github.com/schelterlabs/jenga"


@units.fault(ORBITER, of=quantity)
def kilometres_for_miles(case: Case) -> pd.DataFrame:
    """Miles became kilometres."""
    return case.put(case.given * 1.609344)


@units.fault("https://en.wikipedia.org/wiki/Gimli_Glider", of=quantity)
def kilograms_for_pounds(case: Case) -> pd.DataFrame:
    """Pounds became kilograms."""
    return case.put(case.given * 0.45359237)


@units.fault("https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/distribution", of=quantity)
def celsius_for_fahrenheit(case: Case) -> pd.DataFrame:
    """Fahrenheit became Celsius."""
    return case.put((case.given - 32) / 1.8)


@units.fault("https://mlsys.org/Conferences/2019/doc/2019/167.pdf", of=quantity)
def seconds_for_minutes(case: Case) -> pd.DataFrame:
    """Minutes became seconds."""
    return case.put(case.given * 60.0)


@units.fault(JENGA, of=quantity)
def thousandths(case: Case) -> pd.DataFrame:
    """Values became a thousand times as large, as milligrams for grams."""
    return case.put(case.given * 1000.0)


@units.fault("https://docs.stripe.com/currencies", of=quantity)
def cents_for_units(case: Case) -> pd.DataFrame:
    """Amounts became cents, a hundred times as large."""
    return case.put(case.given * 100.0)


@units.fault("https://www.tensorflow.org/tfx/guide/tfdv", of=quantity)
def shares_for_percent(case: Case) -> pd.DataFrame:
    """Percent became shares of one."""
    return case.rows.assign(**{case.column: case.given / 100})


@units.fault(ORBITER, of=quantity, share=0.5)
def another_unit_from_the_middle_on(case: Case) -> pd.DataFrame:
    """From the middle of the part on, values are in another unit."""
    middle = case.rows.reset_index().index >= len(case.rows) // 2
    return case.put(case.given * 1.609344, middle)


@units.fault(JENGA, of=within_category, share=0.2)
def one_source_in_another_unit(case: Case) -> pd.DataFrame:
    """One of the sources (a category) delivers in another unit."""
    counts = case.rows[case.columns[1]].value_counts()
    return case.put(case.given * 1.609344, case.rows[case.columns[1]] == counts.index[min(1, len(counts) - 1)])


@units.fault("https://cfconventions.org/cf-conventions/cf-conventions.html", of=quantity)
def sign_turned(case: Case) -> pd.DataFrame:
    """What was counted upward is counted downward."""
    return case.put(-case.given)


@units.fault("https://scikit-learn.org/stable/common_pitfalls.html#inconsistent-preprocessing", of=quantity)
def logarithms(case: Case) -> pd.DataFrame:
    """The logarithm was delivered instead of the value."""
    import numpy as np

    return case.rows.assign(**{case.column: np.log1p(case.given.clip(lower=0))})


@units.fault("https://scikit-learn.org/stable/common_pitfalls.html#inconsistent-preprocessing", of=quantity)
def standardised_values(case: Case) -> pd.DataFrame:
    """Values came with their mean taken off and divided by their deviation."""
    return case.rows.assign(**{case.column: (case.given - case.given.mean()) / case.given.std()})


@units.fault("https://en.wikipedia.org/wiki/Fat-finger_error", of=quantity, share=0.02)
def decimal_point_moved(case: Case) -> pd.DataFrame:
    """In some rows the decimal point is one place to the right."""
    return case.put(case.given * 10.0, case.some(0.02))


def _fractions(subject: Subject) -> list[tuple[str, ...]]:
    columns = ((name, subject.rows[name].dropna()) for name in subject.quantities)
    return [(name,) for name, values in columns if ((values % 1) != 0).mean() > 0.1]


@units.fault("https://en.wikipedia.org/wiki/Vancouver_Stock_Exchange", of=_fractions)
def fractions_cut_off(case: Case) -> pd.DataFrame:
    """What stands after the decimal point was cut off."""
    return case.put(case.given // 1)


@units.fault("https://www.tensorflow.org/tfx/data_validation/get_started", of=quantity)
def rounded_to_tens(case: Case) -> pd.DataFrame:
    """Values were rounded to tens."""
    return case.put((case.given / 10).round() * 10.0)


def _beyond_a_byte(subject: Subject) -> list[tuple[str, ...]]:
    return [(name,) for name in subject.quantities if (subject.rows[name] > 127).mean() > 0.01]


@units.fault("https://en.wikipedia.org/wiki/Ariane_flight_V88", of=_beyond_a_byte, share=0.5)
def overflow_of_a_byte(case: Case) -> pd.DataFrame:
    """Numbers above 127 went through a signed byte."""
    return case.put((case.given + 128) % 256 - 128)
