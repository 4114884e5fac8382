"""The answer that is learnt: wrong, one-sided, or given away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.contract.faults.fault import Case, Columns, Family, Subject, target

if TYPE_CHECKING:
    import pandas as pd

labels = Family("labels")
ERRORS = "https://arxiv.org/abs/2103.14749"
LEAKAGE = "https://scikit-learn.org/stable/common_pitfalls.html#data-leakage"


def _classes(subject: Subject) -> list[Columns]:
    return [(subject.target,)] if subject.target in subject.categories else []


def _amounts(subject: Subject) -> list[Columns]:
    return [(subject.target,)] if subject.target in subject.quantities else []


@labels.fault(ERRORS, of=target, share=0.2)
def labels_exchanged(case: Case) -> pd.DataFrame:
    """One label in five is that of another row."""
    some = case.some(0.2, among=case.given.notna())
    changed = case.given.copy()
    changed[some] = case.chance.permutation(case.given[some].to_numpy())
    return case.put(changed)


@labels.fault(ERRORS, of=target)
def labels_of_the_row_before(case: Case) -> pd.DataFrame:
    """Labels slipped by one row."""
    return case.put(case.given.shift(1, fill_value=case.given.iloc[0]))


@labels.fault("https://arxiv.org/abs/2103.14749", of=_classes, share=0.2)
def one_class_taken_for_another(case: Case) -> pd.DataFrame:
    """Of the largest class, half is labelled as the next one."""
    counts = case.given.value_counts()
    largest = case.given == counts.index[0]
    return case.put(case.given.mask(case.some(0.5, among=largest), counts.index[1]))


@labels.fault("https://en.wikipedia.org/wiki/Sign_convention", of=_amounts)
def answers_turned(case: Case) -> pd.DataFrame:
    """Late became early: the answer has the other sign."""
    return case.put(-case.given)


@labels.fault("https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/plot_is_single_value.html", of=target)
def one_answer_for_all(case: Case) -> pd.DataFrame:
    """Every label is the one that a form begins with."""
    return case.put(case.given.where(case.given.isna(), case.given.mode().iloc[0]))


@labels.fault("https://docs.deepchecks.com/stable/tabular/auto_checks/train_test_validation/plot_label_drift.html", of=target, share=0.3)
def balance_changed(case: Case) -> pd.DataFrame:
    """Two in three of the rows with the upper answers were left out."""
    upper = _upper(case.given)
    return case.rows[~upper | ~case.some(0.67)]


@labels.fault("https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.train_test_split.html", of=target, share=0.2)
def one_side_missing(case: Case) -> pd.DataFrame:
    """There is no row with one of the classes, or with an answer in the upper quarter."""
    return case.rows[~_upper(case.given)]


@labels.fault("https://en.wikipedia.org/wiki/Censoring_(statistics)", of=_amounts, share=0.05)
def answers_capped(case: Case) -> pd.DataFrame:
    """Answers above the 90th percentile are written as that."""
    return case.put(case.given.clip(upper=float(case.given.quantile(0.9))))


def _beside(subject: Subject) -> list[Columns]:
    others = [name for name in subject.quantities if name != subject.target]
    return [(name, subject.target) for name in others] if subject.target in subject.rows else []


@labels.fault(LEAKAGE, of=_beside)
def a_feature_tells_the_answer(case: Case) -> pd.DataFrame:
    """A feature is written anew after the fact, and follows the answer now."""
    answer = _rank(case.rows[case.columns[1]])
    noise = case.chance.normal(0, 0.02, len(case.rows))
    return case.put(_as_distributed(case.given, answer + noise))


@labels.fault("https://reproducible.cs.princeton.edu/", of=target)
def a_new_column_tells_the_answer(case: Case) -> pd.DataFrame:
    """A new column was added that is known only after the fact."""
    return case.rows.assign(status_code=_rank(case.given))


@labels.fault("https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/plot_conflicting_labels.html", of=target, share=0.1)
def two_answers_to_one_question(case: Case) -> pd.DataFrame:
    """A tenth of the rows is there twice, with different labels."""
    import pandas as pd

    again = case.rows[case.some(0.1)]
    other = case.chance.permutation(case.rows[case.column].to_numpy())[: len(again)]
    return pd.concat([case.rows, again.assign(**{case.column: other})], ignore_index=True)


def _upper(values: pd.Series) -> pd.Series:
    """Return which rows have the upper answers: the second largest class, or the upper quarter of amounts."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return values > values.quantile(0.75)
    return values.eq(values.value_counts().index[1])


def _rank(values: pd.Series) -> Any:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values):
        values = values.astype("category").cat.codes
    return values.rank(pct=True).fillna(0.5)


def _as_distributed(values: pd.Series, order: pd.Series) -> pd.Series:
    """Return the values themselves, put into an order: the column is distributed as before."""
    import pandas as pd

    places = order.to_numpy().argsort(kind="stable")
    made = values.sort_values(ignore_index=True)
    return pd.Series(made.to_numpy(), index=values.index[places]).reindex(values.index)
