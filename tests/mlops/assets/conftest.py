"""The workshop that the tests of assets have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlops.assets.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.write("cereal.csv", "name,sugars\nbran,6\n")
    return made
