"""A small data set of three months of visits, under git, and what tries it: a stand-in for the pipeline's first steps, or a pipeline itself."""

import gzip
import hashlib
import os
import subprocess
from pathlib import Path

from mlops.datasets.adding import Wishes, add
from mlops.datasets.candidate import Trial
from mlops.datasets.dataset import DataSet, as_listed, files
from mlops.files import digest_file
from mlops.spec.values import Asset, Pipeline

HEADER = "id,month,pages\n"
GIT = {
    **os.environ,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def month(label, *, pages=3, rows=4):
    """Return a month's file: the same label gives the same bytes."""
    lines = [f"{label}-{n},{label},{pages + n}" for n in range(rows)]
    return gzip.compress((HEADER + "\n".join(lines) + "\n").encode(), mtime=0)


def git(folder, *words):
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env=GIT).stdout.strip()


class Visits:
    """The data set in a folder whose name has a blank, its state folder, and new files beside it."""

    source = None

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.home = root, root / "data/the visits", root / ".mlops"
        (self.folder / "days").mkdir(parents=True)
        self.home.mkdir(exist_ok=True)
        for label in ("2024-01", "2024-02", "2024-03"):
            (self.folder / f"days/{label}.csv.gz").write_bytes(month(label))
        (self.folder / "shops.csv").write_text("shop\neast\n")
        self.record()
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        (root / ".gitignore").write_text(".mlops/\n*.gz-new\n")
        self.commit("Begin")
        self.tried = []

    @property
    def data(self) -> DataSet:
        pipeline = Pipeline(
            self.root / "train.yml", "", "", "", {}, {"data": Asset(self.folder, "uri_folder")}, {}, {}, False, False, {}, ()
        )
        return DataSet(self.folder, "data", pipeline, None, self.source.files if self.source else "days/*.csv.gz", self.source)

    def record(self) -> None:
        found = sorted(path for path in self.folder.rglob("*.csv*") if path.is_file())
        lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(self.folder).as_posix()}\n" for path in found]
        (self.folder / "SHA256SUMS").write_text("".join(lines))

    def commit(self, message):
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", message)
        return git(self.root, "rev-parse", "HEAD")

    def new(self, label, name="", **how) -> Path:
        """Write a month beside the data set, to be added."""
        path = self.root / "new" / (name or f"{label}.csv.gz")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(month(label, **how))
        return path

    def add(self, file, *, fails="", **wishes):
        """Add a file; the stand-in for the pipeline says that all is well, or that the step `fails` failed."""

        def attempt(data, stage):
            self.tried.append(sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file()))
            return Trial(7, self.home / "runs/7", fails, "pages must be at most 9" if fails else "", "3 expectations", None, {})

        return add(self.data, file, Wishes(**wishes), self.home, digest_file, attempt)

    @property
    def version(self) -> str:
        return as_listed(self.data, files(self.data, digest_file)).version

    @property
    def state(self) -> dict[str, str]:
        """Every file of the folder with its digest: what must be the old or the new."""
        return {path.relative_to(self.folder).as_posix(): digest_file(path) for path in self.folder.rglob("*") if path.is_file()}
