"""Great Expectations' Data Docs, from the results that a check has kept: built when somebody asks, since building takes longer than checking."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.contract import engine as _engine  # noqa: F401 - registers the expectations that a result can name
from mlops.errors import UsageError
from mlops.files import read_json, unwritable, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = ".data-docs.json"
"""Names the files of a site: what else lies beside them is somebody's."""


def build(record: Mapping[str, Any], folder: Path, when: dt.datetime | None = None) -> Path:
    """Write Data Docs as a static site, in place of one that was written here before; return its first page.

    Args:
        record: What `validation.json` holds: its `results` are Great Expectations' own.
        folder: Where to write: it is not there, is empty, or holds such a site and nothing else.
        when: When it was checked, in UTC; else now.

    Raises:
        UsageError: The folder holds something else. Nothing was changed.
        PlatformError: It cannot be written. A site that was there before stays.
    """
    check_place(folder)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}.") as above:
            site = Path(above, "site")
            _site(record, site, when)
            own = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*")) if path.is_file()]
            write_json(site / OWN, own)
            if folder.exists():
                os.replace(folder, Path(above, "old"))
            os.replace(site, folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / "index.html"


def check_place(folder: Path) -> None:
    """Refuse a folder in which anything lies that `build` has not written.

    Raises:
        UsageError: It is such a folder, a file, or a link.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    own = {OWN, *(read_json(folder / OWN) or ())}
    other = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).as_posix() not in own]
    if other or folder.is_symlink() or not folder.is_dir():
        what = f"{other[0].relative_to(folder)} lies in it" if other else "it is no folder"
        raise UsageError(f"Data Docs take a folder of their own, and {what}", where=str(folder), hint="Name one that is not there yet.")


def _site(record: Mapping[str, Any], folder: Path, when: dt.datetime | None) -> None:
    import great_expectations
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    folder.mkdir()
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
