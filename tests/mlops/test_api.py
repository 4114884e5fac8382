"""The engine from Python: the same run as the verb's, and the notebook that shows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.api import prepare
from mlops.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_a_run_from_python_yields_the_events_that_its_folder_holds(project, monkeypatch):
    monkeypatch.chdir(project.root)
    run = prepare(project.pipeline, {"n": 7}, home=project.home)
    told = [type(event).__name__ for event in run.events()]
    kept = [json.loads(line)["event"] for line in (run.record.folder / "events.jsonl").read_text().splitlines()]
    assert told == kept
    assert run.record.facts["steps"]["make"]["summary"] == "7 numbers"


def test_a_run_from_python_says_what_would_run_and_makes_no_folder(project, monkeypatch):
    monkeypatch.chdir(project.root)
    list(prepare(project.pipeline, home=project.home).events())
    forecast = prepare(project.pipeline, {"n": 6}, home=project.home, dry=True).forecast()
    assert {step: verdict.reason for step, verdict in forecast}["make"] == "parameter n 5 -> 6"
    assert [path.name for path in (project.home / "runs").iterdir()] == ["1"]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        prepare(tmp_path / "nothing.yml")


@pytest.mark.slow
@pytest.mark.e2e
def test_the_notebook_about_runs_runs_from_top_to_bottom(tmp_path):
    cells = json.loads((ROOT / "docs/how-to/python.ipynb").read_text())["cells"]
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, script], cwd=ROOT / "docs/how-to", env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "'train': 'Finished'" in ran.stdout
    assert "'import': 'Reused'" in ran.stdout
