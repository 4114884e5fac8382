"""A file while it is being read: the place in it, and what has been found wrong or without effect so far."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from mlops.errors import UsageError
from mlops.records import dataclass, field, replace
from mlops.spec import expressions
from mlops.spec.keys import REFUSED, WITHOUT_EFFECT, Key, Table
from mlops.spec.source import Keys, Source, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from mlops.errors import Problem
    from mlops.spec.references import Assets
    from mlops.spec.values import Component

    Found = TypeVar("Found")


@dataclass
class Reading:
    """What one read of a file gathers besides its value: every mistake, and the keys that have no effect on this machine."""

    problems: list[Problem] = field(default_factory=list)
    without_effect: list[str] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    """Inputs of the pipeline that are given, and wrongly: that they then have no value is not said again."""
    sources: dict[Path, Source] = field(default_factory=dict)
    """Component files that were read already: many steps may name one."""
    components: dict[tuple[Path, str | None, str], Component] = field(default_factory=dict)
    """Components that were right, by the file that names them, how, and as which kind."""
    assets: Assets | None = None
    """Who knows what references name; without one, a reference is a mistake."""


@dataclass(frozen=True, slots=True)
class Here:
    """A place in a file that is being read: what is found wrong here is noted with its line."""

    source: Source
    keys: Keys
    reading: Reading
    overlay: Mapping[str | int, Here] = MappingProxyType({})
    """Keys whose values come from elsewhere, such as what a node of a pipeline sets over its component."""

    def at(self, *keys: str | int) -> Here:
        """Return the place that `keys` leads to from here."""
        if keys and keys[0] in self.overlay:
            return self.overlay[keys[0]].at(*keys[1:])
        return Here(self.source, (*self.keys, *keys), self.reading) if keys else self

    def note(self, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        """Note a mistake at this place: at its value, or at its key."""
        self.reading.problems.append(self.source.problem(self.keys, message, hint or None, at_key=at_key))

    def beside(self, path: str) -> Path:
        """Return the full path of what the file names relative to itself."""
        return Path(self.source.path.parent, path).resolve()

    def judge(self, value: Mapping[str, Any], table: Table, what: str) -> None:
        """Judge each key of the mapping here by `table`: its value, whether it is known, and its fate on this machine."""
        for name, item in value.items():
            key = table.get(name)
            if key is None:
                self.at(name).note(f"unknown key {str(name)!r} in {what}", did_you_mean(str(name), table), at_key=True)
            elif key.fate == REFUSED:
                self.at(name).note(f"`{name}` in {what}: {key.why}", key.hint, at_key=True)
            elif item is not None:
                self._judge_item(str(name), item, key, what)
        for name, key in table.items():
            if key.required and value.get(name) is None:
                self.note(f"{what} needs `{name}`", at_key=True)

    def _judge_item(self, name: str, item: Any, key: Key, what: str) -> None:
        if key.fate == WITHOUT_EFFECT:
            self.without_effect(name)
        if expressions.whole(item) is not None:
            return
        complaint = key.takes(item)
        if complaint:
            self.at(name).note(f"`{name}`: {complaint}")
        if not isinstance(item, dict) or (key.inner is None and key.each is None):
            return
        place = self.at(name)
        # What lies below a key without effect has none either: it is only checked, and not listed again.
        below = replace(place, reading=Reading(place.reading.problems)) if key.fate == WITHOUT_EFFECT else place
        if key.inner is not None:
            below.judge(item, key.inner, f"`{name}` of {what}")
        for one in item if key.each is not None else ():
            if isinstance(item[one], dict):
                below.at(one).judge(item[one], key.each or {}, f"`{name}.{one}` of {what}")

    def without_effect(self, key: str) -> None:
        """Note a key that is right, and means nothing on one machine."""
        self.reading.without_effect.append(f"{self.source.path.name}: {'.'.join(map(str, (*self.keys, key)))}")

    def mapping(self, value: Any) -> Mapping[str, Any]:
        """Return the value here where it is a mapping; nothing, and a note, where it is something else."""
        if value is not None and not isinstance(value, dict):
            self.note(f"`{self.keys[-1]}` is a mapping of names, not {value!r}")
        return value if isinstance(value, dict) else {}

    def found(self, look_up: Callable[[Assets], Found], reference: str, hint: str) -> Found | None:
        """Return what `reference` names, as the asset store has it; None, and a note, where it has nothing."""
        if self.reading.assets is None:
            self.note(f"{reference!r} is not on this machine", hint)
            return None
        try:
            return look_up(self.reading.assets)
        except UsageError as error:
            self.note(error.message, error.hint)
            return None
