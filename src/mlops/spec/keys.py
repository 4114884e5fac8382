"""What a key of the language takes, and what becomes of it on this machine.

Every mapping of a file is judged by a table of these: a key is executed with its documented meaning, accepted without effect because it has
no meaning on one machine, or refused with the reason and the nearest thing that works. A key that no table has is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Check = Callable[[Any], str | None]
    """Says why a value is not what a key takes, or None."""

EXECUTED, WITHOUT_EFFECT, REFUSED = "executed", "accepted without effect", "refused"


def anything(value: Any) -> str | None:
    """Any value at all; whoever reads the key looks closer."""
    del value
    return None


def text(value: Any) -> str | None:
    """A string."""
    return None if isinstance(value, str) else f"{value!r} is not a text"


def word(value: Any) -> str | None:
    """A string, or a number or boolean that stands for one."""
    return None if isinstance(value, str | int | float) else f"{value!r} is not a text"


def whole(value: Any) -> str | None:
    """A whole number, also as text."""
    try:
        right = not isinstance(value, bool) and float(value) == int(value)
    except (TypeError, ValueError):
        right = False
    return None if right else f"{value!r} is not a whole number"


def counted(value: Any) -> str | None:
    """A whole number from 1."""
    return whole(value) or (None if int(value) > 0 else f"{value!r} is not above zero")


def number(value: Any) -> str | None:
    """A number, also as text."""
    try:
        float(value)
    except (TypeError, ValueError):
        return f"{value!r} is not a number"
    return f"{value!r} is not a number" if isinstance(value, bool) else None


def seconds(value: Any) -> str | None:
    """A time above zero."""
    return number(value) or (None if float(value) > 0 else f"{value!r} is not a number of seconds above zero")


def truth(value: Any) -> str | None:
    """A boolean."""
    return None if isinstance(value, bool) or str(value).lower() in {"true", "false"} else f"{value!r} is not a boolean: true or false"


def mapping(value: Any) -> str | None:
    """A mapping of names."""
    return None if isinstance(value, dict) else f"{value!r} is not a mapping of names"


def words(value: Any) -> str | None:
    """A mapping of names to texts, numbers or booleans."""
    bad = mapping(value) or next((f"{name!r} has {one!r}, which is not a text" for name, one in value.items() if _bad_word(one)), None)
    return str(bad) if bad else None


def _bad_word(value: Any) -> bool:
    return value is not None and not isinstance(value, str | int | float)


def texts(value: Any) -> str | None:
    """A list of strings."""
    if not isinstance(value, list):
        return f"{value!r} is not a list"
    return next((f"{one!r} is not a text" for one in value if not isinstance(one, str)), None)


def strings(value: Any) -> str | None:
    """A mapping of names to strings."""
    bad = mapping(value) or next(
        (f"{name!r} has {one!r}, which is not a text" for name, one in value.items() if not isinstance(one, str | None)), None
    )
    return f"{bad}: put it in quotes" if bad and not mapping(value) else bad


def one_of(*allowed: str) -> Check:
    """One of the words, whatever the case of their letters."""

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and plain(value, allowed) in allowed else f"{value!r} is not one of {', '.join(allowed)}"

    return check


def plain(value: object, allowed: Iterable[str]) -> str:
    """Return an enumerated word as the schemas spell it: `RunFunction` and `run_function` are the same word."""
    bare = str(value).lower().replace("_", "")
    return next((one for one in allowed if one.replace("_", "") == bare), str(value).lower())


@dataclass(frozen=True)
class Key:
    """One key of one mapping: what it takes, its fate here, and why where it is not executed."""

    takes: Check = anything
    fate: str = EXECUTED
    why: str = ""
    hint: str = ""
    inner: Mapping[str, Key] | None = None
    """The keys of the mapping below this one, where it is one of known keys."""
    each: Mapping[str, Key] | None = None
    """The keys of every mapping in the mapping below this one, whatever their names."""
    required: bool = False


Table = Mapping[str, Key]


def without_effect(
    takes: Check = anything, why: str = "", *, inner: Mapping[str, Key] | None = None, each: Mapping[str, Key] | None = None
) -> Key:
    """Return a key that means something on Azure ML and nothing on one machine."""
    return Key(takes, WITHOUT_EFFECT, why, inner=inner, each=each)


def refused(why: str, hint: str = "") -> Key:
    """Return a key that cannot be executed here."""
    return Key(anything, REFUSED, why, hint)
