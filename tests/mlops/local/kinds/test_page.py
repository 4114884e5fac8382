"""docs/how-to/steps.md: its examples run as they stand."""

import importlib.util
import re
from pathlib import Path

import pytest

from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

PAGE = Path(__file__).parents[4] / "docs/how-to/steps.md"
BLOCK = re.compile(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", re.DOTALL)
SECTIONS = {text.split(":")[0].strip(): text for text in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("Distributed", "4 processes ended well"),
        ("Sweep", "8 trials"),
        ("Parallel", "2 mini-batches: 3 items"),
        pytest.param("Spark", "", marks=pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="PySpark is not installed")),
    ],
)
def test_the_example_of_each_kind_runs_as_it_stands(tracked, kind, said, tmp_path_factory):
    site = type(tracked)(tmp_path_factory.mktemp("plain"))  # the page's commands do not quote paths
    tracked.home.rename(site.home)
    for name in "abc":
        site.write(f"texts/{name}.txt", name)
    for name, text in BLOCK.findall(SECTIONS[kind]):
        site.write(name.replace("steps.yml", "pipeline.yml"), text)
    running = site.running()
    list(running.events())
    (facts,) = running.record.facts["steps"].values()
    assert facts["state"] == "finished"
    assert facts["summary"].startswith(said)


def test_the_example_of_control_flow_runs_as_it_stands(tmp_path):
    for name, text in BLOCK.findall(SECTIONS["Control flow"]):
        (tmp_path / name).write_text(text)
    running = LocalRun(load_pipeline(tmp_path / "steps.yml"), tmp_path / ".mlops", tmp_path, Options())
    list(running.events())
    steps = running.record.facts["steps"]
    assert {name for name, facts in steps.items() if facts["state"] != "finished"} == {"alarm"}
    assert steps["again"]["summary"] == "3 iterations: more is false"
    assert (running.record.folder / "steps/gather/log.txt").read_text().startswith("[0.5, 4.5]")
