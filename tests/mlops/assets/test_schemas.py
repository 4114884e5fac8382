"""Beside azure-ai-ml, the judge: what it refuses in an asset's file is refused here, and the other way round, but for what is listed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.mlops.assets.workshop import Workshop

from mlops.assets.definition import read_definition, read_draft
from mlops.errors import SpecError

BASES: dict[str, dict[str, Any]] = {
    "data": {"name": "a", "type": "uri_folder", "path": "set"},
    "model": {"name": "a", "type": "custom_model", "path": "set"},
    "environment": {"name": "a", "image": "x", "conda_file": "conda.yml"},
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"version": 1},
    {"version": 1.0},
    {"version": "1a"},
    {"version": [1]},
    {"name": 5},
    {"tags": "x"},
    {"tags": {"a": 1}},
    {"description": 5},
    {"type": "uri_fil"},
    {"type": "URI_FOLDER"},
    {"type": "CUSTOM_MODEL"},
    {"path": 5},
    {"unknown": 1},
    {"datastore": "azureml:x"},
    {"stage": "prod"},
    {"stage": 1},
    {"flavors": 3},
    {"image": 5},
    {"conda_file": "none.yml"},
    {"conda_file": {"dependencies": []}},
    {"build": {"path": "set"}, "image": None, "conda_file": None},
    {"build": {"path": "none"}, "image": None, "conda_file": None},
    {"os_type": "linux"},
    {"os_type": "dos"},
    {"channels": ["x"]},
    {"creation_context": {}},
]
ONLY_HERE: dict[str, dict[str, Any]] = {  # the client lets them through, and the service or the upload refuses
    "a name of two words": {"name": "a b"},
    "a path that is not there": {"path": "none"},
    "neither image nor build": {"image": None},
}


def refused_here(shop: Workshop, kind: str, body: dict[str, Any]) -> bool:
    try:
        read_draft(kind, read_definition(write(shop, kind, body), {}))
    except SpecError:
        return True
    return False


def write(shop: Workshop, kind: str, body: dict[str, Any]) -> Any:
    shop.write("set/a.csv", "1\n")
    shop.write("conda.yml", "dependencies: [python, {pip: [six]}]\n")
    return shop.write(f"{kind}.yml", yaml.safe_dump({key: value for key, value in body.items() if value is not None}))


def refused_there(shop: Workshop, kind: str, body: dict[str, Any]) -> bool:
    from azure.ai import ml  # five seconds

    try:
        getattr(ml, f"load_{kind}")(write(shop, kind, body))
    except Exception:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("kind", BASES)
def test_a_file_is_refused_where_azure_ai_ml_refuses_it(shop: Workshop, kind: str) -> None:
    judged = {str(change): {**BASES[kind], **change} for change in CHANGES}
    assert {name: refused_here(shop, kind, body) for name, body in judged.items()} == {
        name: refused_there(shop, kind, body) for name, body in judged.items()
    }


@pytest.mark.parametrize(
    ("kind", "why"), [("data", "a name of two words"), ("model", "a path that is not there"), ("environment", "neither image nor build")]
)
def test_what_the_service_would_refuse_later_is_refused_at_once(shop: Workshop, kind: str, why: str) -> None:
    assert refused_here(shop, kind, {**BASES[kind], **ONLY_HERE[why]})
