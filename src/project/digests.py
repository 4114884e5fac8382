"""Digests of raw files: nobody trains on a file that is not the one that was recorded."""

import hashlib
import sys
from pathlib import Path


def check_digests(folder, files, pattern):
    """Compare `files` with the folder's SHA256SUMS before a byte of them is used, and end the program at the first that differs.

    `pattern` names files of which none that is listed may be missing.
    """
    listed = read_sums(folder / "SHA256SUMS")
    missing = [name for name in listed if Path(name).match(pattern) and not (folder / name).is_file()]
    missing += [path.relative_to(folder).as_posix() for path in files if not path.is_file()]
    if missing:
        sys.exit(f"import: {folder / missing[0]} is missing. Get it back: git -C {folder} checkout -- {missing[0]}")
    for path in files:
        name = path.relative_to(folder).as_posix()
        record = f"cd {folder} && sha256sum {name} >> SHA256SUMS"
        if name not in listed:
            sys.exit(f"import: {path} is not listed in SHA256SUMS: nobody has vouched for it. If it is right: {record}")
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        if actual != listed[name]:
            sys.exit(
                f"import: {path} is not the file that was recorded: expected sha256 {listed[name]}, found {actual}. "
                f"Get it back: git -C {folder} checkout -- {name}. If the change is meant: sed -i '\\| {name}$|d' {folder}/SHA256SUMS; {record}"
            )


def read_sums(path):
    """Return name -> digest of a file as sha256sum writes it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        sys.exit(
            f"import: {path} cannot be read ({error.strerror}). Make it: cd {path.parent} && find . -name '*.csv*' | xargs sha256sum > SHA256SUMS"
        )
    return {name.lstrip("*").removeprefix("./"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}
