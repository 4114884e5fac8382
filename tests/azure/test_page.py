"""docs/how-to/azure-python.md and notebooks/azure.ipynb, executed against the loopback."""

import json
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ROOT = Path(__file__).parents[2]
PAGE, NOTEBOOK = ROOT / "docs/how-to/azure-python.md", ROOT / "notebooks/azure.ipynb"


def test_every_block_of_the_page_runs(there):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    assert (names["home"] / "by-sdk/named-outputs/result/doubled.txt").read_text() == "0 2 4 6 8 10 12"
    assert names["facts"]["state"] == "completed"
    assert Path(names["facts"]["outputs"]["result"]["path"], "doubled.txt").read_text() == "0 2 4 6 8 10 12"


@pytest.mark.skipif(not NOTEBOOK.exists(), reason="a fork may do without the notebook")
def test_every_cell_of_the_notebook_runs(there, monkeypatch):
    monkeypatch.setenv("PIPELINE", str(there.project.pipeline))
    names = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    assert names["facts"]["state"] == "completed"
