"""A table as Azure ML describes one: a folder with a file `MLTable`, YAML that names data files and what is done to make rows of them.

A command step reads it with the `mltable` package, which is its own affair; here it is only looked at, so that a wrong folder is told before
work. A parallel step is given its rows, so that there each transformation must be known too: this page names them all, with what each takes
(reference-yaml-mltable), and `local/kinds/tables.py` does them.
"""

from __future__ import annotations

from pathlib import Path

from mlops.errors import SpecError, UsageError
from mlops.records import dataclass
from mlops.spec.references import is_reference
from mlops.spec.source import did_you_mean, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

FILE = "MLTable"
_WAYS = ("file", "folder", "pattern")
READERS: Mapping[str, tuple[str, ...]] = {
    "read_delimited": (
        "infer_column_types",
        "encoding",
        "header",
        "delimiter",
        "empty_as_string",
        "include_path_column",
        "support_multi_line",
    ),
    "read_parquet": ("include_path_column",),
    "read_json_lines": ("include_path_column", "invalid_lines", "encoding"),
}
"""What makes rows of the files, and its settings."""
OTHERS = (
    "convert_column_types",
    "drop_columns",
    "keep_columns",
    "extract_columns_from_partition_format",
    "filter",
    "skip",
    "take",
    "take_random_sample",
)
"""What is done to the rows then."""
ENCODINGS = {"utf8": "utf-8", "utf8bom": "utf-8-sig", "iso88591": "latin-1", "windows1252": "cp1252"}
"""Those whose name in Python is another."""
HEADERS = ("no_header", "from_first_file", "all_files_different_headers", "all_files_same_headers")


@dataclass(frozen=True)
class Definition:
    """An MLTable file: what it names, each as (way, text), and what is done with it, each as (name, settings)."""

    folder: Path
    paths: tuple[tuple[str, str], ...]
    transformations: tuple[tuple[str, Any], ...]

    @property
    def is_rows(self) -> bool:
        """Whether the files are read as rows; otherwise the table is a list of files."""
        return any(name.startswith("read_") for name, _ in self.transformations)


def read_definition(folder: Path) -> Definition:
    """Return what the MLTable of a folder says.

    Raises:
        UsageError: It cannot be read, names no data, or names data here that are not there.
    """
    path = folder / FILE
    try:
        body = read(path).value
    except SpecError as error:
        problem = error.problems[0]
        raise UsageError(
            f"the MLTable of {folder.name!r} cannot be read: {problem.message}", hint=f"{path}, line {problem.line}"
        ) from error
    paths = tuple(_paths(body))
    if not paths:
        raise UsageError(f"the MLTable of {folder.name!r} names no data", hint="It needs: paths: [{file: ./data.csv}]")
    lost = next((text for way, text in paths if not _there(folder, way, text)), None)
    if lost:
        raise UsageError(f"the MLTable of {folder.name!r} names {lost!r}, which is not there", hint=f"Its paths are relative to {folder}")
    steps = body.get("transformations") or []
    return Definition(folder, paths, tuple(_transformation(step) for step in steps if step))


def judged(definition: Definition) -> Definition:
    """Return a definition whose rows can be made here.

    Raises:
        UsageError: A transformation or a setting is none that is done here; in its words.
    """
    where = str(definition.folder / FILE)
    for name, settings in definition.transformations:
        if name == "read_delta_lake":
            raise UsageError(
                "a Delta Lake folder is not read on this machine", where=where, hint="Write it as Parquet in a step before this one."
            )
        if name not in READERS and name not in OTHERS:
            hint = did_you_mean(name, (*READERS, *OTHERS), label="transformations")
            raise UsageError(f"the transformation {name!r} is not done on this machine", where=where, hint=hint)
        for key in settings if name in READERS and isinstance(settings, dict) else ():
            if key not in READERS[name]:
                raise UsageError(f"{name} has no setting {key!r}", where=where, hint=did_you_mean(str(key), READERS[name]))
    return definition


def complaint(folder: Path) -> tuple[str, str] | None:
    """Return what is wrong with `folder` as an mltable, and what to do; None where nothing is."""
    if folder.is_file():
        return f"{folder.name!r} is a file, and an mltable is a folder that holds a file {FILE}", "Name the folder."
    if not (folder / FILE).is_file():
        other = next((one.name for one in folder.glob("*") if one.name.lower() in {"mltable", "mltable.yml", "mltable.yaml"}), None)
        found = f"it holds {other!r}, and the name is {FILE}" if other else f"it holds no file {FILE}"
        return (
            f"{folder.name!r} is no mltable: {found}",
            "Write one beside the data: {paths: [{file: ./data.csv}], transformations: [{read_delimited: {delimiter: ','}}]}",
        )
    try:
        read_definition(folder)
    except UsageError as error:
        return error.message, error.hint or ""
    return None


def _transformation(given: Any) -> tuple[str, Any]:
    return next(iter(given.items())) if isinstance(given, dict) else (str(given), {})


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
