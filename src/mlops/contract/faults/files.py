"""Files that are not what they were sent as. Each function changes a plain CSV file in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Family

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

files = Family("files")
FRICTIONLESS = "https://v4.framework.frictionlessdata.io/docs/guides/validation-guide"
RFC = "https://www.rfc-editor.org/rfc/rfc4180"


@files.of_file("https://github.com/pandas-dev/pandas/issues/12098", share=0.4)
def gzip_cut_short(path: Path, chance: np.random.Generator) -> None:
    """The compressed file was cut in transfer, before its digest was taken."""
    import gzip

    whole = gzip.compress(path.read_bytes())
    path.write_bytes(whole[: int(len(whole) * chance.uniform(0.5, 0.9))])


@files.of_file(FRICTIONLESS, share=0.4)
def cut_within_a_line(path: Path, chance: np.random.Generator) -> None:
    """The disk was full: the file ends in the middle of a line."""
    whole = path.read_bytes()
    cut = int(len(whole) * chance.uniform(0.5, 0.8))
    path.write_bytes(whole[: whole.index(b"\n", cut) - 3])


@files.of_file("https://dvc.org/doc/user-guide/troubleshooting", recorded=False, share=0.0)
def one_bit_turned(path: Path, chance: np.random.Generator) -> None:
    """After the digest was taken, one digit changed on the disk."""
    whole = bytearray(path.read_bytes())
    digits = [at for at in range(len(whole) // 2, len(whole)) if chr(whole[at]) in "13579"]
    whole[int(chance.choice(digits))] ^= 1
    path.write_bytes(bytes(whole))


@files.of_file("https://dvc.org/doc/user-guide/troubleshooting", recorded=False, share=0.5)
def half_uploaded(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """After the digest was taken, half of the file was uploaded."""
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\n", len(whole) // 2) + 1])


@files.of_file("https://docs.python.org/3/library/codecs.html#encodings-and-unicode", harmless=True)
def byte_order_mark(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file begins with a byte order mark."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


@files.of_file(RFC, harmless=True)
def windows_line_ends(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """Lines end as on Windows."""
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


@files.of_file("https://github.com/whitfin/s3-concat/issues/3", share=0.0)
def header_again_inside(path: Path, chance: np.random.Generator) -> None:
    """Files were put one after the other, and the header stands inside again."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(int(chance.integers(2, len(lines) - 1)), lines[0])
    path.write_bytes(b"".join(lines))


@files.of_file(RFC)
def semicolons(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """Fields are told apart by semicolons now."""
    path.write_bytes(path.read_bytes().replace(b",", b";"))


@files.of_file(RFC)
def tabs(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """Fields are told apart by tabs now."""
    path.write_bytes(path.read_bytes().replace(b",", b"\t"))


@files.of_file("https://docs.python.org/3/library/codecs.html#encodings-and-unicode")
def utf_16(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file is in UTF-16."""
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")


@files.of_file("https://en.wikipedia.org/wiki/Mojibake", share=0.0)
def latin_1(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file is in Latin-1, and an accent is in it."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b",", b"\xe9,", 1)
    path.write_bytes(b"".join(lines))


@files.of_file(FRICTIONLESS)
def nothing_in_it(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file has no byte in it."""
    path.write_bytes(b"")


@files.of_file(FRICTIONLESS)
def page_of_an_error(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file is the page that says that the server was busy."""
    path.write_text("<!DOCTYPE html>\n<html><head><title>503</title></head>\n<body>Service Unavailable</body></html>\n", encoding="utf-8")


@files.of_file("https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md")
def pointer_of_git_lfs(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The file is what Git LFS leaves where it was not installed."""
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 12345\n", encoding="utf-8")


@files.of_file("https://git-scm.com/docs/git-merge#_how_conflicts_are_presented", share=0.0)
def marks_of_a_merge(path: Path, chance: np.random.Generator) -> None:
    """The marks of an unfinished merge stand among the rows."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(int(chance.integers(2, len(lines) - 1)), b"<<<<<<< HEAD\n")
    path.write_bytes(b"".join(lines))


@files.of_file(FRICTIONLESS)
def no_header(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The header is not there."""
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])


@files.of_file(FRICTIONLESS)
def a_column_twice(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """The first column is there twice, under one name."""
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(line + b"," + line.split(b",", 1)[0] for line in lines) + b"\n")


def _instead_of_a_comma(path: Path, chance: np.random.Generator, what: bytes) -> None:
    """Put something in the place of the first comma, in one row of a hundred."""
    lines = path.read_bytes().splitlines(keepends=True)
    for at in chance.choice(range(1, len(lines)), size=max(1, len(lines) // 100), replace=False):
        lines[at] = lines[at].replace(b",", what, 1)
    path.write_bytes(b"".join(lines))


@files.of_file(FRICTIONLESS, share=0.01)
def a_field_too_many(path: Path, chance: np.random.Generator) -> None:
    """A comma in a value without quotes makes one field more in some rows."""
    _instead_of_a_comma(path, chance, b",x,")


@files.of_file(RFC, share=0.01)
def broken_lines(path: Path, chance: np.random.Generator) -> None:
    """A line break in a value without quotes makes two rows of one."""
    _instead_of_a_comma(path, chance, b"\n,")


@files.of_file(RFC, share=0.5)
def a_quote_left_open(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """A quotation mark is opened in the middle and not closed: all that follows is one field."""
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = b'"' + lines[middle]
    path.write_bytes(b"".join(lines))


@files.of_file("https://man7.org/linux/man-pages/man2/fallocate.2.html", share=0.1)
def block_of_nul_bytes(path: Path, chance: np.random.Generator) -> None:  # noqa: ARG001
    """Power was lost: a block of the file is NUL bytes."""
    whole = bytearray(path.read_bytes())
    start = len(whole) // 2
    size = min(4096, len(whole) // 10)
    whole[start : start + size] = bytes(size)
    path.write_bytes(bytes(whole))
