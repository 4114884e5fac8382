"""How often the loopback is asked, which may be asked more often than Azure."""

from collections.abc import Callable

from mlops.azure import connection, endpoint, online

PAUSES = ((connection, "PACE", 0.05), (connection, "POLL", 0.02), (endpoint, "POLL", 0.02), (online, "PAUSE", 0.02))


def hurry(put: Callable[[object, str, float], None] = setattr) -> None:
    """Shorten the pauses of this process; `put` is pytest's `monkeypatch.setattr` where they are to be as before afterwards."""
    for module, name, seconds in PAUSES:
        put(module, name, seconds)
