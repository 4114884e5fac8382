"""A table as Azure ML describes one: a folder with a file `MLTable`, YAML that names the data files beside it and how to read them.

The step reads it with the `mltable` package, which is its own affair; here it is only looked at, so that a wrong folder is told before work.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import SpecError
from mlops.spec.references import is_reference
from mlops.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAYS = ("file", "folder", "pattern")


def complaint(folder: Path) -> tuple[str, str] | None:
    """Return what is wrong with `folder` as an mltable, and what to do; None where nothing is."""
    if folder.is_file():
        return f"{folder.name!r} is a file, and an mltable is a folder that holds a file MLTable", "Name the folder."
    path = folder / "MLTable"
    if not path.is_file():
        other = next((one.name for one in folder.glob("*") if one.name.lower() in {"mltable", "mltable.yml", "mltable.yaml"}), None)
        found = f"it holds {other!r}, and the name is MLTable" if other else "it holds no file MLTable"
        return (
            f"{folder.name!r} is no mltable: {found}",
            "Write one beside the data: {paths: [{file: ./data.csv}], transformations: [{read_delimited: {delimiter: ','}}]}",
        )
    try:
        paths = list(_paths(read(path).value))
    except SpecError as error:
        return f"the MLTable of {folder.name!r} cannot be read: {error.problems[0].message}", f"{path}, line {error.problems[0].line}"
    if not paths:
        return f"the MLTable of {folder.name!r} names no data", "It needs: paths: [{file: ./data.csv}]"
    lost = next((text for way, text in paths if not _there(folder, way, text)), None)
    return (f"the MLTable of {folder.name!r} names {lost!r}, which is not there", f"Its paths are relative to {folder}") if lost else None


def _paths(value: Any) -> Iterator[tuple[str, str]]:
    entries = value.get("paths") if isinstance(value, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        for way in _WAYS:
            if isinstance(entry, dict) and isinstance(entry.get(way), str):
                yield way, entry[way]


def _there(folder: Path, way: str, text: str) -> bool:
    if is_reference(text):
        return True
    path = Path(folder, text.removeprefix("file://"))
    if way == "pattern":
        return Path(text).is_absolute() or any(folder.glob(text.removeprefix("./")))
    return path.is_file() if way == "file" else path.is_dir()
