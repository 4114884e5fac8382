"""A job on Azure ML, from the file to the run's folder: submitted by our command, really run, followed, fetched."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_pipeline_runs_there_and_leaves_the_same_folder(there):
    facts = there.run()
    assert facts["state"] == "completed"
    assert {name: step["state"] for name, step in facts["steps"].items()} == {"make": "finished", "double": "finished", "count": "finished"}
    folder = Path(".mlops/runs/1")
    assert (folder / "steps/double/outputs/folder/doubled.txt").read_text() == "0 2 4 6 8"
    assert facts["outputs"]["result"]["digest"].startswith("sha256:")
    assert "5 numbers" in (folder / "steps/make/log.txt").read_text()
    events = [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[0] == "RunStarted"
    assert events[-1] == "RunFinished"
    assert [events.count(kind) for kind in ("Started", "Finished")] == [3, 3]
    assert len(there.azure.workspace.uploads) == 1  # one code for all steps
