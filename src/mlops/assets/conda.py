"""What a conda file asks for, as frozen values: a Python version, packages of pip's, and packages of conda's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class CondaFile:
    """The dependencies of an environment."""

    python: str | None = None
    """As 3.10; None where none is asked for."""
    pip: tuple[str, ...] = ()
    """Lines of a requirements file."""
    conda: tuple[str, ...] = ()
    """Packages that conda would install, as written, less Python and pip themselves."""


def conda_file(value: Any) -> CondaFile:
    """Return what a conda file asks for; what is not in its form is left out.

    Args:
        value: The file's content, as plain data.
    """
    dependencies = value.get("dependencies") if isinstance(value, dict) else None
    python, pip, conda = None, [], []
    for item in dependencies if isinstance(dependencies, list) else ():
        if isinstance(item, dict):
            pip += [str(line) for line in item.get("pip") or ()]
            continue
        name = _name(str(item))
        if name == "python":
            python = _version(str(item))
        elif name not in {"pip", "setuptools", "wheel"}:
            conda.append(str(item))
    return CondaFile(python, tuple(pip), tuple(conda))


def _name(package: str) -> str:
    found = _NAME.match(package.rpartition("::")[2].strip())
    return found[0].lower() if found else ""


def _version(package: str) -> str | None:
    """Return the first two numbers of a version: conda's `python=3.10.4`, `python>=3.8,<3.9`."""
    found = re.search(r"(\d+)\.(\d+)", package)
    return f"{found[1]}.{found[2]}" if found else None


def asked(environment: Mapping[str, Any]) -> CondaFile:
    """Return what an environment's conda file asks for; nothing where it has none."""
    return conda_file(environment.get("conda_file"))
