"""What text looks like that nobody meant: blanks at its ends, characters of another encoding, words that stand for a missing value."""

from __future__ import annotations

import re

MISSING = frozenset(
    {"", "-", "--", "?", ".", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "undefined", "not available"}
)
"""Words (in small letters) that people and programs write where they have no value (pandas' own list, and what databases print)."""
NUMBERS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, -99999.0)
"""Numbers that stand for a missing value in many tables."""
DAYS = ("1900-01-01", "1970-01-01", "1899-12-30", "9999-12-31", "0001-01-01")
_BROKEN = re.compile("[ÃÂâ][\u0080-\u00bf\u2018-\u203a\u20ac\u2122]|\u00ef\u00bf\u00bd|\ufffd|[\u0000-\u0008\u000b\u000c\u000e-\u001f]")
"""UTF-8 read as Latin-1 or Windows-1252, the sign for what could not be read, and control characters."""

_ACTIVE = re.compile(r"[=@+][A-Za-z(|]|<[A-Za-z/!]")
"""What a spreadsheet or a browser would carry out."""


def untidy(value: object) -> str:
    """Return what is wrong with a text, in words; empty where nothing is, or where it is no text."""
    if not isinstance(value, str):
        return ""
    if value.strip().lower() in MISSING:
        return "a word for a missing value"
    if value != value.strip():
        return "blanks at an end"
    if _ACTIVE.match(value):
        return "a formula or a tag"
    return "characters of another encoding" if _BROKEN.search(value) else ""
