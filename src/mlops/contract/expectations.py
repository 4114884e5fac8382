"""Expectations that Great Expectations has not, registered with it through its own extension points.

Importing this module imports Great Expectations (seconds); only its Engine does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    multicolumn_condition_partial,
)

from mlops.contract.expressions import parse
from mlops.contract.relations import determined
from mlops.contract.text import untidy

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_DOMAIN = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")


class RowsKeep(MulticolumnMapMetricProvider):
    """Whether each row keeps a relation."""

    condition_metric_name = "rows.keep"
    condition_domain_keys = _DOMAIN
    condition_value_keys = ("expression",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, expression: str, **_: Any) -> pd.Series:  # noqa: N805 - the decorator makes a class method
        return parse(expression).keeps(column_list)


class ExpectRowsToKeep(MulticolumnMapExpectation):
    """Expect a relation between the columns of a row to hold (see expressions.py for what can be written)."""

    expression: str
    ignore_row_if: str = "never"
    map_metric: ClassVar[str] = "rows.keep"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "expression")
    args_keys: ClassVar[tuple[str, ...]] = ("column_list", "expression")


class ValuesKeep(ColumnMapMetricProvider):
    """Whether each value of a column keeps a relation, such as that with a number or with the time it is."""

    condition_metric_name = "column_values.keep"
    condition_value_keys = ("expression",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, expression: str, **_: Any) -> pd.Series:  # noqa: N805
        found = parse(expression)
        return found.keeps(column.to_frame(name=found.columns[0]))


class ExpectColumnValuesToKeep(ColumnMapExpectation):
    """Expect a relation that names one column to hold in each row."""

    expression: str
    map_metric: ClassVar[str] = "column_values.keep"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "expression")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "expression")


class ColumnsDetermine(MulticolumnMapMetricProvider):
    """Whether the last column has the value that is the commonest for the others' values."""

    condition_metric_name = "columns.determine"
    condition_domain_keys = _DOMAIN

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> pd.Series:  # noqa: N805
        return determined(column_list)


class ExpectColumnsToDetermineTheLast(MulticolumnMapExpectation):
    """Expect equal values in all columns but the last to have equal values in the last."""

    ignore_row_if: str = "never"
    map_metric: ClassVar[str] = "columns.determine"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)
    args_keys: ClassVar[tuple[str, ...]] = ("column_list",)


class StatisticsWithin(MulticolumnMapMetricProvider):
    """Whether the numbers of each piece of a table are within their bands; one that is missing is."""

    condition_metric_name = "statistics.within"
    condition_domain_keys = _DOMAIN
    condition_value_keys = ("bands",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, bands: dict[str, list[float]], **_: Any) -> pd.Series:  # noqa: N805
        import pandas as pd

        kept = pd.Series(data=True, index=column_list.index)
        for name, (low, high) in bands.items():
            above = low is None or column_list[name] >= low
            below = high is None or column_list[name] <= high
            kept &= column_list[name].isna() | (above & below)
        return kept


class ExpectStatisticsToBeWithin(MulticolumnMapExpectation):
    """Expect the numbers of each piece of a table (see statistics.py) to be within their bands."""

    bands: dict[str, Any]
    ignore_row_if: str = "never"
    map_metric: ClassVar[str] = "statistics.within"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "bands")
    args_keys: ClassVar[tuple[str, ...]] = ("column_list", "bands")


class ValuesTidy(ColumnMapMetricProvider):
    """Whether each text is as a person or program means it; judged once for each value that differs."""

    condition_metric_name = "column_values.tidy"
    condition_value_keys = ("allow",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, allow: list[str] | None = None, **_: Any) -> pd.Series:  # noqa: N805
        allowed = set(allow or ())
        return by_value(column, lambda value: value in allowed or not untidy(value))


class ExpectColumnValuesToBeTidy(ColumnMapExpectation):
    """Expect no blanks at the ends, no broken characters, and no word that stands for a missing value; `allow` lists exceptions."""

    allow: list[str] | None = None
    map_metric: ClassVar[str] = "column_values.tidy"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "allow")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "allow")


def by_value(column: pd.Series, holds: Callable[[Any], bool]) -> pd.Series:
    """Return whether each value holds, asking once for each value that differs."""
    import numpy as np
    import pandas as pd

    codes, labels = pd.factorize(column)
    kept = np.array([holds(label) for label in labels] + [True], dtype=bool)  # a missing one has code -1
    return pd.Series(kept[codes], index=column.index)
