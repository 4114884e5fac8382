"""Values that are not there, and what stands in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, Subject, category, feature, key, quantity, table, target, within_category, word

if TYPE_CHECKING:
    import pandas as pd

missing = Family("missing")
GX = "https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/missingness"
TFDV = "https://www.tensorflow.org/tfx/data_validation/anomalies"


@missing.fault(GX, of=feature, share=0.2)
def silent_nulls(case: Case) -> pd.DataFrame:
    """A fifth of a column's values went missing."""
    return case.put(case.given.mask(case.some(0.2)))


@missing.fault("https://github.com/evidentlyai/evidently/issues/1480", of=feature)
def column_all_missing(case: Case) -> pd.DataFrame:
    """A column came without a single value."""
    return case.put(case.given.mask(case.given.notna()))


@missing.fault("https://www.vldb.org/pvldb/vol11/p1781-schelter.pdf", of=within_category, share=0.3)
def one_source_silent(case: Case) -> pd.DataFrame:
    """One of the sources (a category) stopped sending a quantity."""
    group = case.rows[case.columns[1]]
    return case.put(case.given.mask(group == group.mode().iloc[0]))


@missing.fault(GX, of=key, share=0.01)
def key_missing(case: Case) -> pd.DataFrame:
    """A part of the key is missing in some rows."""
    return Case(case.subject, (case.columns[-1],), case.chance).put(case.rows[case.columns[-1]].mask(case.some(0.01)))


@missing.fault("https://www.kaggle.com/c/higgs-boson/data", of=quantity, share=0.05)
def sentinel_minus_999(case: Case) -> pd.DataFrame:
    """-999 stands for missing."""
    return case.put(case.given.mask(case.some(0.05), -999))


@missing.fault("https://pandas.pydata.org/docs/user_guide/categorical.html", of=quantity, share=0.05)
def sentinel_minus_1(case: Case) -> pd.DataFrame:
    """-1 stands for missing."""
    return case.put(case.given.mask(case.some(0.05), -1))


@missing.fault("https://www.ncei.noaa.gov/data/global-hourly/doc/isd-format-document.pdf", of=quantity, share=0.05)
def sentinel_99999(case: Case) -> pd.DataFrame:
    """99999 stands for missing."""
    return case.put(case.given.mask(case.some(0.05), 99999))


@missing.fault("https://en.wikipedia.org/wiki/Null_Island", of=quantity, share=0.1)
def zeros_for_missing(case: Case) -> pd.DataFrame:
    """0 stands for missing, in a tenth of the rows."""
    return case.put(case.given.mask(case.some(0.1), 0))


@missing.fault("https://scikit-learn.org/stable/modules/impute.html", of=quantity, share=0.3)
def filled_with_the_mean(case: Case) -> pd.DataFrame:
    """Somebody upstream fills what is missing, three rows in ten, with the mean."""
    return case.put(case.given.mask(case.some(0.3), case.given.mean()))


@missing.fault("https://github.com/pandas-dev/pandas/issues/10647", of=word, share=0.05)
def the_word_na(case: Case) -> pd.DataFrame:
    """The word N/A stands for missing."""
    return case.put(case.given.mask(case.some(0.05), "N/A"))


@missing.fault("https://www.wired.com/story/null-license-plate-landed-one-hacker-ticket-hell/", of=word, share=0.05)
def the_word_null(case: Case) -> pd.DataFrame:
    """The word null stands for missing."""
    return case.put(case.given.mask(case.some(0.05), "null"))


@missing.fault("https://github.com/pandas-dev/pandas/issues/24681", of=word, share=0.05)
def the_word_none(case: Case) -> pd.DataFrame:
    """The word None, as Python prints it, stands for missing."""
    return case.put(case.given.mask(case.some(0.05), "None"))


@missing.fault("https://framework.frictionlessdata.io/docs/fields/any.html", of=category, share=0.05)
def a_blank_for_missing(case: Case) -> pd.DataFrame:
    """A single blank stands for missing."""
    return case.put(case.given.mask(case.some(0.05), " "))


@missing.fault("https://github.com/OasisLMF/OasisLMF/issues/307", of=category, share=0.05)
def a_category_read_as_missing(case: Case) -> pd.DataFrame:
    """One of the words was taken for missing, as NA of Namibia is."""
    return case.put(case.given.mask(case.given == case.given.value_counts().index[-1]))


@missing.fault("https://github.com/mlflow/mlflow/issues/1613", of=quantity, share=0.05)
def the_word_nan_in_numbers(case: Case) -> pd.DataFrame:
    """The word NaN stands among numbers."""
    return case.put(case.given.astype("object").mask(case.some(0.05), "NaN"))


@missing.fault("https://pandas.pydata.org/docs/user_guide/missing_data.html", of=quantity, share=0.01)
def infinity(case: Case) -> pd.DataFrame:
    """A division by nought upstream left infinities."""
    rows = case.given.astype("float64").mask(case.some(0.01), float("inf"))
    return case.rows.assign(**{case.column: rows})


@missing.fault("https://nannyml.readthedocs.io/en/stable/glossary.html", of=target, share=0.3)
def labels_not_there_yet(case: Case) -> pd.DataFrame:
    """Three labels in ten are not known yet."""
    return case.put(case.given.mask(case.some(0.3)))


def _several(subject: Subject) -> list[tuple[str, ...]]:
    return [subject.features[-3:]] if len(subject.features) >= 4 else []


@missing.fault(TFDV, of=_several, share=0.1)
def ragged_rows(case: Case) -> pd.DataFrame:
    """In a tenth of the rows several columns are missing together."""
    some = case.some(0.1)
    return case.rows.assign(**{name: case.rows[name].mask(some) for name in case.columns})


def _gappy(subject: Subject) -> list[tuple[str, ...]]:
    return [(name,) for name in subject.features if 0.02 < subject.rows[name].isna().mean() < 1]


@missing.fault("https://scikit-learn.org/stable/modules/impute.html", of=_gappy)
def rows_with_gaps_left_out(case: Case) -> pd.DataFrame:
    """Rows without a value in some column were left out upstream."""
    return case.rows[case.given.notna()]


@missing.fault("https://github.com/great-expectations/great_expectations/issues/2726", of=table)
def no_rows(case: Case) -> pd.DataFrame:
    """A header, and nothing below it."""
    return case.rows.head(0)
