"""A GitHub on this machine, for every test of the room; what it was asked must keep GitHub's description of its API."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loopback import Loopback


@pytest.fixture
def github() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server
    assert server.violations == []
