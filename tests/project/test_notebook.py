"""The notebook runs from top to bottom. Its code cells are run as Python, without Jupyter: they hold no magics."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AZURE = "azure.ipynb"
"""It needs a workspace: `tests/azure/test_page.py` runs it."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if path.name != AZURE], ids=lambda path: path.name
)
def test_the_notebook_runs_from_top_to_bottom(path, tmp_path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join("".join(cell["source"]) for cell in cells))
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, script], cwd=path.parent, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("AUC 0.")


def test_the_notebook_keeps_no_outputs():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert not any(cell.get("outputs") for cell in json.loads(path.read_text())["cells"]), path
