"""Great Expectations in this process: no project, no network, no telemetry, no progress bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.contract import expectations as _expectations  # noqa: F401 - registers those that Great Expectations has not
from mlops.contract import metrics  # its expectations take the place of those that they are made from
from mlops.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult, ExpectationValidationResult

    from mlops.contract.suite import Check

FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
LISTED = 20
"""Entries that are kept of each of a result's lists of rows: all of them are in quarantine, or still in the data."""


@dataclass(frozen=True)
class Judged:
    """What Great Expectations said of one frame."""

    result: ExpectationSuiteValidationResult
    """Its own result, with the first of its lists of rows."""
    rows: Mapping[str, np.ndarray]
    """By rule, the positions of all rows that break it, in order."""


class Engine:
    """A context in memory, and one data source of frames."""

    def __init__(self, path: Path) -> None:
        import great_expectations
        from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig
        from great_expectations.datasource.fluent import PandasDatasource

        config = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),  # else it leaves a temporary folder behind
            progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
            analytics_enabled=False,
        )
        self.gx = great_expectations
        self.path = path
        PandasDatasource.execution_engine_override = metrics.FrameEngine
        self.context = great_expectations.get_context(mode="ephemeral", project_config=config)
        self.asset = self.context.data_sources.add_pandas("tables").add_dataframe_asset("in memory")

    def suite(self, name: str, checks: Sequence[Check]) -> Any:
        """Return the expectation suite that checks are.

        Raises:
            SpecError: There is no such expectation, or it does not take these arguments.
        """
        return self.gx.ExpectationSuite(name=name, expectations=[self._expectation(check) for check in checks])

    def run(self, name: str, frame: pd.DataFrame, checks: Sequence[Check]) -> Judged:
        """Validate one frame.

        What a validation definition runs is run, without the store that it writes to.
        """
        from great_expectations.core.batch_definition import BatchDefinition
        from great_expectations.validator.v1_validator import Validator

        batch = BatchDefinition(name=name)
        batch.set_data_asset(self.asset)
        found = Validator(batch, FORMAT, {"dataframe": frame}).validate_expectation_suite(self.suite(name, checks))
        return Judged(found, {rule_of(entry): _shortened(entry.result) for entry in found.results})

    def _expectation(self, check: Check) -> Any:
        from great_expectations.expectations.registry import get_expectation_impl

        severity = "critical" if check.rule.severity == "stop" else "warning"
        meta = {"rule": check.rule.name, "line": check.rule.line}
        try:
            return get_expectation_impl(check.expectation)(**check.arguments, severity=severity, meta=meta)
        except Exception as error:
            first = str(error).strip().splitlines()[0]
            hint = "See Great Expectations' gallery for its expectations and their arguments."
            problem = Problem(str(self.path), check.rule.line, 1, f"{check.expectation} is no expectation that can be run: {first}", hint)
            raise SpecError([problem]) from error


def rule_of(entry: ExpectationValidationResult) -> str:
    """Return the rule that a result is about."""
    return str(entry.expectation_config.meta["rule"])


def _shortened(result: dict[str, Any]) -> np.ndarray:
    """Return the positions in a result, of which it keeps the first: as plain values a million of them takes seconds."""
    import numpy as np

    rows = np.asarray(result.get("unexpected_index_list") or (), dtype=np.int64)
    for name, value in result.items():
        if isinstance(value, list) and "unexpected" in name:
            result[name] = value[:LISTED]
    return rows
