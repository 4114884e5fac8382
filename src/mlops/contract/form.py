"""Whether a file is an Open Data Contract at all: held against the standard's own model, each mistake with its line."""

from __future__ import annotations

import typing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mlops.errors import Problem, SpecError
from mlops.spec.source import Keys, Source, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops.contract.reading import Reading

READ = {
    "": ("licence",),
    "schema": ("leakage", "otherColumns"),
    "properties": ("severity",),
    "relationships": ("mostly", "severity"),
    "quality": ("per", "stopBeyond"),
    "slaProperties": ("severity",),
}
"""Where in the file -> what is read of the `customProperties` there."""
OURS = tuple(dict.fromkeys(name for names in READ.values() for name in names))


def check_form(source: Source) -> None:
    """Hold a file against the standard's model, and name every key that the standard does not know.

    Raises:
        SpecError: It is no Open Data Contract.
    """
    import pydantic
    from open_data_contract_standard.model import OpenDataContractStandard

    if not isinstance(source.value, dict) or not source.value.get("schema"):
        raise source.fail((), "a data contract needs a `schema`: a list of tables", "`mlops contract profile DATA` proposes one.")
    problems = list(_unknown_keys(source, (), source.value, OpenDataContractStandard))
    try:
        OpenDataContractStandard.model_validate(source.value)
    except pydantic.ValidationError as error:
        known = [e for e in error.errors() if e["type"] != "extra_forbidden"]
        problems += [source.problem(_keys_of(e["loc"], source), f"{e['msg'].lower()}, found {e['input']!r}"[:200]) for e in known]
    if problems:
        raise SpecError(problems)


def check_names(reading: Reading, at: Keys, value: Any) -> None:
    """Note every custom property that is one of ours but for its spelling: those of other tools are theirs."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_names(reading, (*at, index), item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_names(reading, (*at, key), item)
        for index, item in enumerate(value.get("customProperties") or []):
            name = str(item.get("property"))
            close = [] if name in OURS else get_close_matches(name, OURS, 1, 0.8)
            if name in OURS and name not in READ.get(str(at[-2]) if at else "", OURS):
                where = " and ".join(place or "the contract itself" for place, names in READ.items() if name in names)
                reading.note((*at, "customProperties", index, "property"), f"{name!r} is not read here", f"It is read of {where}.")
            if close:
                reading.note((*at, "customProperties", index, "property"), f"{name!r} is not known", f"Did you mean {close[0]!r}?")


def _keys_of(location: tuple[str | int, ...], source: Source) -> Keys:
    """Return the part of pydantic's location that are keys of the file: names of types stand between them."""
    keys: Keys = ()
    for part in location:
        if (*keys, part) in source.marks:
            keys = (*keys, part)
    return keys


def _unknown_keys(source: Source, at: Keys, value: Any, model: Any) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(source, (*at, index), item, model)
    elif isinstance(value, dict):
        fields = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
        for key, item in value.items():
            if key not in fields:
                yield source.problem((*at, key), f"the standard has no key {key!r} here", did_you_mean(str(key), fields), at_key=True)
                continue
            inner = _model_in(fields[key])
            if inner is not None:
                yield from _unknown_keys(source, (*at, key), item, inner)


def _model_in(annotation: Any) -> Any:
    """Return the pydantic model that an annotation such as `list[Model] | None` is about, or None."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part)) is not None), None)
