"""The engine, or one of its children, is killed at a random moment, again and again: what comes after is as if nothing had happened."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops.local.runs import read_runs

MLOPS = Path(sys.executable).with_name("mlops")
KILLS = int(os.environ.get("KILLS", "24"))
STEP = "import sys, time\ntime.sleep(0.02)\nopen(sys.argv[-1], 'w').write('+'.join(open(p).read() for p in sys.argv[2:-1]) + sys.argv[1])\nprint(sys.argv[1])\n"
WIDTH, DEPTH = 3, 3


def graph(project):
    """Write nine steps in three layers; each makes another text."""
    project.write("code/step.py", STEP)
    project.component("first", "{n: {type: integer}}", "{out: {type: uri_file}}", "python step.py ${{inputs.n}} '${{outputs.out}}'")
    command = "python step.py ${{inputs.n}} '${{inputs.a}}' '${{inputs.b}}' '${{outputs.out}}'"
    project.component("next", "{n: {type: integer}, a: {type: uri_file}, b: {type: uri_file}}", "{out: {type: uri_file}}", command)
    jobs = ["type: pipeline", "jobs:"]
    for layer in range(DEPTH):
        for place in range(WIDTH):
            inputs = f"n: {layer * WIDTH + place}"
            if layer:
                near = [f"s{layer - 1}_{place}", f"s{layer - 1}_{(place + 1) % WIDTH}"]
                inputs += "".join(f", {key}: '${{{{parent.jobs.{name}.outputs.out}}}}'" for key, name in zip("ab", near, strict=True))
            kind = "next" if layer else "first"
            jobs.append(f"  s{layer}_{place}: {{type: command, component: ./{kind}.yml, inputs: {{{inputs}}}}}")
    project.write("pipeline.yml", "\n".join(jobs) + "\n")
    project.write(".gitignore", "*\n")


def start(project, *words):
    with (project.root / "errors.txt").open("wb") as errors:
        return subprocess.Popen(
            [MLOPS, *words], cwd=project.root, env=os.environ | {"MLOPS_HOME": str(project.home)}, stdout=subprocess.DEVNULL, stderr=errors
        )


def errors(project):
    return (project.root / "errors.txt").read_text()


def products(project):
    """What the newest run's steps made: step -> bytes, all of them whole."""
    facts = read_runs(project.home)[0]
    return {name: Path(step["outputs"]["out"]["path"]).read_bytes() for name, step in facts["steps"].items()}


def family(pid):
    """Return the processes below one, those that were started last first."""
    found = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split()
    parents = dict(zip(map(int, found[::2]), map(int, found[1::2]), strict=True))
    below = [child for child in parents if pid in _above(child, parents)]
    return sorted(below, reverse=True)


def _above(pid, parents):
    found = []
    while (pid := parents.get(pid, 0)) > 1:
        found.append(pid)
    return found


def left(project):
    """Return the processes whose working directory or command line is of the project."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            place = os.readlink(path / "cwd")
            state = (path / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if place.startswith(str(project.root)) and state != "Z":
            found.append((path.name, place))
    return found


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@pytest.mark.slow
def test_whenever_the_engine_or_a_child_is_killed_the_next_run_makes_the_same_bytes_and_nothing_is_left(project):
    """E1, E2: KILLS=1000 does a thousand, each of a run that was alive. Every second time the next command is `mlops resume`."""
    graph(project)
    began = time.monotonic()
    assert start(project, "run", "pipeline.yml").wait(60) == 0
    took = time.monotonic() - began  # with the interpreter's own start, which on a busy machine is most of it
    wanted = products(project)
    dice = random.Random(20_26)
    round_ = 0
    while round_ < KILLS:
        subprocess.run(["rm", "-rf", str(project.home / "cache")], check=True)
        running = start(project, "run", "pipeline.yml")
        time.sleep(dice.uniform(0, took))
        below = family(running.pid)
        if running.poll() is not None:
            continue  # it had ended
        round_ += 1
        victim = running.pid if round_ % 2 or not below else dice.choice(below)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        assert running.wait(60) in ({0, -signal.SIGKILL} if victim == running.pid else {0, 1, 3}), errors(project)
        assert wait_until(lambda: not left(project)), left(project)
        killed = next(iter(read_runs(project.home)), {"state": "none", "steps": {}})
        assert killed["state"] != "running"
        for step in (facts for facts in killed["steps"].values() if facts.get("state") == "finished"):
            assert Path(step["outputs"]["out"]["path"]).read_bytes() in wanted.values()
        words = ["resume"] if round_ % 4 < 2 and killed["state"] in {"killed", "failed"} else ["run", "pipeline.yml"]
        after = start(project, *words)
        assert after.wait(60) == 0, errors(project)
        assert products(project) == wanted


@pytest.mark.slow
def test_two_engines_at_once_make_the_same_bytes_and_have_a_folder_each(project):
    """E5: they share sealed outputs and nothing else."""
    graph(project)
    both = [start(project, "run", "pipeline.yml") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0], errors(project)
    first, second = read_runs(project.home)
    texts = [[Path(step["outputs"]["out"]["path"]).read_bytes() for step in run["steps"].values()] for run in (first, second)]
    assert sorted(texts[0]) == sorted(texts[1])
    assert (first["run"], second["run"]) == (2, 1)
    assert start(project, "run", "pipeline.yml").wait(60) == 0
    assert {step["state"] for step in read_runs(project.home)[0]["steps"].values()} == {"reused"}
