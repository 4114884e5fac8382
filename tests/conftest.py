"""What holds for every test: a busy machine is slow at drawing examples, and that is no fault of what is tested; and who shares a worker.

Tests that need the same packages or the same months of data are run by one worker: two would import and prepare all of it twice.
"""

import os
import re
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from mlops.settings import read_project

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell ignores Ctrl-C for what it starts with `&`, and tests of it need what a terminal gives.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOGETHER = {
    "azure/test_batch.py": "azure endpoints",
    "azure/test_delivery.py": "azure endpoints",
    "azure/test_deployment.py": "azure endpoints",
    "azure/test_promotion.py": "azure endpoints",
    "azure/test_way.py": "azure endpoints",
    "azure/test_workflows.py": "azure by CI",
    "azure": "azure ml",
    "contract/test_pipelines.py": "pipelines",
    "project": "project",
    "mlops/contract": "contract",
    "mlops/delivery/test_approval.py": "delivered",
    "mlops/delivery/test_sample.py": "delivered",
    "mlops/delivery/test_shared.py": "delivered",
    "mlops/delivery/test_ticket.py": "delivered",
    "mlops/registry": "registry",
    "mlops/workflows/test_azure.py": "azure",
}


class Parcels(LoadScopeScheduling):
    """xdist's own parcels of tests, largest first, made by folder: its `--dist loadgroup` finds no marks with pytest 9.2 (pytest-xdist issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return next((name for start, name in TOGETHER.items() if nodeid.startswith(f"tests/{start}")), nodeid)


def pytest_configure(config):
    """A mark of ours: a fork's pyproject.toml, which an upgrade never touches, need not know it."""
    config.addinivalue_line("markers", "e2e: goes a whole way, for a minute and more; `make e2e` runs these, `make test` all but these")


def pytest_ignore_collect(collection_path, config):
    """Leave a file unread whose every test is left out: what it imports, Azure's SDK for one, takes each worker seconds."""
    left_out = re.fullmatch(r"not (slow|e2e)", config.option.markexpr)
    if not left_out or collection_path.suffix != ".py":
        return None
    marked = re.search(rf"^pytestmark = .*mark\.{left_out[1]}\b", collection_path.read_text(encoding="utf-8"), re.MULTILINE)
    return True if marked else None


@pytest.hookimpl(optionalhook=True)  # not there with -p no:xdist
def pytest_xdist_make_scheduler(config, log):
    return Parcels(config, log)


@pytest.fixture(autouse=True)
def _no_word_of_mlflow_left():
    """Leave MLflow's variables as they were: `mlflow.set_tracking_uri` writes one, and the next test's runs would go to the last one's store."""
    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_") and name not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def example() -> Path:
    """The root of the repository, for a test that is about the template's own example; where another project is, it is skipped."""
    root = Path(__file__).parents[1]
    if "flights" not in read_project(root).models:
        pytest.skip("the template's own example is not here: this repository has another project")
    return root
