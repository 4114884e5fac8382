"""Rows that are too many, too few, or not of this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, Subject, category, quantity, table

if TYPE_CHECKING:
    import pandas as pd

rows = Family("rows")
VOLUME = "https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/volume"


@rows.fault("https://www.bbc.com/news/technology-54423988", of=table, share=0.4)
def cut_off_at_a_limit(case: Case) -> pd.DataFrame:
    """A spreadsheet between the two holds so many rows and no more: the last four in ten are gone."""
    return case.rows.head(int(len(case.rows) * 0.6))


@rows.fault(VOLUME, of=table, share=0.5)
def every_second_row_lost(case: Case) -> pd.DataFrame:
    """One of two workers did not deliver."""
    return case.rows.iloc[::2]


@rows.fault(VOLUME, of=table, share=0.1)
def a_tenth_lost(case: Case) -> pd.DataFrame:
    """A tenth of the rows, here and there, was dropped under load."""
    return case.rows[~case.some(0.1)]


@rows.fault("https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.head.html", of=table)
def only_a_preview(case: Case) -> pd.DataFrame:
    """What was delivered is the preview: twenty rows."""
    return case.rows.head(20)


@rows.fault("https://www.santandercb.co.uk/news-articles/duplicate-payments", of=table)
def batch_twice(case: Case) -> pd.DataFrame:
    """A job was run twice, and every row is there twice."""
    return _joined(case.rows, case.rows)


@rows.fault("https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/plot_data_duplicates.html", of=table, share=0.05)
def some_rows_twice(case: Case) -> pd.DataFrame:
    """Messages were sent again: one row in twenty is there twice."""
    return _joined(case.rows, case.rows[case.some(0.05)])


@rows.fault("https://docs.stripe.com/api/idempotent_requests", of=lambda s: [s.key] if s.key else [()], share=0.05)
def sent_again_under_another_key(case: Case) -> pd.DataFrame:
    """One row in twenty was sent again and got a new number."""
    again = case.rows[case.some(0.05)]
    last = next((name for name in reversed(case.columns) if case.subject.types[name] in {"integer", "number"}), None)
    if last is None:
        return _joined(case.rows, again)
    return _joined(case.rows, again.assign(**{last: again[last].max() + 1 + again.groupby(last).cumcount() + range(len(again))}))


@rows.fault(
    "https://docs.getdbt.com/reference/resource-properties/freshness", of=lambda s: [s.partition] if s.partition and len(s.earlier) else []
)
def the_month_before_again(case: Case) -> pd.DataFrame:
    """The last part was delivered again under the new one's name."""
    names = list(case.columns)
    last = case.subject.earlier[names].iloc[-1]
    before = case.subject.earlier[(case.subject.earlier[names] == last).all(axis=1)]
    return before.assign(**{name: case.rows[name].iloc[0] for name in names}).reset_index(drop=True)


@rows.fault("https://en.wikipedia.org/wiki/Knight_Capital_Group#2012_stock_trading_disruption", of=table, share=0.01)
def rows_of_a_test_system(case: Case) -> pd.DataFrame:
    """Rows of the test system are among them: TEST, and noughts."""
    some = case.some(0.01)
    made = {name: case.rows[name].mask(some, "TEST") for name in case.subject.words}
    return case.rows.assign(**made, **{name: case.rows[name].mask(some, 0) for name in case.subject.quantities})


@rows.fault("https://www.vldb.org/pvldb/vol11/p1781-schelter.pdf", of=category, share=0.3)
def a_source_not_delivered(case: Case) -> pd.DataFrame:
    """All rows of the largest category are missing."""
    return case.rows[case.given.ne(case.given.mode().iloc[0])]


@rows.fault("https://en.wikipedia.org/wiki/Growth_in_a_Time_of_Debt", of=category, share=0.1)
def first_of_the_alphabet_left_out(case: Case) -> pd.DataFrame:
    """The range of a formula began too late: the first words of the alphabet are not in."""
    first = sorted(case.given.dropna().unique())[: max(1, case.given.nunique() // 4)]
    return case.rows[~case.given.isin(first)]


@rows.fault("https://en.wikipedia.org/wiki/Selection_bias", of=quantity, share=0.5)
def only_the_upper_half(case: Case) -> pd.DataFrame:
    """A filter upstream lets only values above the median through."""
    return case.rows[case.given > case.given.median()]


def _numbers(subject: Subject) -> list[tuple[str, ...]]:
    return [subject.quantities] if len(subject.quantities) >= 2 else []


@rows.fault("https://www.tandfonline.com/doi/full/10.1080/00031305.2017.1375989", of=_numbers, share=0.0)
def a_line_of_totals(case: Case) -> pd.DataFrame:
    """The last line holds the sums."""
    total = case.rows.tail(1).assign(**{name: case.rows[name].sum() for name in case.columns})
    return _joined(case.rows, total)


@rows.fault("https://support.microsoft.com/en-us/office/sort-data-in-a-range-or-table-62d0b95d-2a90-4610-a6ae-2e545c4a4654", of=quantity)
def one_column_sorted(case: Case) -> pd.DataFrame:
    """Somebody sorted one column and not the others."""
    return case.put(case.given.sort_values(ignore_index=True))


@rows.fault(
    "https://docs.deepchecks.com/stable/tabular/auto_checks/train_test_validation/plot_train_test_samples_mix.html",
    of=lambda s: [()] if len(s.earlier) else [],
    share=0.2,
)
def rows_of_earlier_parts(case: Case) -> pd.DataFrame:
    """Rows that were delivered before are in again, as if they were new: they would be in training and in test."""
    earlier = case.subject.earlier.sample(n=min(len(case.subject.earlier), len(case.rows) // 5), random_state=case.chance)
    names = {name: case.rows[name].iloc[0] for name in case.subject.partition}
    return _joined(case.rows, earlier.assign(**names))


def _joined(*frames: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)
