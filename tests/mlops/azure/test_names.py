"""Names on Azure: every one within the service's limits, and the same in Python as in the Bicep files."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.bicep import Scope, read

from mlops.azure.names import ENVIRONMENT, LIMITS, MODEL, PROJECT, names, registry_name

INFRA = Path(__file__).parents[3] / "infra"
UNIQUE = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=13, max_size=13)
PROJECTS = st.from_regex(PROJECT, fullmatch=True)
ENVIRONMENTS = st.from_regex(ENVIRONMENT, fullmatch=True)
MODELS = st.lists(st.from_regex(MODEL, fullmatch=True), max_size=3)


@cache
def bicep(name: str):
    return read(INFRA / f"{name}.bicep")


@given(PROJECTS, ENVIRONMENTS, MODELS, UNIQUE)
def test_every_name_is_within_the_limits(project: str, environment: str, models: list[str], unique: str) -> None:
    made = names(project, environment, models, unique)
    told = [("storage", made.storage), ("vault", made.vault), ("images", made.images), ("workspace", made.workspace), ("logs", made.logs)]
    told += [("identity", name) for name in made.identities] + [("endpoint", name) for name in made.endpoints]
    told += [("registry", registry_name(project, unique)), ("action group", f"ag-{project}-{environment}")]
    assert [complaint for kind, name in told if (complaint := LIMITS[kind].complaint(name))] == []


@given(PROJECTS, ENVIRONMENTS, MODELS, UNIQUE)
def test_python_and_bicep_make_the_same_names(project: str, environment: str, models: list[str], unique: str) -> None:
    made = names(project, environment, models, unique)
    scope = Scope(bicep("main"), {"project": project, "environment": environment, "models": models, "unique": unique}, "any")
    assert scope.name("storageName") == made.storage
    assert scope.name("vaultName") == made.vault
    assert scope.name("imagesName") == made.images
    assert scope.name("workspaceName") == made.workspace
    assert tuple(scope.name("identityNames").values()) == made.identities
    assert tuple(scope.name("endpointNames")) == made.endpoints
    assert Scope(bicep("shared"), {"project": project, "unique": unique}, "any").name("registryName") == registry_name(project, unique)


@given(PROJECTS, ENVIRONMENTS, st.lists(UNIQUE, min_size=2, max_size=2, unique_by=lambda text: text[:7]))
def test_global_names_differ_from_group_to_group(project: str, environment: str, uniques: list[str]) -> None:
    one, other = (names(project, environment, ["model"], unique) for unique in uniques)
    for kind in ("storage", "images", "endpoints"):
        assert getattr(one, kind) != getattr(other, kind)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("storage", "flights-data", "not allowed"),
        ("storage", "f" * 25, "25 characters, and 3 to 24"),
        ("vault", "kv--flights", "not allowed"),
        ("images", "cr-flights", "not allowed"),
        ("endpoint", "9lives", "not allowed"),
        ("workspace", "mw", "2 characters, and 3 to 33"),
    ],
)
def test_a_name_that_azure_refuses_is_found(kind: str, name: str, said: str) -> None:
    assert said in str(LIMITS[kind].complaint(name))


def test_the_limits_of_the_parameters_are_those_of_the_names() -> None:
    text = (INFRA / "main.bicep").read_text()
    assert "@minLength(3)\n@maxLength(10)\nparam project" in text
    assert "@minLength(3)\n@maxLength(12)\nparam environment" in text
