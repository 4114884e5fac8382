"""What a step asks to run in, an environment of Azure ML's, as frozen values: container image, conda file; and how this machine differs from it.

On Azure ML it is always a container. Here it is never one; which of its packages are what is asked for is told, so that nobody must guess why a
number is not the same in both places.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mlops.errors import UsageError
from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mlops.spec.references import Assets

_PACKAGE = r"(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<rest>.*)"


@dataclass(frozen=True)
class Image:
    """What is asked for."""

    name: str
    """As the YAML has it, or what tells it from others."""
    image: str | None = None
    build: bool = False
    """Whether it comes from a Dockerfile."""
    python: str | None = None
    """As 3.10; None where none is asked for."""
    pip: tuple[str, ...] = ()
    """Lines of a requirements file."""
    conda: tuple[str, ...] = ()
    """Packages that conda would install, as written, less Python and pip themselves."""
    base: Path = Path()
    """What the lines' paths are relative to."""
    unknown: str = ""
    """Why its packages are not known here; empty where they are."""


def image_of(value: Mapping[str, Any] | str | None, base: Path, assets: Assets) -> Image | None:
    """Return what a component's `environment` asks for; None where it has none.

    Args:
        value: A reference; or the environment itself, its conda file read.
        base: What relative paths in the conda file are taken as relative to.
        assets: Who knows what references mean here.
    """
    if not isinstance(value, str):
        return None if value is None else _image(str(value.get("name") or value.get("image") or "its own"), value, base)
    try:
        found = assets.environment(value)
    except UsageError as error:
        return Image(value, unknown=error.message)
    return Image(value, unknown="it is Microsoft's") if found.get("curated") else _image(value, found, base)


def _image(name: str, body: Mapping[str, Any], base: Path) -> Image:
    python, pip, others = _dependencies(body.get("conda_file"))
    return Image(name, body.get("image"), bool(body.get("build")), python, pip, others, base)


def _dependencies(conda: Any) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Return what a conda file asks for: Python, packages of pip's, packages of conda's; what is not in its form is left out."""
    items = conda.get("dependencies") if isinstance(conda, dict) else None
    python, pip, others = None, [], []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            pip += [str(line).strip() for line in item.get("pip") or ()]
            continue
        found = re.match(_PACKAGE, str(item))
        name = found["name"].split("=")[0].lower() if found else ""
        if name == "python":
            version = re.search(r"(\d+)\.(\d+)", str(item))
            python = f"{version[1]}.{version[2]}" if version else None
        elif name not in {"pip", "setuptools", "wheel"}:
            others.append(str(item))
    return python, tuple(pip), tuple(others)


def differences(image: Image, python: str, version_of: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return in words what is otherwise than asked for.

    Args:
        image: What is asked for.
        python: The version that is used.
        version_of: Returns the version of a package that is installed there, by its name as pip compares it; None where it is not.
    """
    found = [f"its packages are not known here: {image.unknown}"] if image.unknown else []
    if image.image:
        found.append(f"the container image {image.image} is not used")
    if image.build:
        found.append("its Dockerfile is not built")
    if image.python and not f"{python}.".startswith(f"{image.python}."):
        found.append(f"Python {image.python} is asked for, {python} is used")
    found += [said for line in (*image.pip, *map(_as_pip, image.conda)) if (said := _difference(line, version_of))]
    return tuple(found)


def _difference(line: str, version_of: Callable[[str], str | None]) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return "" if line.startswith("-") else f"{line} is asked for, and not understood"
    if wanted.marker is not None and not wanted.marker.evaluate():
        return ""
    here = version_of(normalized(wanted.name))
    if here is None:
        return f"{line} is not installed"
    return "" if wanted.specifier.contains(here, prereleases=True) else f"{line} is asked for, {here} is used"


def _as_pip(package: str) -> str:
    """Return a package of conda's as pip would name it: `numpy=1.21` means any 1.21."""
    name, equals, version = package.rpartition("::")[2].replace(" ", "").partition("=")
    if not equals or version.startswith("=") or name[-1:] in "<>!~":
        return package.rpartition("::")[2]
    return f"{name}=={version.split('=')[0]}.*"


def normalized(name: str) -> str:
    """Return a package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def version_here(name: str) -> str | None:
    """Return the version of a package that this interpreter has; None where it has not."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python_here() -> str:
    """Return this interpreter's version."""
    return sys.version.split()[0]
