"""A step that installs packages installs them for itself.

On Azure ML a step's container is thrown away. Here `pip install` would change the environment of the project, and with it every other step and
this program: an older MLflow for one step, and nothing works any more. So a step whose command or code installs something gets a virtual
environment of its own beside its code: empty, with all of the step's packages visible in it. Whatever pip puts there comes first, and pip takes
nothing away from what is below.

What no text says, a library that calls pip by itself, is kept out by `PIP_TARGET`: pip then writes into the step's folder and nowhere else.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.local.snapshot import Code, Snapshot

_INSTALLS = re.compile(rb"\bpip3?\b[^|;&]{0,80}?\binstall\b|\bspacy\b[^|;&]{0,40}?\bdownload\b|\bconda\b[^|;&]{0,40}?\binstall\b")
PACKAGES = "packages"
"""Below a step's folder: what it installs."""
_PROGRAMS = {"", ".py", ".sh", ".bash", ".ipynb"}
_PIP = '#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n'


def installs(command: str, code: Code, snapshot: Snapshot) -> bool:
    """Return whether a step's command, or a program among its files, speaks of installing packages."""
    return bool(_INSTALLS.search(command.encode())) or snapshot.says(code, _PROGRAMS, _INSTALLS)


def own_packages(folder: Path, prefix: Path | None, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep what a step installs to itself.

    Args:
        folder: The step's own.
        prefix: The environment that the step sees, where `lay_environment` makes one of its own over it.
        given: The variables that it has besides, whose PATH stays behind the step's own.
    """
    if prefix is None:
        return {"PIP_TARGET": f"{folder}/{PACKAGES}"}
    own = folder / PACKAGES
    path = given.get("PATH") or os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**quiet, "VIRTUAL_ENV": str(own), "PATH": os.pathsep.join([str(own / "bin"), path])}


def lay_environment(folder: Path, prefix: Path) -> None:
    """Make an empty virtual environment in which all packages of another can be seen.

    `python -m venv` takes a second and installs pip again; what it comes to is five small files (PEP 405).

    Args:
        folder: Where it is made.
        prefix: The other environment, whose Python it has.
    """
    python = prefix / "bin" / "python"
    packages = next(prefix.glob("lib/python3*/site-packages"))
    inner = folder / "lib" / packages.parent.name / "site-packages"
    inner.mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "pyvenv.cfg").write_text(f"home = {_home(prefix, python)}\ninclude-system-site-packages = false\n", encoding="utf-8")
    seen = [f"import site; site.addsitedir({str(packages)!r})", *map(str, _pip_wheel(packages))]
    (inner / "slipway.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(python.resolve())
    for name in ("pip", "pip3"):
        program = folder / "bin" / name
        program.write_text(_PIP, encoding="utf-8")
        program.chmod(0o755)


def _home(prefix: Path, python: Path) -> str:
    """Return the folder of the Python that an environment was made with."""
    written = prefix / "pyvenv.cfg"
    lines = written.read_text(encoding="utf-8").splitlines() if written.is_file() else []
    said = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    return said[0] if said else str(python.resolve().parent)


def _pip_wheel(packages: Path) -> list[Path]:
    """Return where pip can be imported from, for an environment that has none: those that uv makes."""
    if (packages / "pip").is_dir():
        return []
    import ensurepip

    return sorted(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))[-1:]
