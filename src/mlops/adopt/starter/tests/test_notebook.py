"""The notebook runs from top to bottom. Its code cells are run as Python, without Jupyter: they hold no magics."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(done):
    return ROOT / "notebooks" / f"{done.inputs['name']}.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(path, tmp_path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join("".join(cell["source"]) for cell in cells), encoding="utf-8")
    variables = {**os.environ, "TMPDIR": str(tmp_path), "MPLBACKEND": "agg"}
    ran = subprocess.run([sys.executable, script], cwd=path.parent, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_notebook_keeps_no_outputs(path):
    assert not any(cell.get("outputs") for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
