"""SHA-256, by the interpreter's own code for what is small: OpenSSL's, which is six times as fast, takes longer to load than a small run to hash."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash
    from io import BufferedReader

_SMALL = 16 * 1024


def _found() -> Callable[[bytes], _Hash]:
    for name in ("_sha2", "_sha256"):  # of Python 3.12, and before; the standard library's `random` takes its own hash so
        try:
            made: Callable[[bytes], _Hash] = importlib.import_module(name).sha256
        except ImportError:
            continue
        return made
    return importlib.import_module("hashlib").sha256  # type: ignore[no-any-return]


_own = _found()


def sha256(data: bytes) -> _Hash:
    """Return the hash of `data`, as `hashlib.sha256` does."""
    if len(data) <= _SMALL:
        return _own(data)
    import hashlib

    return hashlib.sha256(data)


def sha256_of(file: BufferedReader) -> _Hash:
    """Return the hash of what a file holds from where it stands."""
    data = file.read(_SMALL + 1)
    if len(data) <= _SMALL:
        return _own(data)
    import hashlib

    made, buffer = hashlib.sha256(data), memoryview(bytearray(1 << 18))
    while count := file.readinto(buffer):
        made.update(buffer[:count])
    return made
