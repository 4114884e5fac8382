"""The smoke and load test, against a real endpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops.registry.model import load as load_model
from mlops.serving.trial import HeldOut, load, smoke


@pytest.fixture
def rows(models: Any) -> HeldOut:
    table = models.flights(30, 11)
    scores = load_model(models.one, trusted=models.trusted).predict_proba(table)[:, 1]
    return HeldOut(models.columns, tuple(map(tuple, models.plain(table))), tuple(scores.tolist()))


def test_rows_are_chosen_over_the_whole_file() -> None:
    rows = HeldOut(("n",), tuple((n,) for n in range(100)), tuple(map(float, range(100))))
    assert rows.evenly(4).data == ((0,), (25,), (50,), (75,))
    assert rows.evenly(4).expected == (0.0, 25.0, 50.0, 75.0)
    assert rows.evenly(1000) == rows


@pytest.mark.slow
def test_held_out_rows_are_answered_as_offline_to_the_bit(served: Any, rows: HeldOut) -> None:
    found = smoke(served.look().address, served.key, rows)
    assert (found.requests, found.equal, found.worst_difference, found.failures) == (30, 30, 0.0, ())


@pytest.mark.slow
def test_a_difference_is_told_with_its_row(served: Any, rows: HeldOut) -> None:
    wrong = HeldOut(rows.columns, rows.data, (rows.expected[0] + 1e-6, *rows.expected[1:]))
    found = smoke(served.look().address, served.key, wrong)
    assert found.equal == 29
    assert found.worst_difference == pytest.approx(1e-6)
    assert found.failures[0].startswith("row 0: 1e-06 away from the offline")


@pytest.mark.slow
@pytest.mark.parametrize(("port", "key", "said"), [(None, "wrong", "status 401"), (1, "any", "Errno 111")])
def test_an_endpoint_that_does_not_answer_is_failures_and_not_an_error(served: Any, rows: HeldOut, port: Any, key: str, said: str) -> None:
    address = served.look().address if port is None else f"http://127.0.0.1:{port}"
    found = smoke(address, key, rows.evenly(3))
    loaded = load(address, key, rows.bodies(), connections=2, seconds=0.2)
    assert (found.equal, len(found.failures)) == (0, 3)
    assert said in found.failures[0]
    assert loaded.error_rate == 1.0
    assert said in str(loaded.first_error)


@pytest.mark.slow
def test_load_is_measured_from_a_program_of_its_own(served: Any, rows: HeldOut, tmp_path: Path) -> None:
    rows_file, asked, out = tmp_path / "smoke.json", tmp_path / "request.json", tmp_path / "result.json"
    rows_file.write_text(json.dumps({"columns": rows.columns, "data": rows.data, "expected": rows.expected}))
    request = {"address": served.look().address, "key_file": str(served.home / "key"), "rows_file": str(rows_file)}
    asked.write_text(json.dumps(request | {"smoke_requests": 5, "load_seconds": 0.5, "connections": 4}))
    subprocess.run([sys.executable, "-m", "mlops.serving.trial", "--request", asked, "--out", out], check=True)
    facts = json.loads(out.read_text())
    assert facts["smoke"]["equal"] == 5
    assert facts["load"]["error_rate"] == 0
    assert facts["load"]["requests"] > 10
    assert facts["load"]["p50_ms"] <= facts["load"]["p95_ms"] <= facts["load"]["p99_ms"]
