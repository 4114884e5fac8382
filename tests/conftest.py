"""What holds for every test: a busy machine is slow at drawing examples, and that is no fault of what is tested; and who shares a worker.

Tests that need the same packages or the same months of data are run by one worker: two would import and prepare all of it twice.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mlops.settings import read_project

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell ignores Ctrl-C for what it starts with `&`, and tests of it need what a terminal gives.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOGETHER = {
    "contract/test_pipelines.py": "pipelines",
    "project": "project",
    "mlops/contract": "contract",
    "mlops/registry": "registry",
    "mlops/workflows/test_azure.py": "azure",
}


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in a hook of the same name
def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        group = next((name for start, name in TOGETHER.items() if place.startswith(start)), None)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(
        key=lambda item: item.get_closest_marker("xdist_group") is None
    )  # the large parcels first, so that no worker ends alone with one


@pytest.fixture(scope="session")
def example() -> Path:
    """The root of the repository, for a test that is about the template's own example; where another project is, it is skipped."""
    root = Path(__file__).parents[1]
    if "flights" not in read_project(root).models:
        pytest.skip("the template's own example is not here: this repository has another project")
    return root
