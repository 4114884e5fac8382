"""`mlops contract test`: which faults a contract lets through, and the rule that would close each hole."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from mlops.cli import main
from mlops.contract.faults.holes import snippet

CONTRACT = """\
kind: DataContract
apiVersion: v3.2.0
id: cups
name: Cups
version: 1.0.0
status: active
team: {name: cups team}
schema:
  - name: cups
    properties:
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 100000}}
"""


@pytest.fixture
def cups(tmp_path):
    """A contract that knows one column and lets nearly every number pass, and two hundred rows."""
    (tmp_path / "cups.odcs.yml").write_text(CONTRACT)
    prices = np.random.default_rng(2).normal(50, 5, 200).round(2)
    pd.DataFrame({"price": prices, "kind": ["tea", "cake"] * 100}).to_parquet(tmp_path / "cups.parquet")
    return ["contract", "test", "--contract", str(tmp_path / "cups.odcs.yml"), "--data", str(tmp_path)]


@pytest.mark.slow
def test_a_hole_is_told_with_the_rule_that_closes_it(cups, capsys):
    assert main([*cups, "--only", "kilometres-for-miles"]) == 0
    told = capsys.readouterr().out
    assert "kilometres-for-miles (price): Miles became kilometres" in told
    assert "expect_column_to_be_as_before" in told
    assert "0 of 1 caught" in told


def test_what_is_caught_is_no_hole(cups, capsys):
    """An infinite price is out of the range."""
    assert main([*cups, "--only", "infinity", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["holes"] == []
    assert facts["faults"][0]["outcome"] == "stopped"


@pytest.mark.slow
def test_a_share_that_is_not_reached_is_exit_1(cups, capsys):
    assert main([*cups, "--only", "kilometres-for-miles", "--at-least", "0.95"]) == 1
    assert main([*cups, "--only", "infinity", "--at-least", "0.95"]) == 0


def test_a_fault_that_there_is_not_is_told_with_the_families(cups, capsys):
    assert main([*cups, "--only", "gremlins"]) == 2
    assert "Families: categories, drift" in capsys.readouterr().err


def test_faults_that_no_column_can_have_are_not_counted(cups, capsys):
    assert main([*cups, "--only", "times"]) == 0
    assert capsys.readouterr().out == "no such fault can happen to these tables\n"


def test_labels_are_spoilt_where_it_is_said_what_is_learnt(cups, capsys):
    assert main([*cups, "--only", "answers-turned", "--target", "price", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"][0]["by"] == ["cups.price.range"]


def test_a_rule_is_cut_out_of_a_contract_whole():
    text = "quality:\n  - metric: rowCount\n    mustBeGreaterThan: 0\n  - {metric: nullValues, mustBe: 0}\n"
    assert yaml.safe_load(snippet(text, 2)) == [{"metric": "rowCount", "mustBeGreaterThan": 0}]
    assert yaml.safe_load(snippet(text, 4)) == [{"metric": "nullValues", "mustBe": 0}]
