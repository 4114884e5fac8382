"""Expectations that Great Expectations has not, registered with it as its own extension points have it, on the one metric of metrics.py."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mlops.contract import gx as _gx  # noqa: F401 - before anything imports all of Great Expectations

# isort: split
from great_expectations.expectations.expectation import ColumnMapExpectation, MulticolumnMapExpectation

from mlops.contract.expressions import parse
from mlops.contract.metrics import CONDITIONS, OneMetric
from mlops.contract.relations import determined
from mlops.contract.text import untidy

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class ExpectRowsToKeep(OneMetric, MulticolumnMapExpectation):
    """Expect a relation between the columns of a row to hold (see expressions.py for what can be written)."""

    expression: str
    ignore_row_if: str = "never"
    map_metric = "rows.keep"
    arguments: ClassVar[tuple[str, ...]] = ("expression",)


class ExpectColumnValuesToKeep(OneMetric, ColumnMapExpectation):
    """Expect a relation that names one column to hold in each row."""

    expression: str
    map_metric = "column_values.keep"
    arguments: ClassVar[tuple[str, ...]] = ("expression",)


class ExpectColumnsToDetermineTheLast(OneMetric, MulticolumnMapExpectation):
    """Expect equal values in all columns but the last to have equal values in the last."""

    ignore_row_if: str = "never"
    map_metric = "columns.determine"


class ExpectStatisticsToBeWithin(OneMetric, MulticolumnMapExpectation):
    """Expect the numbers of each piece of a table (see statistics.py) to be within their bands."""

    bands: dict[str, Any]
    ignore_row_if: str = "never"
    map_metric = "statistics.within"
    arguments: ClassVar[tuple[str, ...]] = ("bands",)


class ExpectColumnValuesToBeTidy(OneMetric, ColumnMapExpectation):
    """Expect no blanks at the ends, no broken characters, and no word that stands for a missing value; `allow` lists exceptions."""

    allow: list[str]
    map_metric = "column_values.tidy"
    arguments: ClassVar[tuple[str, ...]] = ("allow",)


def _keep(columns: pd.DataFrame, expression: str) -> pd.Series:
    return parse(expression).keeps(columns)


def _keep_value(column: pd.Series, expression: str) -> pd.Series:
    found = parse(expression)
    return found.keeps(column.to_frame(name=found.columns[0]))


def _within(numbers: pd.DataFrame, bands: dict[str, Any]) -> pd.Series:
    """Each band: the lowest and the highest number, and from how many rows on there must be one (None: never)."""
    import numpy as np
    import pandas as pd

    values = numbers[list(bands)].to_numpy(dtype=float)
    low, high, least = (np.array([band[part] for band in bands.values()], dtype=float) for part in range(3))  # None: not a number
    owed = numbers[["rows"]].to_numpy(dtype=float) >= least
    outside = (values < low) | (values > high) | (np.isnan(values) & owed)
    return pd.Series(~outside.any(axis=1), index=numbers.index)


def _tidy(column: pd.Series, allow: list[str]) -> pd.Series:
    allowed = set(allow)
    return by_value(column, lambda value: value in allowed or not untidy(value))


def by_value(column: pd.Series, holds: Callable[[Any], bool]) -> pd.Series:
    """Return whether each value holds, asking once for each value that differs."""
    import numpy as np
    import pandas as pd

    codes, labels = pd.factorize(column)
    kept = np.array([*map(holds, labels), True], dtype=bool)  # a missing one has code -1
    return pd.Series(kept[codes], index=column.index)


CONDITIONS.update(
    {
        "rows.keep": _keep,
        "column_values.keep": _keep_value,
        "columns.determine": determined,
        "statistics.within": _within,
        "column_values.tidy": _tidy,
    }
)
