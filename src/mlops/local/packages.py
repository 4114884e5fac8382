"""A step that installs packages installs them for itself.

On Azure ML a step's container is thrown away. Here `pip install` in a command would change the environment of the project, and with it every other
step and this program: an older MLflow for one step, and nothing works any more. So pip puts what it installs beside the step's code, where the
step's Python and its shell look first.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTALLS = re.compile(r"\bpip3?\s+install\b")


def own_packages(command: str, folder: Path, given: Mapping[str, str], *, driven: bool = False) -> dict[str, str]:
    """Return the variables that keep the packages of one step to itself; none where its command installs nothing.

    Args:
        command: What the shell is given.
        folder: The step's folder.
        given: The variables that it has besides, whose PATH and PYTHONPATH stay behind the step's own.
        driven: Whether a driver of this package starts the command. It must not meet what the command installs, so the command does not either:
            it has the project's packages.
    """
    if not _INSTALLS.search(command):
        return {}
    place = folder / "packages"
    if driven:
        return {"PIP_TARGET": str(place)}
    path = given.get("PATH") or os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    modules = given.get("PYTHONPATH") or os.environ.get("PYTHONPATH", "")
    return {
        "PIP_TARGET": str(place),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(place), modules])),
        "PATH": os.pathsep.join([str(place / "bin"), path]),
    }
