"""Categories that are new, gone, renamed, or of another weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Columns, Family, Subject, category

if TYPE_CHECKING:
    import pandas as pd

categories = Family("categories")
TFDV = "https://www.tensorflow.org/tfx/data_validation/get_started"
NEW = "https://docs.deepchecks.com/stable/tabular/auto_checks/train_test_validation/plot_new_category.html"


@categories.fault(NEW, of=category, share=0.02)
def a_new_category(case: Case) -> pd.DataFrame:
    """One row in fifty is of a category that there was not."""
    return case.put(case.given.mask(case.some(0.02), "ZZ"))


@categories.fault(TFDV, of=category, share=0.3)
def a_category_renamed(case: Case) -> pd.DataFrame:
    """The largest category has another name."""
    return case.put(case.given.replace(case.given.mode().iloc[0], "RENAMED"))


@categories.fault("https://en.wikipedia.org/wiki/List_of_airline_codes", of=category, share=0.2)
def two_categories_in_one(case: Case) -> pd.DataFrame:
    """The second largest category is counted to the largest, as after a merger."""
    counts = case.given.value_counts()
    return case.put(case.given.replace(counts.index[1], counts.index[0]))


@categories.fault("https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.LabelEncoder.html", of=category)
def numbers_for_words(case: Case) -> pd.DataFrame:
    """Words came as the numbers of an encoder."""
    return case.put(case.given.astype("category").cat.codes.astype("str").where(case.given.notna()))


def _uneven(subject: Subject) -> list[Columns]:
    shares = ((name, subject.rows[name].value_counts(normalize=True)) for name in subject.categories)
    return [(name,) for name, share in shares if share.iloc[0] - share.iloc[-1] > 0.02]


@categories.fault("https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.LabelEncoder.html", of=_uneven)
def encoder_fitted_anew(case: Case) -> pd.DataFrame:
    """An encoder was fitted anew, and every code means the next category."""
    counts = case.given.value_counts().index
    return case.put(case.given.map(dict(zip(counts, [*counts[1:], counts[0]], strict=True))))


@categories.fault("https://www.tensorflow.org/tfx/data_validation/get_started#checking_data_skew_and_drift", of=_uneven, share=0.3)
def a_category_doubles(case: Case) -> pd.DataFrame:
    """The mix changes: half of the rows of the other categories are gone, and the largest is what it was."""
    largest = case.given.eq(case.given.mode().iloc[0])
    return case.rows[largest | case.some(0.5)]


def _rare(subject: Subject) -> list[Columns]:
    shares = ((name, subject.rows[name].value_counts(normalize=True)) for name in subject.categories)
    return [(name,) for name, share in shares if len(share) > 3 and (share < 0.05).any()]


@categories.fault("https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.OneHotEncoder.html", of=_rare, share=0.1)
def rare_ones_put_together(case: Case) -> pd.DataFrame:
    """Whoever delivers put rare categories together as OTHER."""
    share = case.given.value_counts(normalize=True)
    return case.put(case.given.mask(case.given.map(share) < 0.05, "OTHER"))


@categories.fault("https://www.tensorflow.org/tfx/data_validation/anomalies", of=category)
def a_number_on_each_word(case: Case) -> pd.DataFrame:
    """An identifier was put into the word: as many categories as rows."""
    import pandas as pd

    return case.put(case.given + "-" + pd.Series(range(len(case.rows)), index=case.rows.index).astype("str"))


@categories.fault("https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/plot_is_single_value.html", of=category)
def one_category_for_all(case: Case) -> pd.DataFrame:
    """Every row has the value that a form begins with."""
    return case.put(case.given.where(case.given.isna(), case.given.mode().iloc[0]))


def _two(subject: Subject) -> list[Columns]:
    return [(name,) for name in subject.categories if subject.rows[name].nunique() == 2]


@categories.fault("https://yaml.org/type/bool.html", of=_two)
def another_word_for_yes(case: Case) -> pd.DataFrame:
    """What was said with two words is said with Y and N."""
    first, second = sorted(case.given.dropna().unique())
    return case.put(case.given.map({first: "N", second: "Y"}))
