"""What holds for every test: a busy machine is slow at drawing examples, and that is no fault of what is tested; and who shares a worker.

Tests that need the same packages or the same months of data are run by one worker: two would import and prepare all of it twice.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

TOGETHER = {
    "project": "project",
    "mlops/contract": "contract",
    "contract/test_data.py": "contract",
    "mlops/registry": "registry",
    "mlops/workflows/test_azure.py": "azure",
}


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
