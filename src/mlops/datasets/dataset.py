"""The data set that a pipeline reads: where it is, which of its files are partitions, and what is wrong with it as it is now.

Nothing is declared for this: the pipeline says which folder it reads, and `source.yml` there, or the input `partitioned` of the step that reads
it, says which files are the partitions.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.datasets import partition
from mlops.datasets.address import name_of
from mlops.datasets.elsewhere import cached
from mlops.datasets.listing import SOURCE, SUMS, Listing, is_data_set, is_inside, recorded
from mlops.datasets.parts import parts
from mlops.datasets.source import Source, read_source
from mlops.errors import UsageError
from mlops.files import digest_file
from mlops.spec.values import Asset, FromPipeline, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlops.spec.values import Pipeline

CHECKS = "mlops.contract"
"""What the command of the step that validates runs."""


@dataclass(frozen=True)
class DataSet:
    """The files that a pipeline reads."""

    folder: Path
    given: str
    """The pipeline's input that is this folder."""
    pipeline: Pipeline
    contract: Path | None
    pattern: str
    """Of the partitions' files, below the folder; empty where there are none."""
    source: Source | None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sums(self) -> dict[str, str]:
        """Name -> digest, as SHA256SUMS has them."""
        return recorded(self.folder)

    def label(self, name: str) -> str:
        """Return the partition that a file is; empty where it is none."""
        return partition.label(self.pattern, name)


@dataclass(frozen=True)
class File:
    """One file of a data set, as recorded and as it is."""

    name: str
    label: str
    """The partition that it is, or nothing."""
    recorded: str | None
    """sha256 that SHA256SUMS has; None where it is not listed."""
    actual: str | None
    """sha256 of what is there; None where it is gone."""
    size: int

    @property
    def trouble(self) -> str:
        """altered, gone, not listed; or nothing."""
        if self.actual is None:
            return "gone"
        return "" if self.actual == self.recorded else "not listed" if self.recorded is None else "altered"


def of_pipeline(pipeline: Pipeline, contract: Path | None = None) -> DataSet:
    """Return the data set that a pipeline reads: its input `data`, or the first that is one.

    Raises:
        UsageError: None of its inputs is one.
        SpecError: Its source.yml is wrong.
    """
    folders = {name: _folder(bound) for name, bound in sorted(pipeline.values.items(), key=lambda item: item[0] != "data")}
    for name, folder in folders.items():
        if folder is not None and is_data_set(folder):
            source = read_source(folder / SOURCE) if (folder / SOURCE).is_file() else None
            return DataSet(folder.resolve(), name, pipeline, contract, source.files if source else _pattern(pipeline), source)
    raise UsageError(
        "no input of the pipeline is a data set: a folder with SHA256SUMS or source.yml",
        where=str(pipeline.path),
        hint=f"Its inputs: {', '.join(pipeline.values)}. List its files: cd FOLDER && sha256sum FILES > {SUMS}",
    )


def _folder(bound: object) -> Path | None:
    if not isinstance(bound, Asset):
        return None
    return bound.path if bound.path.is_dir() else bound.path.parent if bound.path.name == SOURCE else None


def _pattern(pipeline: Pipeline) -> str:
    """Return what a step is told of the table that comes in parts."""
    for step in pipeline.steps.values():
        bound = step.inputs.get("partitioned")
        if isinstance(bound, FromPipeline):
            bound = pipeline.values.get(bound.name)
        if isinstance(bound, Literal):
            return str(bound.value)
    return ""


def files(data: DataSet, digest: Callable[[Path], str]) -> tuple[File, ...]:
    """Return the listed files, and those that look like a partition and are not listed, as they are now.

    Raises:
        JobFailed: SHA256SUMS is not what it should be.
    """
    sums = data.sums
    if data.source and data.source.url:
        return (_elsewhere(data.source),)
    names = dict.fromkeys([*sums, *_there(data)])
    return tuple(_file(data, name, sums, digest) for name in sorted(names, key=lambda name: (not data.label(name), name)))


def _elsewhere(source: Source) -> File:
    """Return the file that a source points to: what reads it checks its digest."""
    kept = cached(source.sha256)
    digest = source.sha256 or None
    return File(name_of(source.url), "", digest, digest, kept.stat().st_size if kept else 0)


def _there(data: DataSet) -> Iterator[str]:
    if data.source is None:
        yield from (path.relative_to(data.folder).as_posix() for path in data.folder.glob(data.pattern or "*.none"))
    elif data.source.files:
        try:
            found = parts(data.source)
        except UsageError:
            return
        yield from (part.path.relative_to(data.folder).as_posix() for part in found if part.path.is_relative_to(data.folder))


def _file(data: DataSet, name: str, sums: Mapping[str, str], digest: Callable[[Path], str]) -> File:
    path = data.folder / name
    there = path.is_file()
    actual = digest(path).removeprefix("sha256:") if there else None
    return File(name, data.label(name), sums.get(name), actual, path.stat().st_size if there else 0)


def as_listed(data: DataSet, found: tuple[File, ...]) -> Listing:
    """Return what the files that are listed and there are together."""
    own = {SOURCE: digest_file(data.folder / SOURCE).removeprefix("sha256:")} if data.source else {}
    return Listing({file.name: file.actual for file in found if file.actual and file.recorded} | own)


def troubles(data: DataSet, found: tuple[File, ...]) -> tuple[str, ...]:
    """Return what is wrong with the files, each as a sentence with what to do."""
    told = []
    for file in found:
        path = shlex.quote(str(data.folder / file.name))
        back, anew = "get it back from where it came", f"put the line that `sha256sum {path}` prints in the place of the old"
        if is_inside(file.name):
            back = f"get it back: git -C {shlex.quote(str(data.folder))} checkout -- {shlex.quote(file.name)}"
            anew = f"mlops data add {path} --replace"
        if file.trouble == "gone":
            told.append(f"{file.name} is listed in {SUMS} and gone: {back}")
        elif file.trouble == "altered":
            said = f"expected sha256 {file.recorded}, found {file.actual}"
            told.append(f"{file.name} is not the file that was recorded ({said}): {back}; or, where the change is meant, {anew}")
        elif file.trouble:
            told.append(f"{file.name} is not listed in {SUMS}: nobody has vouched for it. If it is right: mlops data add {path}")
    missing = partition.gaps(file.label for file in found if file.label and file.actual)
    if missing:
        told.append(f"missing in between: {partition.few(missing)}. Add them with mlops data add, or have the pipeline read only some")
    return tuple(told)
