"""`additional_includes`: files and folders from elsewhere that are laid into a step's working directory beside its code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops.local.snapshot import Code, read_code

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def with_includes(code: Code, includes: Iterable[Path]) -> Code:
    """Return the code with each file and folder of `includes` under its own name; what the code has already stays."""
    files: dict[str, Path] = {}
    for path in includes:
        below = "" if path.is_file() else f"{path.name}/"
        files |= {f"{below}{name}": file for name, file in read_code("", path).files.items()}
    return replace(code, files={**files, **code.files}) if files else code
