"""What control flow means when it is run: branches, loops, the same for each item."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlops.engine.events import Failed, Finished, Started
from mlops.local.run import LocalRun, Options
from mlops.local.runs import read_runs
from mlops.spec.pipeline import load_pipeline

HEAD = "type: pipeline\nsettings: {default_compute: azureml:cpu-cluster}\n"
COUNT = """\
type: command
name: count
inputs: {n: {type: integer}, stop: {type: integer, default: 3}}
outputs: {n: {type: integer}, file: {type: uri_file}, more: {type: boolean, is_control: true}}
environment: azureml:any@latest
command: >-
  echo n=${{inputs.n}}; expr ${{inputs.n}} + 1 > "${{outputs.n}}"; echo file ${{inputs.n}} > "${{outputs.file}}";
  [ ${{inputs.n}} -lt ${{inputs.stop}} ] && echo True > "${{outputs.more}}" || echo false > "${{outputs.more}}"
"""
TELL = """\
type: command
name: tell
inputs: {word: {type: string, default: none}, file: {type: uri_file, optional: true}, table: {type: mltable, optional: true}}
outputs: {file: {type: uri_file}}
environment: azureml:any@latest
command: echo ${{inputs.word}} > "${{outputs.file}}"; cat ${{outputs.file}} $[[${{inputs.file}}]]; cat $[[${{inputs.table}}/MLTable ${{inputs.table}}/*/*]] /dev/null
"""
LOOP = """\
  count: {type: command, component: ./count.yml, inputs: {n: 1}}
  again: {type: do_while, body: "${{parent.jobs.count}}", condition: more, mapping: {n: n}, limits: {max_iteration_count: 5}}
"""
EACH = """\
  count: {type: command, component: ./count.yml}
  each: {type: parallel_for, body: "${{parent.jobs.count}}", items: [{n: 1}, {n: 2}, {n: 3}]}
"""


class Ran:
    """A pipeline that was run: what happened, in the words of its record."""

    def __init__(self, run):
        self.events = list(run.events())
        self.facts = run.record.facts
        self.folder = run.record.folder
        self.states = {name: step.get("state") for name, step in self.facts["steps"].items()}

    def said(self, step):
        return (self.folder / "steps" / step / "log.txt").read_text().strip()

    def reason(self, step):
        return self.facts["steps"][step].get("reason") or self.facts["steps"][step].get("summary")


@pytest.fixture
def loaded(tmp_path):
    """Make a run of the jobs of a pipeline, written beside two components."""

    def load(jobs, head=HEAD, dry=False, **files):
        for name, text in {"count": COUNT, "tell": TELL, **files}.items():
            (tmp_path / f"{name}.yml").write_text(text)
        (tmp_path / "p.yml").write_text(f"{head}jobs:\n{jobs}")
        return LocalRun(load_pipeline(tmp_path / "p.yml"), tmp_path / ".mlops", tmp_path, Options(workers=2), dry=dry)

    return load


@pytest.fixture
def ran(loaded):
    return lambda *words, **options: Ran(loaded(*words, **options))


def test_the_block_that_is_not_taken_is_skipped_with_what_needs_it_and_the_run_completes(ran):
    run = ran(
        """\
  count: {type: command, component: ./count.yml, inputs: {n: 3}}
  choose: {type: if_else, condition: "${{parent.jobs.count.outputs.more}}", true_block: "${{parent.jobs.yes}}", false_block: ["${{parent.jobs.no}}"]}
  yes: {type: command, component: ./tell.yml, inputs: {word: taken}}
  no: {type: command, component: ./tell.yml, inputs: {word: left}}
  must: {type: command, command: "cat ${{inputs.file}}", environment: azureml:any@latest, inputs: {file: "${{parent.jobs.yes.outputs.file}}"}}
  may: {type: command, component: ./tell.yml, inputs: {file: "${{parent.jobs.yes.outputs.file}}"}}
""".replace("yes", "big")
        .replace("no}", "small}")
        .replace("no:", "small:"),
        head=HEAD.replace("settings: {", "settings: {continue_on_step_failure: false, "),
    )
    assert run.states == {
        "count": "finished",
        "choose": "finished",
        "big": "skipped",
        "small": "finished",
        "must": "skipped",
        "may": "finished",
    }
    assert run.reason("choose") == "false: the false_block is taken"
    assert run.reason("big") == "choose is false: its true_block is not taken"
    assert run.reason("must") == "needs big, which did not run"
    assert run.facts["state"] == "completed"


def test_a_condition_may_be_an_input_of_the_pipeline(ran):
    jobs = """\
  choose: {type: if_else, condition: "${{parent.inputs.go}}", true_block: "${{parent.jobs.tell}}"}
  tell: {type: command, component: ./tell.yml}
"""
    assert ran(jobs, head=HEAD + "inputs: {go: true}\n").states["tell"] == "finished"
    assert ran(jobs, head=HEAD + "inputs: {go: false}\n").states["tell"] == "skipped"


def test_a_loop_hands_its_outputs_to_its_next_iteration_until_its_condition_is_false(ran):
    run = ran(LOOP + '  tell: {type: command, component: ./tell.yml, inputs: {word: "${{parent.jobs.count.outputs.n}}"}}\n')
    assert [run.said(f"count-{number}") for number in (1, 2, 3)] == ["n=1", "n=2", "n=3"]
    assert (run.reason("again"), run.said("tell")) == ("3 iterations: more is false", "4")
    assert "count" not in run.states


def test_a_loop_that_reaches_its_limit_ends_well_and_says_so(ran):
    run = ran(LOOP.replace("max_iteration_count: 5", "max_iteration_count: 2"))
    assert (run.states["again"], run.reason("again")) == ("finished", "2 iterations: max_iteration_count is 2")
    assert ran(LOOP.replace("condition: more, ", "")).reason("again") == "5 iterations: max_iteration_count is 5"


def test_more_iterations_reuse_those_that_were_run(ran):
    ran(LOOP.replace("max_iteration_count: 5", "max_iteration_count: 2"))
    assert ran(LOOP).states == {"count-1": "reused", "count-2": "reused", "count-3": "finished", "again": "finished"}


def test_an_iteration_that_fails_fails_the_run_and_what_needs_the_loop_is_skipped(ran):
    run = ran(
        LOOP + '  tell: {type: command, component: ./tell.yml, inputs: {word: "${{parent.jobs.count.outputs.n}}"}}\n',
        count=COUNT.replace("echo n=${{inputs.n}};", "[ ${{inputs.n}} != 2 ] || exit 4;"),
    )
    assert run.states == {"count-1": "finished", "count-2": "failed", "again": "skipped", "tell": "skipped"}
    assert run.reason("again") == "needs count-2, which failed"
    assert run.facts["error"].startswith("count-2: it ended with exit")


def test_a_body_may_be_a_pipeline_with_branches_of_its_own(ran):
    body = """\
type: pipeline
name: body
inputs: {n: {type: integer}}
outputs: {n: {type: integer}, more: {type: boolean}}
jobs:
  count: {type: command, component: ./count.yml, inputs: {n: "${{parent.inputs.n}}", stop: 2}, outputs: {n: "${{parent.outputs.n}}", more: "${{parent.outputs.more}}"}}
  choose: {type: if_else, condition: "${{parent.jobs.count.outputs.more}}", true_block: "${{parent.jobs.tell}}"}
  tell: {type: command, component: ./tell.yml, inputs: {word: "go on"}}
"""
    run = ran(
        LOOP.replace("type: command, component: ./count.yml", "type: pipeline, component: ./body.yml")
        .replace("count", "outer")
        .replace("max_iteration_outer", "max_iteration_count"),
        body=body,
    )
    assert run.states == {
        "outer-1.count": "finished",
        "outer-1.choose": "finished",
        "outer-1.tell": "finished",
        "outer-2.count": "finished",
        "outer-2.choose": "finished",
        "outer-2.tell": "skipped",
        "again": "finished",
    }


def test_loops_may_be_in_loops(ran):
    body = "type: pipeline\nname: body\ninputs: {n: {type: integer}}\noutputs: {all: {type: string}}\njobs:\n" + LOOP.replace(
        "n: 1}", 'n: "${{parent.inputs.n}}"}'
    )
    body = body.replace("}}\n  again", '}, outputs: {n: "${{parent.outputs.all}}"}}\n  again').replace(
        "all: {type: string}", "all: {type: integer}"
    )
    run = ran(
        EACH.replace("type: command, component: ./count.yml", "type: pipeline, component: ./body.yml")
        .replace("count", "outer")
        .replace("{n: 1}, ", ""),
        body=body,
    )
    assert run.facts["state"] == "completed"
    assert Counter(name.partition(".")[0] for name in run.states) == {"each": 1, "outer-1": 3, "outer-2": 2}
    assert Path(run.facts["steps"]["each"]["outputs"]["all"]["path"]).read_text() == "[4, 4]"


def test_the_outputs_of_all_items_are_one_table_and_one_list(ran):
    tell = '  tell: {type: command, component: ./tell.yml, inputs: {word: "${{parent.jobs.each.outputs.n}}", table: "${{parent.jobs.each.outputs.file}}"}}\n'
    jobs = EACH.replace("[{n: 1}, {n: 2}, {n: 3}]", "{one: {n: 1}, nine: {n: 9}}") + tell
    run = ran(jobs)
    assert run.said("tell").splitlines() == [
        "[2, 10]",
        "type: mltable",
        "paths:",
        "- file: ./one/file",
        "- file: ./nine/file",
        "file 9",
        "file 1",
    ]
    assert set(ran(jobs).states.values()) == {"reused"}


def test_no_more_items_are_on_their_way_than_max_concurrency_says(ran):
    run = ran(EACH.replace("{n: 3}]", "{n: 3}], max_concurrency: 1"))
    running, most = set(), 0
    for event in run.events:
        running = (
            running | {event.step} if isinstance(event, Started) else running - {event.step} if isinstance(event, Finished) else running
        )
        most = max(most, len(running))
    assert (most, [event.step for event in run.events if isinstance(event, Started)]) == (1, ["count-1", "count-2", "count-3"])


def test_an_item_that_fails_leaves_the_others_alone(ran):
    run = ran(
        EACH.replace("{n: 3}]", "{n: 3}], max_concurrency: 1"),
        count=COUNT.replace("echo n=${{inputs.n}};", "[ ${{inputs.n}} != 2 ] || exit 4;"),
    )
    assert run.states == {"count-1": "finished", "count-2": "failed", "count-3": "finished", "each": "skipped"}


def test_items_may_be_what_a_step_writes(ran):
    jobs = (
        EACH.replace("[{n: 1}, {n: 2}, {n: 3}]", '"${{parent.jobs.list.outputs.items}}"')
        + "  list: {type: command, component: ./list.yml}\n"
    )
    listing = "type: command\nname: list\noutputs: {items: {type: string}}\nenvironment: azureml:any@latest\ncommand: >-\n  echo 'ITEMS' > ${{outputs.items}}\n"
    assert ran(jobs, list=listing.replace("ITEMS", '[{"n": 4}, {"n": 5}]')).said("count-2") == "n=5"
    assert ran(jobs, list=listing.replace("ITEMS", "[]")).reason("each") == "0 iterations"
    wrong = ran(jobs, list=listing.replace("ITEMS", '[{"m": 4}]'))
    assert (wrong.states["each"], wrong.facts["state"]) == ("failed", "failed")
    assert "the body has no input called 'm'" in wrong.reason("each")
    assert any(isinstance(event, Failed) and event.step == "each" for event in wrong.events)


def test_a_forecast_goes_as_far_as_is_known(loaded, ran):
    jobs = (
        LOOP
        + '  choose: {type: if_else, condition: "${{parent.jobs.count.outputs.more}}", true_block: "${{parent.jobs.tell}}"}\n  tell: {type: command, component: ./tell.yml}\n'
    )

    def told():
        return {name: (type(verdict).__name__, getattr(verdict, "reason", "")) for name, verdict in loaded(jobs, dry=True).forecast()}

    assert told() == {
        "count-1": ("Stale", "never run before"),
        "again": ("Stale", "needs count-1, which runs"),
        "choose": ("Stale", "needs again, which runs"),
        "tell": ("Stale", "runs if choose is true"),
    }
    ran(jobs)
    assert {name: kind for name, (kind, _) in told().items()} == {
        **dict.fromkeys(["count-1", "count-2", "count-3"], "Fresh"),
        **dict.fromkeys(["again", "choose"], "Finished"),
        "tell": "Skipped",
    }


@pytest.mark.slow  # starts mlops three times
def test_a_loop_that_was_killed_goes_on_at_its_iteration(project):
    """The second iteration kills the engine, once; what the first has made is not deterministic, and is not made again."""
    killing = "echo n=${{inputs.n}}; if [ ${{inputs.n}} = 2 ] && [ ! -e ../../../../../killed ]; then touch ../../../../../killed; kill -9 $(cat ../../../lock); sleep 60; fi;"
    project.write("count.yml", COUNT.replace("echo n=${{inputs.n}};", killing) + "is_deterministic: false\n")
    project.write("loop.yml", f"{HEAD}jobs:\n{LOOP}")
    mlops = Path(sys.executable).with_name("mlops")
    variables = os.environ | {"MLOPS_HOME": str(project.home)}
    assert subprocess.run([mlops, "run", "loop.yml"], cwd=project.root, env=variables, capture_output=True, check=False).returncode == -9
    assert read_runs(project.home)[0]["state"] == "killed"
    after = subprocess.run([mlops, "resume", "--json"], cwd=project.root, env=variables, capture_output=True, text=True, check=True)
    steps = json.loads(after.stdout)["steps"]
    assert (steps["count-1"]["state"], steps["count-1"]["reason"]) == ("reused", "done in run 1")
    assert [steps[f"count-{number}"]["state"] for number in (2, 3)] == ["finished", "finished"]
    assert steps["again"]["summary"] == "3 iterations: more is false"
