"""What a pointer points to, asked again: the file behind a URL, or what a database says now; held against the contract before it is taken."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets import change, compare, objects
from mlops.datasets.adding import key_of, refused
from mlops.datasets.address import name_of
from mlops.datasets.database import query
from mlops.datasets.elsewhere import cached, fetch
from mlops.datasets.listing import SOURCE, SUMS, keep, listing, recorded, written
from mlops.errors import MlopsError, UsageError
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops.datasets.candidate import Trial
    from mlops.datasets.compare import Difference
    from mlops.datasets.dataset import DataSet


@dataclass(frozen=True)
class News:
    """What is elsewhere now, where it is not what was recorded."""

    what: str
    before: str
    """sha256 of what was recorded, in hex; empty where nothing was."""
    after: str
    difference: Difference | None
    trial: Trial | None = None


@contextmanager
def news(data: DataSet, home: Path) -> Iterator[tuple[News, dict[str, Path | str]] | None]:
    """Yield what is new elsewhere, with the files that change in the data set; None where it is what was recorded, or all of it is here.

    Raises:
        UsageError: What the source names is not there, or a database has no `snapshot`.
        PlatformError: It cannot be reached.
    """
    source = data.source
    if source is None or source.files:
        yield None
    elif source.url:
        yield _of_url(data)
    elif not source.snapshot:
        hint = "Add `snapshot: data.parquet`: what the database said is then kept beside it, and has a digest."
        raise UsageError("the database is asked by every run, and nothing of it is kept", where=str(source.path), hint=hint)
    else:
        (home / "data").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home / "data", prefix="snapshot-") as folder:
            yield _of_database(data, Path(folder))


def _of_url(data: DataSet) -> tuple[News, dict[str, Path | str]] | None:
    source = data.source
    assert source is not None  # noqa: S101 - asked by `news`
    path = fetch(source.url)
    found = digest_file(path).removeprefix("sha256:")
    if found == source.sha256:
        return None
    old, text = cached(source.sha256), source.path.read_text(encoding="utf-8")
    text = text.replace(source.sha256, found) if source.sha256 else f"{text.rstrip()}\nsha256: {found}\n"
    return News(name_of(source.url), source.sha256, found, _difference(data, old, path)), {SOURCE: text}


def _of_database(data: DataSet, folder: Path) -> tuple[News, dict[str, Path | str]] | None:
    import pyarrow.parquet as pq

    source = data.source
    assert source is not None  # noqa: S101 - asked by `news`
    old, new = data.folder / source.snapshot, folder / "new.parquet"
    pq.write_table(query(source), new, compression="zstd")
    sums, found = recorded(data.folder), digest_file(new).removeprefix("sha256:")
    difference = _difference(data, old if old.is_file() else None, new)
    if old.is_file() and (digest_file(old) == f"sha256:{found}" or (difference and not difference.any)):
        return None
    files: dict[str, Path | str] = {source.snapshot: new, SUMS: written({**sums, source.snapshot: found})}
    return News(source.snapshot, sums.get(source.snapshot, ""), found, difference), files


def _difference(data: DataSet, old: Path | None, new: Path) -> Difference | None:
    if old is None:
        return None
    try:
        return compare.difference(compare.table(old, data.source), compare.table(new, data.source), key_of(data, ""))
    except (MlopsError, ValueError):
        return None


def refresh(data: DataSet, home: Path, attempt: Callable[[DataSet, Path | None], Trial]) -> News | None:
    """Fetch what is elsewhere, and take it where it keeps the contract; what was there before is kept.

    Args:
        data: The data set.
        home: The state folder.
        attempt: Tries the data set with the staged files (see candidate.py).

    Returns:
        What was new, with what the pipeline's first steps said of it; None where nothing was.

    Raises:
        JobFailed: It breaks the contract. The old data stay.
        PlatformError: It cannot be fetched or written, or somebody else changes the data set now.
    """
    with change.held(data.folder, wait=True):
        change.settle(data.folder)
        with news(data, home) as found:
            if found is None:
                return None
            item, files = found
            with change.staged(data.folder, files) as stage:
                trial = attempt(data, stage)
                if trial.failed:
                    raise refused(item.what, next(iter(files)), stage, trial, home)
                _take(data, files, home)
    return News(item.what, item.before, item.after, item.difference, trial)


def _take(data: DataSet, files: dict[str, Path | str], home: Path) -> None:
    keep(home, listing(data.folder), data.folder)
    for name in files:
        if (data.folder / name).is_file() and name != SUMS:
            objects.store(data.folder / name, home)
    change.commit(data.folder, list(files))
    keep(home, listing(data.folder), data.folder)
