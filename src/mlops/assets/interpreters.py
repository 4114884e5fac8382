"""Which Python a step runs with: the project's own, or one with the pip packages that the step's conda file asks for.

The second is for who says `packages: conda_file` in `environments/local.yml`. Such a virtual environment is built once by uv and kept under the
digest of what was asked for. A step that uses one starts cold: the warm process has other packages.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from mlops.assets.images import Image, differences, normalized, python_here, version_here
from mlops.errors import PlatformError
from mlops.files import digest_bytes, digest_file, locked, read_json, write_json
from mlops.hashing import sha256
from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from typing import Any

_FILE = r"(-r|--requirement|-c|--constraint|-e|--editable)[ =]\s*(.+)"
_OWN = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Interpreter:
    """The Python of a step, and how it came to be that one."""

    asked: str
    """What the YAML asks for, by name; empty where it asks for nothing."""
    used: str
    """In words."""
    differs: tuple[str, ...] = ()
    python: Path | None = None
    """None: the project's own."""
    packages: str = ""
    """A digest of what is installed there, where it is not the project's own."""
    logs: bool = False
    """Whether it has an MLflow of its own."""
    unbuilt: bool = False
    """Whether it is still to be built, which was not wanted now."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {"used": self.used, "differs": list(self.differs)}

    def variables(self) -> dict[str, str]:
        """Return the variables that make `python`, and the programs beside it, this one."""
        if self.python is None:
            return {}
        folder = self.python.parent
        return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "VIRTUAL_ENV": str(folder.parent)}


def own(image: Image | None) -> Interpreter:
    """Return the project's own interpreter, with what differs from what is asked for."""
    python = python_here()
    used = f"the project's Python {python}"
    return Interpreter("", used) if image is None else Interpreter(image.name, used, differences(image, python, version_here))


def built(image: Image, home: Path, *, building: bool = True) -> Interpreter:
    """Return an interpreter with the pip packages that `image` asks for, built where it is new; the project's own where none are known.

    Args:
        image: What is asked for.
        home: The state folder.
        building: Otherwise one that is new is only told to be.

    Raises:
        PlatformError: uv is not there, or cannot install what is asked for.
    """
    if not image.pip:
        return own(image)
    python = _base(image.python)
    lines = [_absolute(line, image.base) for line in image.pip]
    key = sha256(json.dumps([str(python), [_dated(line) for line in lines]]).encode()).hexdigest()[:32]
    folder = home / "interpreters" / key
    if not building and not (folder / "installed.json").is_file():
        return Interpreter(image.name, f"{len(lines)} packages from its conda file, which are not installed yet", unbuilt=True)
    with locked(folder.with_suffix(".lock")):
        facts = read_json(folder / "installed.json") or _build(image, python, lines, folder)
    differs = differences(image, facts["python"], facts["packages"].get)
    used = f"Python {facts['python']} with {len(facts['packages'])} packages from its conda file ({folder})"
    packages = digest_bytes(json.dumps([facts["python"], facts["packages"]], sort_keys=True).encode())
    logs = not {"mlflow", "mlflow-skinny"}.isdisjoint(facts["packages"])
    return Interpreter(image.name, used, differs, folder / "bin" / "python", packages, logs)


def _build(image: Image, python: Path, lines: list[str], folder: Path) -> Mapping[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    requirements = folder / "requirements.txt"
    _uv(image, "venv", "--clear", "--python", str(python), str(folder))
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    here = str(folder / "bin" / "python")
    _uv(image, "pip", "install", "--python", here, "--requirement", str(requirements))
    listed = json.loads(_uv(image, "pip", "list", "--python", here, "--format", "json"))
    version = _said([here, "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    from dataclasses import asdict

    facts = {"image": asdict(image) | {"base": str(image.base)}, "python": version}
    facts["packages"] = {normalized(one["name"]): one["version"] for one in listed}
    write_json(folder / "installed.json", facts)
    return facts


def _is_other(image: Image) -> bool:
    """Return whether the Python that is asked for is another than this one, and not on this machine."""
    wanted = image.python
    return wanted is not None and not f"{python_here()}.".startswith(f"{wanted}.") and _base(wanted) == _base(None)


def _base(version: str | None) -> Path:
    """Return a Python of the version that is asked for, if this machine has one; else the one that runs this."""
    if version and not f"{python_here()}.".startswith(f"{version}."):
        found = _said([_uv_program(), "python", "find", "--no-python-downloads", "--system", version])
        if found.returncode == 0 and found.stdout.strip():
            return Path(found.stdout.strip())
    return Path(getattr(sys, "_base_executable", sys.executable))


def _absolute(line: str, base: Path) -> str:
    """Return a line of a requirements file with its path made independent of where the file is."""
    found = re.match(_FILE, line)
    if found:
        return f"{found[1]} {Path(base, found[2]).resolve()}"
    return str(Path(base, line).resolve()) if line.startswith((".", "/")) else line


def _dated(line: str) -> str:
    """Return a line with the digest of the file that it names, if it names one."""
    found = re.match(_FILE, line)
    path = Path(found[2] if found else line)
    return f"{line} {digest_file(path)}" if path.is_file() else line


def _uv(image: Image, *words: str) -> str:
    done = _said([_uv_program(), *words, "--no-progress", "--quiet"])
    if done.returncode:
        tail = "\n".join(line for line in done.stderr.splitlines()[-12:] if line.strip())
        hint = f"{tail}\nMend its conda file; or take the project's packages: `packages: project` in environments/local.yml"
        python = _base(image.python)
        lacks = f" for Python {python_here()}: it asks for {image.python}, which is not on this machine" if _is_other(image) else ""
        raise PlatformError(f"the packages of {image.name} cannot be installed{lacks}", where=f"uv, {python}", hint=hint)
    return done.stdout


def _uv_program() -> str:
    import shutil

    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.is_file() else shutil.which("uv")
    if program is None:
        raise PlatformError("uv is not installed here", hint="make setup; or `packages: project` in environments/local.yml")
    return program


def _said(words: list[str]) -> subprocess.CompletedProcess[str]:
    from subprocess import run

    variables = {name: value for name, value in os.environ.items() if name not in _OWN}
    return run(words, capture_output=True, text=True, check=False, env=variables)
