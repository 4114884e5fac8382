"""Runs that are gone on with, canceled and pruned, by the verbs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops.local.prune import carry_out, plan
from mlops.local.run import LocalRun, Options
from mlops.local.runs import owner, read_run, read_runs
from mlops.spec.pipeline import load_pipeline

MLOPS = Path(sys.executable).with_name("mlops")
WAITS = "import sys, time\nfrom pathlib import Path\n{}\nPath(sys.argv[2], 'doubled.txt').write_text('0')\n"


def mlops(project, *words):
    environment = os.environ | {"MLOPS_HOME": str(project.home)}
    return subprocess.run([MLOPS, *words], cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=60)


def run(project, force=False):
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(force=force))
    list(running.events())
    return running.record


@pytest.mark.slow
def test_a_resumed_run_takes_over_what_is_done_even_of_steps_that_are_never_reused(project):
    project.edit("make.yml", "version: 1", "version: 1\nis_deterministic: false")
    project.edit("code/double.py", "import rule", "import rule\nraise SystemExit(1)")
    assert mlops(project, "run", "pipeline.yml", "--set", "inputs.n=3").returncode == 1
    project.edit("code/double.py", "raise SystemExit(1)", "")
    done = mlops(project, "resume", "latest", "--json")
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["state"], facts["inputs"]["n"]["value"]) == (0, "completed", "3")
    assert facts["steps"]["make"]["reason"] == "done in run 1"
    assert "is complete" in mlops(project, "resume").stderr


@pytest.mark.slow
def test_a_run_is_canceled_from_elsewhere_with_a_step_that_does_not_listen(project):
    """E3, E8: SIGTERM is ignored, so SIGKILL follows; the run says canceled."""
    project.write(
        "code/double.py",
        WAITS.format("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"),
    )
    environment = os.environ | {"MLOPS_HOME": str(project.home)}
    with subprocess.Popen(
        [MLOPS, "run", "pipeline.yml"], cwd=project.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        log = project.home / "runs/1/steps/double/log.txt"
        while not (log.is_file() and "up" in log.read_text()):
            time.sleep(0.05)
        assert owner(project.home / "runs/1") == running.pid
        done = mlops(project, "cancel", "1")
        assert (done.returncode, done.stdout.strip()) == (0, "run 1 is canceled")
        assert running.wait(5) == 130
    assert read_run(project.home / "runs/1")["state"] == "canceled"
    assert "does not go on: it is canceled" in mlops(project, "cancel", "1").stderr


@pytest.mark.slow
def test_pruning_keeps_the_last_runs_and_the_runs_that_they_have_their_files_from(project):
    first = run(project).facts  # its outputs are reused for ever
    for _ in range(3):
        run(project, force=True)
    project.edit("pipeline.yml", "n: 5", "n: 6")
    run(project)
    project.edit("pipeline.yml", "n: 6", "n: 5")
    last = run(project).facts
    assert last["steps"]["make"]["state"] == "reused"
    maker = int(Path(last["steps"]["make"]["outputs"]["numbers"]["path"]).relative_to(project.home / "runs").parts[0])
    found = plan(project.home, keep=1, made_versions={first["run"]: "flights v1"})
    assert {kept.run: kept.reason for kept in found.kept} == {
        1: "it made flights v1",
        maker: "run 6 has its files from it",
        6: "it is one of the last 1",
    }
    carry_out(project.home, found)
    assert sorted(facts["run"] for facts in read_runs(project.home)) == sorted({1, maker, 6})
    assert {step["state"] for step in run(project).facts["steps"].values()} == {"reused"}


@pytest.mark.slow
def test_pruning_says_what_would_go_and_removes_it_only_when_it_is_meant(project):
    for _ in range(3):
        run(project, force=True)
    told = json.loads(mlops(project, "prune", "--keep", "1", "--dry-run", "--json").stdout)
    assert (told["gone"], len(read_runs(project.home))) == ([1, 2], 3)
    assert "removed  2 runs" in mlops(project, "prune", "--keep", "1").stdout
    assert [facts["run"] for facts in read_runs(project.home)] == [3]


def test_a_run_whose_record_was_lost_to_a_power_cut_hides_no_other(project):
    """E4: the record is synced when a run ends; before that the disk may have its name and none of its bytes."""
    kept = run(project)
    lost = project.home / "runs" / "2"
    lost.mkdir()
    for bytes_there in (b"", b"\0" * 4096):
        (lost / "run.json").write_bytes(bytes_there)
        assert [facts["run"] for facts in read_runs(project.home)] == [kept.facts["run"]]
    assert run(project).facts["run"] == 3
