"""The expectations about rows, as Great Expectations runs them here: one metric each instead of ten.

Great Expectations' pandas engine asks ten metrics of one such expectation (condition, count, values, positions ...), and most of them copy the
whole table without the rows where one column is missing. The expectations below are its own, made anew through its extension points (a class
that says which metrics it needs; a metric that says how it is computed): they look at their own columns once. Conditions are its own as
well, but where one goes through a column value by value. Verdicts, results and their words stay its own; a test holds both ways side by side.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from mlops.contract import gx as _gx  # noqa: F401 - before anything imports all of Great Expectations

# isort: split
import numpy as np
from great_expectations.core.batch import BatchMarkers
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.core.id_dict import IDDict
from great_expectations.core.result_format import ResultFormat
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.expectations import core
from great_expectations.expectations.expectation import parse_result_format
from great_expectations.expectations.metrics import column_map_metrics as given
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

METRIC = "rows.judged"
VALUES = 200
"""Values that Great Expectations lists of those that it did not expect."""


class Frame(PandasBatchData):
    """A frame that is judged, and where its columns have no value: each looked at once."""

    def __init__(self, execution_engine: Any, dataframe: pd.DataFrame) -> None:
        super().__init__(execution_engine=execution_engine, dataframe=dataframe)
        self.known: dict[str, tuple[np.ndarray, int]] = {}

    def missing(self, column: str) -> tuple[np.ndarray, int]:
        """Return which values are missing, and how many."""
        if column not in self.known:
            found = self.dataframe[column].isna().to_numpy()
            self.known[column] = found, int(found.sum())
        return self.known[column]

    def all_missing(self, columns: Sequence[str]) -> tuple[np.ndarray, int]:
        """Return in which rows all of the columns are missing, and in how many."""
        found, count = self.missing(columns[0])
        for name in columns[1:]:
            if not count:
                break
            found = found & self.missing(name)[0]
            count = int(found.sum())
        return found, count


class FrameEngine(PandasExecutionEngine):
    """Great Expectations' engine for pandas, without the fingerprint of each frame: a run keeps the digest of its data already."""

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[Any, BatchMarkers]:
        if not isinstance(batch_spec, RuntimeDataBatchSpec):
            return super().get_batch_data_and_markers(batch_spec)  # type: ignore[no-any-return]
        frame = Frame(self, batch_spec.batch_data)
        batch_spec.batch_data = "PandasDataFrame"  # as it does itself: what is kept of the specification is text
        return frame, BatchMarkers({"ge_load_time": datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")})


def _between(column: pd.Series, **limits: Any) -> Any:
    from pandas.api import types

    numbers = not any(isinstance(limits.get(end), str) for end in ("min_value", "max_value"))
    plain = types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)
    if numbers and (plain or types.is_datetime64_any_dtype(column.dtype)):
        names = ("min_value", "max_value", "strict_min", "strict_max")
        values: Any = column.to_numpy() if isinstance(column.dtype, np.dtype) and plain else column
        return given.ColumnValuesBetween._pandas_vectorized(values, *(limits.get(name) for name in names))  # noqa: SLF001 - what it runs itself for int and float
    return _own(given.ColumnValuesBetween)(given.ColumnValuesBetween, column, **limits)


def _matches(column: pd.Series, regex: str) -> pd.Series:
    return (column if column.dtype == "str" else column.astype(str)).str.contains(regex)


def _in_set(column: pd.Series, value_set: Any) -> Any:
    return _own(given.ColumnValuesInSet)(given.ColumnValuesInSet, column, value_set)


def _own(provider: Any) -> Any:
    """Return the condition of one of Great Expectations' metrics, as it is written."""
    return inspect.unwrap(provider._pandas)  # noqa: SLF001


CONDITIONS: dict[str, Callable[..., Any]] = {
    "column_values.nonnull": lambda column: column.notna(),
    "column_values.between": _between,
    "column_values.in_set": _in_set,
    "column_values.match_regex": _matches,
    "column_values.unique": lambda column: ~column.duplicated(keep=False),
    "compound_columns.unique": lambda columns: ~columns.duplicated(keep=False),
}


class RowsJudged(MetricProvider):
    """Which rows keep an expectation: everything that its result is made from, computed at once."""

    metric_name = METRIC
    domain_keys = ("batch_id", "column", "column_list", "ignore_row_if")
    value_keys = ("condition", "arguments")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls: Any,  # noqa: N805 - Great Expectations calls it with the class
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: Mapping[str, Any],
        metric_value_kwargs: Mapping[str, Any],
        **_: Any,
    ) -> dict[str, Any]:
        condition, arguments = metric_value_kwargs["condition"], metric_value_kwargs["arguments"]
        data = execution_engine.batch_manager.active_batch_data
        about = metric_domain_kwargs.get("column") or list(metric_domain_kwargs["column_list"])
        bad, absent = _judged(data, about, CONDITIONS[condition], arguments, condition == "column_values.nonnull")
        count, values = len(data.dataframe), bad.iloc[:VALUES]
        return {
            "table.row_count": count,
            "column_values.nonnull.unexpected_count": absent,
            f"{condition}.filtered_row_count": count - absent,
            f"{condition}.unexpected_count": len(bad),
            f"{condition}.unexpected_values": _listed(values),
            f"{condition}.unexpected_index_list": bad.index.tolist(),
        }


def _listed(values: Any) -> list[Any]:
    if not len(values):
        return []
    return list(values) if values.ndim == 1 else values.to_dict("records")


def _judged(
    data: Frame, about: str | list[str], condition: Callable[..., Any], arguments: Mapping[str, Any], of_missing: bool
) -> tuple[Any, int]:
    """Return the values that break a condition, with their index, and how many are missing: these are looked at where that is the condition."""
    part = data.dataframe[about]
    if isinstance(about, str):
        missing, absent = data.missing(about)
        if of_missing:
            return part[missing] if absent else part.iloc[:0], absent
    else:
        missing, absent = data.all_missing(about)
    looked_at = part[~missing] if absent else part
    if not len(looked_at):
        return looked_at, absent
    kept = np.asarray(condition(looked_at, **arguments), dtype=bool)
    return (looked_at.iloc[:0] if kept.all() else looked_at[~kept]), absent


class OneMetric:
    """An expectation about rows that needs the one metric above."""

    arguments: ClassVar[tuple[str, ...]] = ()

    def get_validation_dependencies(
        self: Any, execution_engine: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> ValidationDependencies:
        wanted = parse_result_format(self._get_result_format(runtime_configuration))
        if getattr(self, "row_condition", None) or wanted["result_format"] != ResultFormat.COMPLETE:
            return super().get_validation_dependencies(execution_engine=execution_engine, runtime_configuration=runtime_configuration)  # type: ignore[misc]
        domain = IDDict({key: getattr(self, key) for key in RowsJudged.domain_keys if getattr(self, key, None) is not None})
        values = IDDict({"condition": self.map_metric, "arguments": {key: getattr(self, key) for key in self.arguments}})
        metric = MetricConfiguration(METRIC, metric_domain_kwargs=domain, metric_value_kwargs=values)
        return ValidationDependencies(metric_configurations={METRIC: metric}, result_format=wanted)

    def _get_result_format(self: Any, runtime_configuration: Any = None) -> Any:
        return (runtime_configuration or {}).get("result_format") or super()._get_result_format(runtime_configuration)  # type: ignore[misc]

    def _get_success_kwargs(self: Any) -> dict[str, Any]:
        return {key: getattr(self, key, None) for key in (*self.domain_keys, *self.success_keys)}

    def _get_success_kwarg(self: Any, key: str) -> Any:
        return getattr(self, key, None)

    def _validate(self: Any, metrics: dict[str, Any], **more: Any) -> Any:
        return super()._validate(metrics.get(METRIC, metrics), **more)  # type: ignore[misc]


class ExpectColumnValuesToNotBeNull(OneMetric, core.ExpectColumnValuesToNotBeNull):
    pass


class ExpectColumnValuesToBeBetween(OneMetric, core.ExpectColumnValuesToBeBetween):
    arguments = ("min_value", "max_value", "strict_min", "strict_max")


class ExpectColumnValuesToBeInSet(OneMetric, core.ExpectColumnValuesToBeInSet):
    arguments = ("value_set",)


class ExpectColumnValuesToMatchRegex(OneMetric, core.ExpectColumnValuesToMatchRegex):
    arguments = ("regex",)


class ExpectColumnValuesToBeUnique(OneMetric, core.ExpectColumnValuesToBeUnique):
    pass


class ExpectCompoundColumnsToBeUnique(OneMetric, core.ExpectCompoundColumnsToBeUnique):
    pass
