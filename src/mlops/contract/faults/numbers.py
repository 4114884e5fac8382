"""Numbers that are written as text in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Columns, Family, Subject, quantity

if TYPE_CHECKING:
    import pandas as pd

numbers = Family("numbers")
MIXED = "https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/plot_mixed_data_types.html"
READ = "https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html"


@numbers.fault(READ, of=quantity)
def comma_decimals(case: Case) -> pd.DataFrame:
    """A comma stands before the decimals."""
    return case.put(_text(case.given.astype("float64")).str.replace(".", ",", regex=False))


def _thousands(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.quantities if (subject.rows[name].abs() >= 1000).any()]


@numbers.fault(READ, of=_thousands)
def commas_at_thousands(case: Case) -> pd.DataFrame:
    """A comma stands at the thousands."""
    return case.put(case.given.map("{:,}".format, na_action="ignore"))


@numbers.fault(READ, of=_thousands)
def points_at_thousands(case: Case) -> pd.DataFrame:
    """A point stands at the thousands, and is read as a decimal point: 1.234 for 1234."""
    return case.put(
        case.given.map(lambda value: float(f"{value / 1000:.3f}") if abs(value) >= 1000 else float(value), na_action="ignore").astype(
            "float64"
        )
    )


@numbers.fault(MIXED, of=quantity, share=0.01)
def words_among_numbers(case: Case) -> pd.DataFrame:
    """Some values are a word."""
    return case.put(case.given.astype("object").mask(case.some(0.01), "unknown"))


@numbers.fault("https://openrefine.org/docs/manual/cellediting", of=quantity)
def unit_after_the_number(case: Case) -> pd.DataFrame:
    """The unit stands after the number."""
    return case.put(_text(case.given) + " km")


@numbers.fault("https://openrefine.org/docs/manual/cellediting", of=quantity)
def sign_of_a_currency(case: Case) -> pd.DataFrame:
    """A dollar sign stands before the number."""
    return case.put("$" + _text(case.given))


@numbers.fault("https://docs.python.org/3/library/locale.html", of=quantity)
def percent_sign(case: Case) -> pd.DataFrame:
    """A percent sign stands after the number."""
    return case.put(_text(case.given) + "%")


@numbers.fault("https://github.com/pandas-dev/pandas/issues/10224", of=quantity, share=0.05)
def question_marks(case: Case) -> pd.DataFrame:
    """Here and there stands a question mark."""
    return case.put(case.given.astype("object").mask(case.some(0.05), "?"))


@numbers.fault("https://en.wikipedia.org/wiki/Interval_(mathematics)", of=quantity, share=0.05)
def ranges_for_numbers(case: Case) -> pd.DataFrame:
    """Some values are a range, as 10-20."""
    return case.put(case.given.astype("object").mask(case.some(0.05), "10-20"))


@numbers.fault("https://docs.python.org/3/library/functions.html#bool", of=quantity)
def true_and_false(case: Case) -> pd.DataFrame:
    """True and False came instead of numbers."""
    return case.put((case.given > case.given.median()).astype("str"))


@numbers.fault(
    "https://support.microsoft.com/en-us/office/detect-errors-in-formulas-3a8acca5-1d61-4702-80e0-99a36a2822c1", of=quantity, share=0.01
)
def errors_of_a_formula(case: Case) -> pd.DataFrame:
    """Some values are #REF!, as a broken formula says."""
    return case.put(case.given.astype("object").mask(case.some(0.01), "#REF!"))


def _whole(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.quantities if subject.types[name] == "integer"]


@numbers.fault("https://pandas.pydata.org/docs/user_guide/gotchas.html#support-for-integer-na", of=_whole, share=0.05)
def halves_among_whole_numbers(case: Case) -> pd.DataFrame:
    """Somebody took means: some whole numbers have a half."""
    return case.rows.assign(**{case.column: case.given + case.some(0.05) * 0.5})


def _text(values: pd.Series) -> pd.Series:
    return values.map(str, na_action="ignore").astype("str").where(values.notna())
