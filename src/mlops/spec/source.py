"""YAML whose every value knows its line: the reader under pipelines, components and environments.

`read(path)` gives a `Source`: plain dicts, lists and scalars in `.value`, and the place of each by its path of keys, so that a mistake
found late is still told with file, line and the line's text. Only plain data is built (no tags, no object construction), a key given
twice is a mistake, and so are aliases that would blow up ("billion laughs").

Places are most of the work and of the memory, and are wanted only where something is wrong: a first reading makes the values alone, and
leaves to a second one what is wrong, or rare (aliases, merged keys, tags).
"""

from __future__ import annotations

import contextlib
import gc
import sys
from functools import cached_property

from mlops.errors import Problem, SpecError
from mlops.late import compiled_late
from mlops.records import dataclass, field

with compiled_late("yaml."):
    import yaml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

Keys = tuple[str | int, ...]
Mark = tuple[int, int, int]
"""Line and column from 0, and the length on that line."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 200_000
_TOO_MANY = f"more than {_MOST_NODES:,} values (aliases count each time they are used)"
_YAML = "tag:yaml.org,2002:"
_TEXT = f"{_YAML}str"
_KEYS_OF_TEXT = (_TEXT, f"{_YAML}bool")
"""`on`, `off`, `yes` and `no` are booleans in YAML 1.1, and words to anyone who writes them as a key."""
_PLAIN = {"map", "seq", "str", "int", "float", "bool", "null", "timestamp"}


@dataclass(frozen=True)
class Source:
    """One YAML file: its data, its text, and where each value stands."""

    path: Path
    value: Any
    text: str = field(default="", repr=False)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return tuple(self.text.splitlines())

    @property
    def marks(self) -> dict[Keys, Mark]:
        """Path of keys -> where the value stands."""
        return self._places[0]

    @property
    def key_marks(self) -> dict[Keys, Mark]:
        """Path of keys -> where the last key stands."""
        return self._places[1]

    @cached_property
    def _places(self) -> tuple[dict[Keys, Mark], dict[Keys, Mark]]:
        builder = _Builder(self.path, self.lines)
        root = yaml.compose(self.text, Loader=_LOADER)
        if root is not None:
            builder.build(root, ())
        return builder.marks, builder.key_marks

    def problem(self, keys: Keys, message: str, hint: str | None = None, *, at_key: bool = False) -> Problem:
        """Return a problem at the value (or its key) that `keys` leads to; where there is none, at the nearest parent."""
        marks = self.key_marks if at_key else self.marks
        probe = keys
        while probe and probe not in marks:
            probe = probe[:-1]
        line, column, length = marks.get(probe, (0, 0, 1))
        text = self.lines[line] if line < len(self.lines) else ""
        return Problem(str(self.path), line + 1, column + 1, message, hint, text, length)

    def fail(self, keys: Keys, message: str, hint: str | None = None, *, at_key: bool = False) -> SpecError:
        """Return the error that holds this one problem."""
        return SpecError([self.problem(keys, message, hint, at_key=at_key)])


def read(path: Path, *, text: str | None = None) -> Source:
    """Read one YAML file.

    Raises:
        SpecError: It cannot be read, is not UTF-8, is not YAML, holds a key twice, or is too large to be meant.
    """
    if text is None:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise SpecError(
                [Problem(str(path), 1, 1, f"not UTF-8: {error.reason} at byte {error.start}", "Save the file as UTF-8.")]
            ) from error
        except OSError as error:
            raise SpecError([Problem(str(path), 1, 1, f"cannot read it: {error.strerror}", "Check the path.")]) from error
    try:
        with no_collection():
            return Source(path, _Stream(text).document(), text)
    except _UnusualError:
        return _read_placed(path, text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_yaml(path, text, error) from error


def _read_placed(path: Path, text: str) -> Source:
    builder = _Builder(path, tuple(text.splitlines()))
    try:
        with no_collection():
            root = yaml.compose(text, Loader=_LOADER)
            value = builder.build(root, ()) if root is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_yaml(path, text, error) from error
    if builder.problems:
        raise SpecError(builder.problems)
    return Source(path, value, text)


def _not_yaml(path: Path, text: str, error: Exception) -> SpecError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = text.splitlines()
        at = lines[line] if line < len(lines) else ""
        return SpecError([Problem(str(path), line + 1, column + 1, f"not YAML: {error.problem}", error.context, at)])
    return SpecError([Problem(str(path), 1, 1, f"not YAML: {error}")])


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Hold the garbage collector off: it goes through all nodes again and again while they are made, which is two thirds of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _UnusualError(Exception):
    """The text has something that is wrong, or that takes more than one look."""


class _Stream:
    """Makes the data of a text as it streams by: there is no tree of nodes, and a word that comes again is the same object.

    What has aliases, merged keys, tags, a second document, or keys that come twice or are no words raises `_UnusualError`.
    """

    def __init__(self, text: str) -> None:
        self.loader = _LOADER(text)
        self.scalars = _LOADER("")
        self.words: dict[str, Any] = {}
        self.names: dict[str, Any] = {}
        self.count = 0

    def document(self) -> Any:
        self.loader.get_event()
        if type(self.loader.get_event()) is yaml.StreamEndEvent:
            return None
        value = self.build(self.loader.get_event())
        self.loader.get_event()
        if type(self.loader.get_event()) is not yaml.StreamEndEvent:
            raise _UnusualError
        return value

    def build(self, event: Any) -> Any:
        self.count += 1
        if self.count > _MOST_NODES:
            raise ValueError(_TOO_MANY)
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self.word(event, self.words, (_TEXT,))
        if kind is yaml.AliasEvent or event.tag is not None:
            raise _UnusualError
        return self.mapping() if kind is yaml.MappingStartEvent else self.sequence()

    def mapping(self) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        while type(event := self.loader.get_event()) is yaml.ScalarEvent:
            key = self.word(event, self.names, _KEYS_OF_TEXT)
            if key in made:
                raise _UnusualError
            made[key] = self.build(self.loader.get_event())
        if type(event) is not yaml.MappingEndEvent:
            raise _UnusualError
        return made

    def sequence(self) -> list[Any]:
        made = []
        while type(event := self.loader.get_event()) is not yaml.SequenceEndEvent:
            made.append(self.build(event))
        return made

    def word(self, event: Any, known: dict[str, Any], texts: tuple[str, ...]) -> Any:
        """Return a scalar's value; `known` has those that came before, and a tag of `texts` is taken as it is written."""
        value = event.value
        if event.tag is not None:
            raise _UnusualError
        if not event.implicit[0]:
            return value
        if value not in known:
            tag = self.loader.resolve(yaml.ScalarNode, value, (True, False))
            if tag.removeprefix(_YAML) not in _PLAIN:
                raise _UnusualError
            known[value] = sys.intern(value) if tag in texts else self.scalars.construct_object(yaml.ScalarNode(tag, value))
        return known[value]


class _Builder:
    """Makes plain data of YAML's nodes, and notes the place of each value and every problem."""

    def __init__(self, path: Path, lines: tuple[str, ...]) -> None:
        self.path, self.lines = path, lines
        self.marks: dict[Keys, Mark] = {}
        self.key_marks: dict[Keys, Mark] = {}
        self.problems: list[Problem] = []
        self.count = 0
        self.scalars = _LOADER("")

    def build(self, node: yaml.Node, keys: Keys) -> Any:
        self.count += 1
        if self.count > _MOST_NODES:
            raise ValueError(_TOO_MANY)
        self.marks[keys] = self.place(node)
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):
            return node.value
        if node.tag.removeprefix(_YAML) not in _PLAIN:
            self.note(node, f"the tag {node.tag!r} is not plain data", "Remove the tag.")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, keys)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*keys, index)) for index, item in enumerate(node.value)]
        return self.scalars.construct_object(node)

    def mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[Any, Any]:
        self.scalars.flatten_mapping(node)
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.note(key_node, "a key must be a plain word", None)
                continue
            key = key_node.value if key_node.tag in _KEYS_OF_TEXT else self.scalars.construct_object(key_node)
            if key in result:
                self.note(key_node, f"the key {key!r} is given twice", "Keep one of the two.")
            below = (*keys, key)
            self.key_marks[below] = self.place(key_node)
            result[key] = self.build(value_node, below)
        return result

    def place(self, node: yaml.Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        length = end.column - start.column if start.line == end.line else len(self.lines[start.line]) - start.column
        return start.line, start.column, max(1, length)

    def note(self, node: yaml.Node, message: str, hint: str | None) -> None:
        line, column, length = self.place(node)
        self.problems.append(Problem(str(self.path), line + 1, column + 1, message, hint, self.lines[line], length))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` is most like, where it is like one at all."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def did_you_mean(word: str, known: Iterable[str], *, label: str = "known here") -> str:
    """Return a hint that names the nearest of `known`, and lists them."""
    names = sorted(map(str, known))
    near = nearest(str(word), names)
    listing = f"{label}: {', '.join(names)}" if names else f"{label}: none"
    return f'did you mean "{near}"?  {listing}' if near else listing
