"""A pipeline's picture, and what differs between two runs."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from mlops.cli import main
from mlops.local.run import LocalRun, Options
from mlops.report.between import between
from mlops.report.graph import graph, rows, svg
from mlops.spec.pipeline import load_pipeline

SVG = "{http://www.w3.org/2000/svg}"


def run(project, **settings):
    running = LocalRun(load_pipeline(project.pipeline, settings), project.home, project.root, Options())
    list(running.events())
    return running.record.facts


def test_every_step_has_a_box_inside_of_the_picture_and_what_it_needs_a_line(project):
    drawn = graph(load_pipeline(project.pipeline))
    root = ET.fromstring(svg(drawn))
    boxes = [box for box in root.iter(f"{SVG}rect") if box.get("class") == "step"]
    assert len(boxes) == 3
    assert len(list(root.iter(f"{SVG}polyline"))) == len({(line.start, line.end) for line in drawn.lines}) >= 2
    across = float(root.get("width"))
    assert all(float(box.get("x")) >= 0 and float(box.get("x")) + float(box.get("width")) <= across for box in boxes)
    corners = [(float(box.get("x")), float(box.get("y"))) for box in boxes]
    assert len(set(corners)) == 3


def test_a_name_that_is_markup_is_words_in_the_picture(project):
    project.edit("pipeline.yml", "type: pipeline", "type: pipeline\ndisplay_name: <script>x</script> & more")
    root = ET.fromstring(svg(graph(load_pipeline(project.pipeline))))
    assert root.find(f"{SVG}title").text == "<script>x</script> & more"


def test_the_terminal_says_of_each_step_how_deep_it_is_and_whom_it_needs(project, capsys):
    assert main(["graph", str(project.pipeline), "--out", str(project.root / "g.svg")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "  pipeline: 3 steps, 3 one after the other"
    assert said[1:4] == rows(graph(load_pipeline(project.pipeline)))
    assert [row.split()[:2] for row in said[1:4]] == [["1", "make"], ["2", "double"], ["3", "count"]]
    ET.parse(project.root / "g.svg")


def test_what_a_loop_repeats_and_what_a_branch_decides_is_in_the_picture(project):
    project.write(
        "more.yml",
        """\
        type: command
        name: more
        inputs: {n: {type: integer, default: 1}}
        outputs: {n: {type: integer}, more: {type: boolean}}
        command: echo ${{inputs.n}} > ${{outputs.n}}; echo false > ${{outputs.more}}
        environment: azureml:any@latest
        """,
    )
    project.write(
        "flow.yml",
        """\
        type: pipeline
        jobs:
          more: {type: command, component: ./more.yml}
          again: {type: do_while, body: "${{parent.jobs.more}}", condition: more, mapping: {n: n}, limits: {max_iteration_count: 4}}
          choose: {type: if_else, condition: "${{parent.jobs.more.outputs.more}}", true_block: "${{parent.jobs.one}}"}
          one: {type: command, component: ./more.yml, inputs: {n: 2}}
        """,
    )
    drawn = graph(load_pipeline(project.root / "flow.yml"))
    assert [(line.start, line.end, line.words) for line in drawn.lines] == [
        ("more", "again", "iteration"),
        ("again", "choose", "condition"),
        ("choose", "one", "if true"),
    ]
    assert next(node.about for node in drawn.nodes if node.key == "again") == "again while more, at most 4"


def test_two_runs_differ_in_what_was_changed_between_them_and_in_nothing_else(project):
    first = run(project)
    project.edit("code/rule.py", "2 * x", "3 * x")
    second = run(project, n="6")
    found = {(change.kind, change.name): (change.before, change.after) for change in between(first, second, project.home)}
    assert found.pop(("parameter", "n")) == ("5", "6")
    before, after = found.pop(("script", "double/rule.py"))
    assert before != after != ""
    assert found == {}


def test_a_run_that_reused_everything_does_not_differ_from_the_one_it_reused(project):
    assert between(run(project), run(project), project.home) == []


def test_a_dry_run_says_what_would_run_and_why_and_leaves_nothing(project, capsys, monkeypatch):
    monkeypatch.chdir(project.root)
    run(project)
    project.edit("code/double.py", "doubled", "twice")
    capsys.readouterr()
    assert main(["run", str(project.pipeline), "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {name: facts["would"] for name, facts in said.items()} == {"make": "reuse", "double": "run", "count": "run"}
    assert said["double"]["reason"] == "code double.py changed"
    assert said["count"]["reason"] == "needs double, which runs"
    assert [path.name for path in (project.home / "runs").iterdir()] == ["1"]


def test_logs_are_told_by_step_and_a_wrong_step_is_named(project, capsys, monkeypatch):
    monkeypatch.chdir(project.root)
    run(project)
    assert main(["logs"]) == 0
    assert capsys.readouterr().out == "== make\n5 numbers\n== double\n5 doubled\n== count\n5\n"
    assert main(["logs", "1", "count"]) == 0
    assert capsys.readouterr().out == "== count\n5\n"
    assert main(["logs", "1", "cuont"]) == 2
    assert "Its steps: make, double, count" in capsys.readouterr().err


@pytest.mark.slow
def test_logs_follow_a_run_until_it_ends(project):
    project.edit("code/make.py", "print(", "import time; print('first', flush=True); time.sleep(0.6); print(")
    mlops = [sys.executable, "-m", "mlops.cli"]
    words = {"cwd": project.root, "env": {**os.environ, "PYTHONUNBUFFERED": "1"}, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*mlops, "run", "pipeline.yml"], **words) as running:
        while not (project.home / "runs/1/steps/make/log.txt").exists():
            assert running.poll() is None
        with subprocess.Popen([*mlops, "logs", "--follow"], **words) as following:
            assert following.stdout.read().splitlines() == ["== make", "first", "5 numbers", "== double", "5 doubled", "== count", "5"]
            assert running.poll() == 0 or running.wait(5) == 0
