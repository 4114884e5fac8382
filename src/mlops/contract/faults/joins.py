"""Tables that were put together wrongly upstream, and columns that stand where others were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Columns, Family, Subject, category, feature, quantity, table

if TYPE_CHECKING:
    import pandas as pd

joins = Family("joins")
MERGE = "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.merge.html"
SCHEMA = "https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/schema"


@joins.fault(MERGE, of=table, share=0.2)
def join_exploded(case: Case) -> pd.DataFrame:
    """The key on the other side was not unique: a fifth of the rows came out three times."""
    import pandas as pd

    again = case.rows[case.some(0.2)]
    return pd.concat([case.rows, again, again], ignore_index=True).sort_index()


def _pairs(subject: Subject) -> list[Columns]:
    names = [name for name in subject.quantities if subject.types[name] in {"number", "integer"}]
    return [(one, other) for index, one in enumerate(names) for other in names[index + 1 :]]


@joins.fault("https://macwright.com/lonlat/", of=_pairs)
def columns_exchanged(case: Case) -> pd.DataFrame:
    """Two columns stand under each other's name, as latitude and longitude do."""
    one, other = case.columns
    return case.rows.assign(**{one: case.rows[other], other: case.rows[one]})


def _word_pairs(subject: Subject) -> list[Columns]:
    names = list(subject.words)
    return [(one, other) for index, one in enumerate(names) for other in names[index + 1 :]]


@joins.fault("https://github.com/scikit-learn/scikit-learn/issues/7242", of=_word_pairs)
def words_exchanged(case: Case) -> pd.DataFrame:
    """Two columns of words stand under each other's name."""
    one, other = case.columns
    return case.rows.assign(**{one: case.rows[other], other: case.rows[one]})


@joins.fault(MERGE, of=feature, share=0.4)
def join_found_nothing(case: Case) -> pd.DataFrame:
    """Keys were written differently on both sides, and four rows in ten got nothing."""
    return case.put(case.given.mask(case.some(0.4)))


@joins.fault(MERGE, of=quantity)
def joined_by_position(case: Case) -> pd.DataFrame:
    """A column was put beside the others by position, one row too late."""
    return case.put(case.given.shift(1, fill_value=case.given.iloc[0]))


@joins.fault(MERGE, of=quantity)
def joined_in_another_order(case: Case) -> pd.DataFrame:
    """A column was put beside the others in another order of rows."""
    import pandas as pd

    return case.put(pd.Series(case.chance.permutation(case.given.to_numpy()), index=case.given.index))


@joins.fault(MERGE, of=category, share=0.3)
def inner_join_dropped_a_source(case: Case) -> pd.DataFrame:
    """The other table did not know the smaller categories, and an inner join left their rows out."""
    counts = case.given.value_counts()
    return case.rows[~case.given.isin(counts.index[len(counts) // 2 :])]


@joins.fault(SCHEMA, of=feature)
def a_column_gone(case: Case) -> pd.DataFrame:
    """A column is not delivered any more."""
    return case.rows.drop(columns=case.column)


@joins.fault(MERGE, of=feature)
def a_column_with_a_suffix(case: Case) -> pd.DataFrame:
    """A join upstream added _x to the name of a column."""
    return case.rows.rename(columns={case.column: f"{case.column}_x"})


@joins.fault(SCHEMA, of=feature)
def a_column_in_another_case(case: Case) -> pd.DataFrame:
    """The name of a column is in the other case."""
    return case.rows.rename(columns={case.column: case.column.swapcase()})


@joins.fault("https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.to_csv.html", of=table, harmless=True)
def an_index_as_a_column(case: Case) -> pd.DataFrame:
    """The number of the row stands before it, in a column without a name."""
    made = case.rows.copy()
    made.insert(0, "Unnamed: 0", range(len(made)))
    return made


@joins.fault("https://github.com/scikit-learn/scikit-learn/issues/7242", of=table, harmless=True)
def columns_in_another_order(case: Case) -> pd.DataFrame:
    """The columns came in another order."""
    return case.rows[list(reversed(case.rows.columns))]
