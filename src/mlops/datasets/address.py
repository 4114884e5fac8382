"""The address of data elsewhere, a URL: what in it is secret stands there as `${NAME}`, comes from the environment, and is told to nobody.

An address goes into source.yml and the data card, which are committed; so one in which a secret is written out is refused. What is filled in
at the last moment may come back in a message of a server or a driver: `masked` takes it out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus

from mlops.errors import UsageError

_NAME = re.compile(r"\$\{(\w+)\}")
_FILLED = re.compile(r"(\$\{\w+\})+")
_PARTS = re.compile(r"(?:(?P<kind>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", re.DOTALL)
"""RFC 3986, appendix B: it takes any text, where `urlsplit` raises for some."""
_TORN = re.compile(r"://[^:/@\s]*:(?!\d+/)(?!\$\{)[^@\s#]+@")
"""A password with a slash or a question mark in it, which ends the authority too soon."""
_SECRET = re.compile(
    r"passw(or)?d|pwd|passphrase|token|secret|signature|api.?key|access.?key|(^|.*[-_])(key|sig|auth|pass)$", re.IGNORECASE
)
"""Names of a query's fields whose value opens something: of databases, SAS (`sig`), and signed addresses (`X-Amz-Signature`)."""
_INSIDE = re.compile(r"(?:pwd|password)\s*=\s*([^;]+)", re.IGNORECASE)
"""A field of a connection string of ODBC, which is one value of a query."""


def secret(url: str) -> bool:
    """Return whether a secret is written out in a URL: a password or token before the host, or in a field of the query."""
    found = _PARTS.match(url)
    if not found or "://" not in url:
        return False
    kind, people = (found["kind"] or "").lower(), (found["authority"] or "").rpartition("@")[0]
    user, _, password = people.partition(":")
    given = [password, *([user] if kind in {"http", "https"} else [])]
    for name, value in parse_qsl(found["query"] or "", keep_blank_values=True):
        given += [value] if _SECRET.search(name) else _INSIDE.findall(value)
    return any(word and not _FILLED.fullmatch(word) for word in given) or _TORN.search(url) is not None


def filled(url: str) -> str:
    """Return a URL with the values of its `${NAME}`, quoted as a URL needs it.

    Raises:
        UsageError: A variable is not set.
    """
    absent = [name for name in _NAME.findall(url) if name not in os.environ]
    if absent:
        raise UsageError(f"the variable {absent[0]} is not set", where=url, hint=f"export {absent[0]}=...")
    return _NAME.sub(lambda match: quote(os.environ[match[1]], safe=""), url)


def masked(message: str, url: str) -> str:
    """Return the first line of a message about a URL with `${NAME}` in the place of each value that was filled in, however it is quoted."""
    values = {name: os.environ.get(name, "") for name in _NAME.findall(url)}
    told = (message.splitlines() or [""])[0]
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        for form in filter(None, {value, quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}):
            told = told.replace(form, f"${{{name}}}")
    rest = _NAME.sub("", told)
    if any(value and value in text for value in values.values() for text in (rest, unquote(rest), unquote_plus(rest))):
        return "its message is not shown, for it holds a secret"
    return told[:200]


def name_of(url: str) -> str:
    """Return the name of the file that a URL is about."""
    found = _PARTS.match(url)
    return Path(unquote(found["path"] if found else "")).name or "data"
