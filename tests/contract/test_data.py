"""Your data contracts, one for each model: in the standard's form, about tables that can be trained on, and naming what no model may learn from."""

import importlib.resources
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from mlops.contract.standard import load
from mlops.settings import read_project

ROOT = Path(__file__).parents[2]
CONTRACTS = sorted((ROOT / "data").glob("**/*.odcs.yml"))
MODELS = read_project(ROOT).models

contracts = pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.name)


@contracts
def test_the_contract_is_an_open_data_contract_by_the_standards_own_schema(path):
    schema = json.loads(importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@contracts
def test_the_contract_names_an_owner_and_a_licence(path):
    contract = load(path)
    assert contract.owner
    assert contract.licence


@contracts
def test_every_leakage_column_is_one_that_the_contract_describes(path):
    """D10: a name with a typing mistake would keep nothing out."""
    contract = load(path)
    described = {column for table in contract.tables for column in table.types}
    assert set(contract.leakage) <= described


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_a_contract_that_does_not_call_its_target_leakage(name):
    assert (ROOT / MODELS[name].contract) in CONTRACTS
    assert MODELS[name].target not in load(ROOT / MODELS[name].contract).leakage
