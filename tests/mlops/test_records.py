"""Our data classes are the standard library's, but for the time that they take to be made."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mlops import records

OURS, THEIRS = records, dataclasses
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 2), {}),
    ((), {"b": 3}),
    ((1,), {"c": [4]}),
    ((1, 2, [], 4), {}),
    ((1,), {"a": 2}),
]


def point(of: Any, **options: bool) -> type:
    @of.dataclass(**options)
    class Point:
        a: int
        b: object = 2
        c: list[int] = of.field(default_factory=list)
        d: str = of.field(default="d", init=False, repr=False)

    return Point


def told(of: type, given: tuple[Any, ...], named: dict[str, Any]) -> list[str]:
    """Return what is seen of a value that is made so, by each look at it."""
    return [outcome(look, of, given, named) for look in LOOKS]


LOOKS: list[Callable[[Any], Any]] = [
    repr,
    vars,
    dataclasses.asdict,
    lambda value: value == copy.copy(value),
    lambda value: value == 1,
    lambda value: setattr(value, "a", 5),
    lambda value: value.unknown,
    lambda value: (value.b, value.c, value.d),
]


def outcome(look: Callable[[Any], Any], of: type, given: tuple[Any, ...], named: dict[str, Any]) -> str:
    try:
        return repr(look(of(*given, **named)))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"slots": True}, {"frozen": True, "slots": True}], ids=str)
def test_a_class_behaves_as_the_standard_library_s(options: dict[str, bool]) -> None:
    ours, theirs = point(OURS, **options), point(THEIRS, **options)
    for given, named in [*CALLS, *CALLS]:  # the second time, __init__ is another function: it was called often enough
        assert told(ours, given, named) == told(theirs, given, named)
    assert hasattr(ours, "__dict__") == hasattr(theirs, "__dict__")
    assert [one.name for one in dataclasses.fields(ours)] == [one.name for one in dataclasses.fields(theirs)]


def test_frozen_values_are_keys_and_others_are_not() -> None:
    frozen = records.dataclass(frozen=True)(type("P", (), {"__annotations__": {"a": int}}))
    assert {frozen(1): "one"}[frozen(1)] == "one"
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(OURS)(1))


def test_a_changed_copy_is_made_by_either_replace() -> None:
    value = point(OURS, frozen=True)(1)
    assert records.replace(value, b=7) == dataclasses.replace(value, b=7) != value


@records.dataclass(frozen=True, slots=True)
class Above:
    a: int


@records.dataclass(frozen=True, slots=True)
class Below(Above):
    b: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", self.a + self.b)


def test_fields_are_inherited_and_come_first() -> None:
    assert repr(Below(1)) == "Below(a=1, b=3)"


def test_a_frozen_value_with_slots_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Below(1))) == Below(1)


def test_a_trivial_run_imports_nothing_that_is_slow_and_not_needed(tmp_path: Any) -> None:
    (tmp_path / "job.yml").write_text("type: command\ncommand: echo hello\nenvironment: azureml:any@latest\n")
    code = (
        "import os, sys\nfrom mlops.cli import main\nmain(['run', 'job.yml'])\n"
        "print(sorted({'dataclasses', 'inspect', 'zipfile', 'difflib', 'sqlite3', 'asyncio', 'mlflow', 'rich'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
