"""Who owns a file: what the patterns of src/mlops/ours.txt name is ours, everything else is yours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

LIST, VERSION, LOCK = "src/mlops/ours.txt", "src/mlops/VERSION", "requirements.lock"
"""The list, the release that a fork is on, and the one file that is made from both owners' files, and so is neither's."""
FIRST = """\
/.azure-pipelines/templates/
/.ci/
/.github/workflows/_*.yml
/Makefile
/benchmarks/
/docs/
/infra/main.bicep
/infra/modules/
/src/mlops/
/tests/conftest.py
/tests/contract/
/tests/mlops/
/tests/ruff.toml
"""
"""What was ours in 0.1.0, which had neither the list nor a file with its number."""


@dataclass(frozen=True)
class Ours:
    """One release's list.

    Args:
        patterns: The text of the file; None for the first release, which has none.
    """

    patterns: str | None

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines((self.patterns or FIRST).splitlines())

    def __contains__(self, path: str) -> bool:
        return path != LOCK and self._spec.match_file(path)
