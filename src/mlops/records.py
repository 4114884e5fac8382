"""Data classes that are made in a hundredth of the time: `dataclass`, `field` and `replace` in the place of the standard library's.

The standard library writes the source of six methods for every class, and compiles it, while a module is imported; `inspect`, which it
needs, takes as long as ten of them. A run of a few small steps imports some sixty such classes, and spent a third of its time on that. Here
the methods are shared, and only `__init__`, whose speed counts where there are thousands of steps, is compiled: of a class that many are made of.

What reads a module (a person, mypy, an editor) may take these classes for data classes, and so does `dataclasses` itself: its `asdict`,
`fields` and `replace` work on them. Modules that not every `mlops run` imports use the standard library's.
"""

from __future__ import annotations

import reprlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass, field, replace
    from typing import Any

__all__ = ["dataclass", "field", "plain", "replace"]

_NONE: Any = object()  # in the place of a default, where there is none
_LISTED = 20  # instances of a class that take less time to set field by field than one `__init__` to compile


class _Field:
    def __init__(self, default: Any = _NONE, *, default_factory: Any = _NONE, init: bool = True, repr: bool = True) -> None:  # noqa: A002 - its name
        self.default, self.default_factory, self.init, self.repr = default, default_factory, init, repr


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = False) -> Any:
    """Make a class a data class; the options are those of `dataclasses.dataclass`."""
    if cls is None:
        return lambda given: _made(given, frozen=frozen, slots=slots)
    return _made(cls, frozen=frozen, slots=slots)


def _made(cls: type, *, frozen: bool, slots: bool) -> type:
    fields = _fields(cls)
    _settle(cls, fields)
    if slots:
        cls = _slotted(cls, fields)
    methods: dict[str, Any] = {"__repr__": _shown, "__eq__": _equal, "__hash__": _hash if frozen else None}
    methods |= {"__setattr__": _refuse, "__delattr__": _refuse} if frozen else {}
    methods |= {"__getstate__": _values, "__setstate__": _restore} if frozen and slots else {}
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    cls.__records__ = fields  # type: ignore[attr-defined]
    cls.__dataclass_fields__ = _StandardFields()  # type: ignore[attr-defined]
    cls.__init__ = _first(cls, frozen=frozen)  # type: ignore[misc]
    return cls


def _fields(cls: type) -> dict[str, _Field]:
    """Return the fields of a class by name, those that it inherits first."""
    fields: dict[str, _Field] = {}
    for base in cls.__mro__[:0:-1]:
        fields |= base.__dict__.get("__records__", {})
    for name in cls.__dict__.get("__annotations__", ()):  # noqa: RUF063 - inspect takes longer to import than all of this
        given = cls.__dict__.get(name, _NONE)
        fields[name] = given if isinstance(given, _Field) else _Field(given)
    return fields


def _settle(cls: type, fields: dict[str, _Field]) -> None:
    """Put the default in the place of each `field(...)` of a class."""
    for name, one in fields.items():
        if cls.__dict__.get(name) is one:
            delattr(cls, name)
            if one.default is not _NONE:
                setattr(cls, name, one.default)


def _slotted(cls: type, fields: dict[str, _Field]) -> type:
    """Return the class anew, with a slot for each field that it does not inherit."""
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    without = {"__dict__", "__weakref__", *fields}
    body = {name: value for name, value in cls.__dict__.items() if name not in without}
    body |= {"__qualname__": cls.__qualname__, "__slots__": tuple(name for name in fields if name not in inherited)}
    return type(cls)(cls.__name__, cls.__bases__, body)


def _first(cls: Any, *, frozen: bool) -> Callable[..., None]:
    """Return an `__init__` that sets the fields by their list, and when it has been called often, or wrongly, puts a compiled one in its place."""
    left = _LISTED

    def __init__(self: Any, /, *args: Any, **named: Any) -> None:  # noqa: N807 - what a TypeError calls it
        nonlocal left
        left -= 1
        if left < 0 or not _listed(cls, self, args, named):
            cls.__init__ = _compiled(cls, frozen=frozen)
            cls.__init__(self, *args, **named)

    return __init__


def _listed(cls: Any, made: Any, args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Set the fields as they are given, and return whether that could be done: what is wrong is told by the compiled `__init__`."""
    given = dict(zip([name for name, one in cls.__records__.items() if one.init], args, strict=False))
    if len(given) < len(args) or not given.keys().isdisjoint(named):
        return False
    given |= named
    for name, one in cls.__records__.items():
        if one.init and name in given:
            value = given.pop(name)
        elif one.default_factory is not _NONE:
            value = one.default_factory()
        elif one.default is not _NONE and (one.init or "__slots__" in cls.__dict__):
            value = one.default
        elif one.init:
            return False
        else:
            continue
        object.__setattr__(made, name, value)
    if given:
        return False
    if hasattr(cls, "__post_init__"):
        made.__post_init__()
    return True


def _compiled(cls: Any, *, frozen: bool) -> Callable[..., None]:
    """Return the `__init__` that sets the fields one after the other: what a person would write."""
    known: dict[str, Any] = {"_none": _NONE, "_set": object.__setattr__}
    given, body = [], []
    for name, one in cls.__records__.items():
        value, optional = name, ""
        if one.default_factory is not _NONE:
            known[f"_make_{name}"] = one.default_factory
            value, optional = f"_make_{name}()" + f" if {name} is _none else {name}" * one.init, "=_none"
        elif one.default is not _NONE:
            known[f"_default_{name}"] = one.default
            value, optional = name if one.init else f"_default_{name}", f"=_default_{name}"
        if one.init:
            given.append(name + optional)
        if one.init or one.default_factory is not _NONE or (optional and "__slots__" in cls.__dict__):
            body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    body += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__(self, {', '.join(given)}):\n " + "\n ".join(body or ["pass"]), known)  # noqa: S102 - made of the names above
    made_init: Callable[..., None] = known["__init__"]
    made_init.__qualname__ = f"{cls.__qualname__}.__init__"
    return made_init


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__records__])


def _restore(self: Any, values: tuple[Any, ...]) -> None:
    for name, value in zip(self.__records__, values, strict=True):
        object.__setattr__(self, name, value)


def _equal(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


@reprlib.recursive_repr()
def _shown(self: Any) -> str:
    told = ", ".join([f"{name}={getattr(self, name)!r}" for name, one in self.__records__.items() if one.repr])
    return f"{type(self).__qualname__}({told})"


def _refuse(_self: Any, name: str, *_value: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


class _StandardFields:
    """What `dataclasses` looks for in a data class; it is made when it does."""

    def __get__(self, _: object, cls: Any) -> dict[str, Any]:
        import dataclasses

        described = [(name, "Any", dataclasses.field(**_standard(one))) for name, one in cls.__records__.items()]
        made: Any = dataclasses.make_dataclass(cls.__name__, described, kw_only=True)
        cls.__dataclass_fields__ = made.__dataclass_fields__
        return cls.__dataclass_fields__  # type: ignore[no-any-return]


def _standard(one: _Field) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if value is not _NONE}


def _replace(value: Any, /, **changes: Any) -> Any:
    """Return a data class's value with some of its fields changed."""
    return type(value)(**{name: getattr(value, name) for name, one in value.__records__.items() if one.init} | changes)


def plain(value: Any) -> dict[str, Any]:
    """Return the fields of a data class's value by name, as they are."""
    return {name: getattr(value, name) for name in value.__records__}


if not TYPE_CHECKING:
    dataclass, field, replace = _dataclass, _Field, _replace
