"""The bytes of assets, each kept once under its digest and read-only: a copy, for what was registered must not change with its source."""

from __future__ import annotations

import os
from pathlib import Path

from mlops.errors import UsageError
from mlops.files import digest_file, digest_folder, linked, unwritable
from mlops.local.snapshot import read_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of a folder by their names in it, less what `.amlignore` (or `.gitignore`) leaves out, as an upload would take them.

    Raises:
        UsageError: There are none.
    """
    found = dict(read_code("", path).files)
    if not found:
        raise UsageError("the folder holds no file", where=str(path), hint="Put the data in, or look at its .amlignore.")
    return found


class Objects:
    """Files and folders below `folder`, each at `<digest>/<its name>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, path: Path, *, link: bool = False) -> tuple[Path, str]:
        """Keep a file or a folder; return where it is now, and its digest.

        Args:
            path: What to keep.
            link: Share the bytes with `path` where the file system can: for what nobody will write to again.

        Raises:
            UsageError: The folder is empty.
            PlatformError: The disk is full, or not writable.
        """
        files = files_of(path) if path.is_dir() else None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            import tempfile

            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as stage:
                staged = Path(stage) / path.name
                _lay_out({"": path} if files is None else files, staged, link=link)
                return self._settle(staged)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _settle(self, staged: Path) -> tuple[Path, str]:
        digest = digest_folder(staged) if staged.is_dir() else digest_file(staged)
        kept = self.folder / digest.removeprefix("sha256:") / staged.name
        kept.parent.mkdir(exist_ok=True)
        if not kept.exists():
            os.rename(staged, kept)
        return kept, digest


def _lay_out(files: Mapping[str, Path], target: Path, *, link: bool) -> None:
    for name, path in files.items():
        place = target / name if name else target
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (link and linked(path, place)):
            import shutil

            shutil.copyfile(path, place)
            place.chmod(0o444)
