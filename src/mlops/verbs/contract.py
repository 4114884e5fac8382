"""The verbs about data contracts: check, profile, diff, test, docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.errors import PlatformError

if TYPE_CHECKING:
    import argparse


def check(arguments: argparse.Namespace) -> int:
    """Hold data against their contract."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def profile(arguments: argparse.Namespace) -> int:
    """Propose a contract from data."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def diff(arguments: argparse.Namespace) -> int:
    """Say what a change of a contract means."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def test(arguments: argparse.Namespace) -> int:
    """Run a contract against seeded faults."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def docs(arguments: argparse.Namespace) -> int:
    """Write a contract and its last results as pages."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")
