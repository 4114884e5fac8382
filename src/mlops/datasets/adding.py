"""Adding a file to a data set: what it would be is decided first, as a value; then it is tried, and takes its place whole or not at all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets import change, compare, objects, partition
from mlops.datasets.dataset import as_listed, files, troubles
from mlops.datasets.listing import SUMS, keep, written
from mlops.errors import JobFailed, MlopsError, UsageError
from mlops.files import digest_file, shown, unwritable, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops.datasets.candidate import Trial
    from mlops.datasets.compare import Difference
    from mlops.datasets.dataset import DataSet, File


@dataclass(frozen=True)
class Addition:
    """What adding a file is to the files that are there."""

    name: str
    """Below the data set's folder."""
    label: str
    """The partition; empty for a file that is none."""
    digest: str
    size: int
    kind: str
    """new; same: it is there, with these bytes; other: it is there, with other bytes; back: it is what was recorded, and what is there is not."""
    twin: str = ""
    """Another file that has the same bytes."""
    gap: tuple[str, ...] = ()
    """Partitions that would be missing between the others and this one."""
    newest: str = ""
    """The newest partition, where this one is older."""
    difference: Difference | None = None
    """What changes, of another file of the same name."""


@dataclass(frozen=True)
class Added:
    """What came of it."""

    addition: Addition
    version: str
    """Of the data set with it."""
    done: bool
    """Whether anything was changed."""
    trial: Trial | None = None


@dataclass(frozen=True)
class Wishes:
    """What was asked for beyond the file itself."""

    partition: str = ""
    replace: bool = False
    gap: bool = False
    dry_run: bool = False


def decide(found: Sequence[File], name: str, label: str, digest: str, size: int) -> Addition:
    """Return what a file would be among those that are there; nothing is read."""
    others = [file for file in found if file.name != name]
    known = next((file for file in found if file.name == name), None)
    kind = _kind(known, digest)
    labels = [file.label for file in others if file.label and file.actual]
    twin = next((file.name for file in others if file.actual == digest), "")
    before = set(partition.gaps(labels))
    gap = tuple(one for one in partition.gaps([*labels, label]) if one not in before) if label and labels and kind == "new" else ()
    newest = max(labels, default="")
    return Addition(name, label, digest, size, kind, twin, gap, newest if label and kind == "new" and label < newest else "")


def _kind(known: File | None, digest: str) -> str:
    if known is None or known.recorded is None:
        return "new"
    if known.recorded == digest:
        return "same" if known.actual == digest else "back"
    return "other"


def refusal(data: DataSet, found: Sequence[File], item: Addition, wishes: Wishes) -> MlopsError | None:
    """Return why a file is not added as things are, with what to do; None where it may be tried."""
    others = tuple(file for file in found if file.name != item.name)
    return _misnamed(others, item) or _beside(data, others, item) or _in_the_way(item, wishes)


def _misnamed(others: Sequence[File], item: Addition) -> MlopsError | None:
    labels = [file.label for file in others if file.label and file.recorded]
    usual = partition.period(labels)
    if not item.label or not usual or usual == partition.period([item.label]):
        return None
    hint = f"Say which one it is, in the form of the others: --partition {max(labels)}"
    return UsageError(f"{item.label!r} is no partition like the others, such as {max(labels)}", where=item.name, hint=hint)


def _beside(data: DataSet, others: Sequence[File], item: Addition) -> MlopsError | None:
    if item.twin:
        hint = "Ask for the right file; nothing was added."
        return JobFailed(f"these are the bytes of {item.twin}, to the last one", where=item.name, hint=hint)
    wrong = tuple(file for file in others if file.trouble in {"gone", "altered"})
    if not wrong:
        return None
    hint = "\n".join(troubles(data, wrong)) + "\nNothing was added: it would be compared with a history that is not the recorded one."
    return JobFailed(f"{len(wrong)} of the files that are there are not as they were recorded", where=str(data.folder), hint=hint)


def _in_the_way(item: Addition, wishes: Wishes) -> MlopsError | None:
    if item.gap and not wishes.gap:
        hint = f"Add {partition.few(item.gap)} first. If they will never come: --gap; nothing was added."
        return JobFailed(f"{partition.few(item.gap)} would be missing between the others and {item.label}", where=item.name, hint=hint)
    if item.kind == "other" and not wishes.replace:
        said = f": {item.difference}" if item.difference else ""
        hint = "To put the new file in its place: --replace. The old one is kept, and `mlops data restore` brings it back. Nothing was changed."
        return JobFailed(f"{item.label or item.name} is there already, with other bytes{said}", where=item.name, hint=hint)
    return None


def add(
    data: DataSet, file: Path, wishes: Wishes, home: Path, digest: Callable[[Path], str], attempt: Callable[[DataSet, Path], Trial]
) -> Added:
    """Add a file to a data set, after it was held against the contract together with the others.

    Args:
        data: The data set.
        file: What to add.
        wishes: What else was asked for.
        home: The state folder.
        digest: What digests a file of the data set; one that remembers is quick.
        attempt: Tries the data set with the staged files (see candidate.py).

    Raises:
        UsageError: The file is not there, or no name for it can be made.
        JobFailed: It is refused as things are, or breaks the contract. Nothing was added.
        PlatformError: It cannot be written, or somebody else changes the data set now. Nothing was added.
    """
    name = _name(data, file, wishes.partition)
    with change.held(data.folder):
        change.settle(data.folder)
        found = files(data, digest)
        item = decide(found, name, data.label(name), digest_file(file).removeprefix("sha256:"), file.stat().st_size)
        if item.kind == "same":
            return Added(item, as_listed(data, found).version, done=False)
        item = replace(item, difference=_difference(data, item, file, home) if item.kind == "other" else None)
        no = refusal(data, found, item, wishes)
        if no is not None:
            raise no
        return _try(data, file, item, found, home, attempt, dry_run=wishes.dry_run)


def _name(data: DataSet, file: Path, wanted: str) -> str:
    if not file.is_file():
        raise UsageError("there is no such file", where=str(file))
    if data.source is not None and not data.source.files:
        raise UsageError("this data set is not made of files: it is fetched", where=str(data.source.path), hint="make data")
    if not file.stat().st_size:
        raise JobFailed("the file is empty", where=str(file), hint="Ask for it again; nothing was added.")
    inside = file.resolve().relative_to(data.folder).as_posix() if file.resolve().is_relative_to(data.folder) else ""
    single = [name for name in data.sums if not data.label(name) and name.rpartition("/")[2] == file.name]
    if inside and not wanted and (data.label(inside) or inside in single):
        name = inside
    elif single and not wanted:
        name = single[0]
    elif data.pattern:
        name = partition.file_name(data.pattern, file, wanted)
    else:
        hint = f"It has {', '.join(data.sums)}. A file of the same name takes the place of one: --replace"
        raise UsageError("this data set does not come in partitions", where=str(data.folder), hint=hint)
    partition.check_place(data.folder, name)
    return name


def _difference(data: DataSet, item: Addition, file: Path, home: Path) -> Difference | None:
    """Return what changes in the rows; None where the file that was recorded cannot be had, or one of them is no table."""
    old = objects.find(data.folder, item.name, data.sums[item.name], home)
    if old is None:
        return None
    try:
        with objects.as_file(old, item.name, home) as path:
            return compare.difference(compare.table(path, data.source), compare.table(file, data.source), key_of(data, item.name))
    except (MlopsError, ValueError):
        return None


def key_of(data: DataSet, name: str) -> tuple[str, ...]:
    """Return the columns that name a row of a file, as the contract's table has them; the table is called as the file, or as its folder."""
    from mlops.contract.standard import load

    if data.contract is None:
        return ()
    tables = {table.name: table for table in load(data.contract).tables}
    table = tables.get(name.split("/", maxsplit=1)[0]) or tables.get(name.rpartition("/")[2].split(".")[0]) or next(iter(tables.values()))
    return table.key


def _try(
    data: DataSet,
    file: Path,
    item: Addition,
    found: Sequence[File],
    home: Path,
    attempt: Callable[[DataSet, Path], Trial],
    *,
    dry_run: bool,
) -> Added:
    sums = data.sums or {one.name: one.actual for one in found if one.actual}
    text = written({**sums, item.name: item.digest})
    with change.staged(data.folder, {item.name: file, SUMS: text}) as stage:
        if digest_file(stage / item.name) != f"sha256:{item.digest}":
            raise JobFailed("the file changed while it was read", where=str(file), hint="Wait until it is whole, and add it again.")
        trial = attempt(data, stage)
        if trial.failed:
            raise refused(item.label or item.name, item.name, stage, trial, home)
        before = as_listed(data, tuple(found))
        after = replace(before, files={**before.files, item.name: item.digest})
        if not dry_run:
            old = data.folder / item.name
            if old.is_file() and digest_file(old) != f"sha256:{item.digest}":
                objects.store(old, home)
            keep(home, before, data.folder)
            keep(home, after, data.folder)
            change.commit(data.folder, [item.name, SUMS])
    return Added(item, after.version, done=not dry_run, trial=trial)


def refused(what: str, name: str, stage: Path, trial: Trial, home: Path) -> JobFailed:
    """Keep a file that the pipeline's first steps refused, and the contract's page, aside, and return what is told.

    Args:
        what: A partition, or another word for it.
        name: Of the file below the data set's folder.
        stage: Where it is staged.
        trial: What the steps said.
        home: The state folder.

    Raises:
        PlatformError: It cannot be kept.
    """
    digest = digest_file(stage / name).removeprefix("sha256:")[:12]
    aside = home / "data" / "refused" / f"{what.replace('/', '-')}-{digest}"
    try:
        aside.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stage / name, aside / name.rpartition("/")[2])
        if trial.report:
            shutil.copyfile(trial.report, aside / "report.html")
    except OSError as error:
        raise unwritable(aside, error) from error
    write_atomic(aside / "reason.txt", trial.reason + "\n")
    first = (trial.reason.strip().splitlines() or [trial.failed])[0]
    kept = f"Kept aside, with the reason{' and the page' if trial.report else ''}: {shown(aside, Path.cwd())}"
    why = "breaks the contract" if trial.report else f"cannot be read: the step {trial.failed} refuses it"
    hint = f"{first}\n{kept}\nThe run: {shown(trial.folder, Path.cwd())}"
    return JobFailed(f"{what} {why}; nothing was changed", where=name, hint=hint)
