"""The sheets of an Excel file as rows of values."""

from __future__ import annotations

import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from mlops.datasets.parts import sample, whole
from mlops.errors import UsageError
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

_OLD = b"\xd0\xcf\x11\xe0"


def names(path: Path) -> list[str]:
    """Return the names of the sheets of a workbook. Raises as `rows`."""
    return list(_book(path).sheetnames)


def rows(path: Path, sheet: str) -> list[list[Any]]:
    """Return the values of a sheet (of the first, without a name), less empty rows at its end.

    Raises:
        UsageError: It is no workbook, asks for a password, or has no such sheet.
    """
    book = _book(path)
    if sheet and sheet not in book.sheetnames:
        raise UsageError(f"there is no sheet {sheet!r}", where=str(path), hint=did_you_mean(sheet, book.sheetnames, label="sheets"))
    found = [list(row) for row in (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)]
    while found and all(value is None for value in found[-1]):
        found.pop()
    while found and found[0] and all(not row or row[-1] is None for row in found):
        found = [row[:-1] for row in found]
    return found


def _book(path: Path) -> Any:
    import openpyxl  # type: ignore[import-untyped]

    if sample(path, 4) == _OLD:
        raise UsageError(
            "it asks for a password, or is an Excel file of before 2007", where=str(path), hint="Save it as .xlsx without a password."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(whole(path), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UsageError(f"not an Excel file: {error}", where=str(path), hint="Save it as .xlsx.") from error
