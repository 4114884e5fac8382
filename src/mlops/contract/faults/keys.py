"""What names a row, and names another one now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, Subject, key

if TYPE_CHECKING:
    import pandas as pd

keys = Family("keys")
UNIQUE = "https://docs.greatexpectations.io/docs/reference/learn/data_quality_use_cases/uniqueness"
EXCEL = "https://support.microsoft.com/en-us/office/keeping-leading-zeros-and-large-numbers-1bf7b935-36e1-4985-842f-5dfa51f85fe7"


@keys.fault(UNIQUE, of=key, share=0.02)
def ids_used_again(case: Case) -> pd.DataFrame:
    """Some rows have the key of another one."""
    some = case.some(0.02)
    given = case.rows[some].index
    others = case.chance.permutation(case.rows[~some].index)[: len(given)]
    taken = case.rows.loc[others, list(case.columns)].set_axis(given[: len(others)])
    changed = case.rows.copy()
    changed.loc[taken.index, list(case.columns)] = taken
    return changed


@keys.fault(UNIQUE, of=key)
def one_key_for_all(case: Case) -> pd.DataFrame:
    """Every row has the key of the first."""
    return case.rows.assign(**{name: case.rows[name].iloc[0] for name in case.columns})


def _named(subject: Subject) -> list[tuple[str, ...]]:
    return [(name,) for name in subject.key if name not in subject.partition and subject.types[name] == "string"]


def _numbered(subject: Subject) -> list[tuple[str, ...]]:
    large = (name for name in subject.key if name not in subject.partition and subject.types[name] in {"integer", "number"})
    return [(name,) for name in large if subject.rows[name].max() > 99]


@keys.fault(EXCEL, of=_numbered)
def three_digits_left(case: Case) -> pd.DataFrame:
    """A spreadsheet wrote numbers as 1.23E+03: of each, two digits are left."""
    return case.put(case.given.map(lambda value: float(f"{value:.1e}"), na_action="ignore"))


@keys.fault("https://en.wikipedia.org/wiki/Surrogate_key", of=_numbered)
def numbered_anew(case: Case) -> pd.DataFrame:
    """A new system numbers from ten millions on."""
    return case.put(case.given + 10_000_000)


@keys.fault("https://docs.getdbt.com/reference/resource-properties/data-tests#relationships", of=_named)
def a_prefix_on_the_key(case: Case) -> pd.DataFrame:
    """Keys have a prefix now, and no other table knows them."""
    return case.put("ID-" + case.given)


@keys.fault("https://docs.getdbt.com/reference/resource-properties/data-tests#relationships", of=_named, share=0.05)
def keys_nobody_knows(case: Case) -> pd.DataFrame:
    """One key in twenty is of something that is in no other table."""
    return case.put(case.given.mask(case.some(0.05), "QQ0"))
