"""Great Expectations' Data Docs, from the results that a check has kept: built when somebody asks, since building takes longer than checking."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING, Any

from mlops.contract import engine as _engine  # noqa: F401 - registers the expectations that a result can name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def build(record: Mapping[str, Any], folder: Path, when: dt.datetime | None = None) -> Path:
    """Write Data Docs as a static site, in place of one that is there; return its first page.

    Args:
        record: What `validation.json` holds: its `results` are Great Expectations' own.
        folder: Where to write.
        when: When it was checked, in UTC; else now.
    """
    import great_expectations
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"site": site},
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    run = RunIdentifier(run_name="mlops contract", run_time=when or dt.datetime.now(tz=dt.UTC))
    for name, told in record["results"].items():
        result = ExpectationSuiteValidationResultSchema().load({**told, "suite_name": name})
        configs = [entry.expectation_config for entry in result.results]
        suite = great_expectations.ExpectationSuite(name=name, expectations=[config.to_domain_obj() for config in configs])
        context.suites.add_or_update(suite)
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, name.replace(" ", "-"))
        result.meta |= {"run_id": run, "validation_time": run.run_time}
        context.validation_results_store.set(key, result)
    context.build_data_docs()
    return folder / "index.html"
