"""Sweeps through the whole engine: forked trials, MLflow runs, early termination, a kill in between."""

import json
import os
import signal
import time

import psutil
import pytest
from mlflow import MlflowClient

from mlops.local.kinds.code import read_driven
from mlops.local.kinds.trials import Ledger, Trial, best_of, table
from mlops.local.snapshot import read_code
from mlops.spec.pipeline import load_pipeline

TRAIN = """
import argparse, json, os, sys, time
import mlflow
from pathlib import Path
words = argparse.ArgumentParser()
for name in ("x", "out", "fail", "nap"):
    words.add_argument(f"--{name}", default="")
given = words.parse_args()
with open(os.environ["TRIED"], "a") as file:
    file.write(given.x + "\\n")
x = float(given.x)
if given.fail and x in json.loads(given.fail):
    sys.exit("told to")
for step in range(3):
    mlflow.log_metric("loss", (x - 3) ** 2 + 3 - step, step=step)
    time.sleep(float(given.nap or 0))
Path(given.out, "model.json").write_text(given.x)
"""
SWEEP = """
type: sweep
trial:
  code: ./src
  command: python train.py --x ${{search_space.x}} --out "${{outputs.model}}" WORDS
  environment: azureml:any@latest
  environment_variables: {TRIED: TRIED_FILE}
outputs: {model: {type: uri_folder}}
sampling_algorithm: ALGORITHM
search_space: {x: SPACE}
objective: {goal: minimize, primary_metric: loss}
limits: {LIMITS}
"""
CHOICE = "{type: choice, values: [1, 2, 3, 4, 5]}"
FIVE = "max_total_trials: 5, max_concurrent_trials: 2"


def sweep(site, words="", algorithm="grid", space=CHOICE, limits=FIVE, more="", script=TRAIN):
    site.write("src/train.py", script)
    text = SWEEP.replace("WORDS", words).replace("ALGORITHM", algorithm).replace("SPACE", space).replace("LIMITS", limits)
    site.step(text.replace("TRIED_FILE", f"'{site.root / 'tried'}'") + more)


def tried(site):
    return sorted(map(float, (site.root / "tried").read_text().split()))


def trials(site):
    return json.loads((site.folder / "trials.json").read_text())


@pytest.mark.slow
def test_the_best_trials_outputs_become_the_steps_and_each_trial_has_a_run_of_its_own(tracked):
    sweep(tracked)
    facts, log = tracked.run()
    assert (tracked.folder / "outputs/model/model.json").read_text() == "3"
    assert facts["summary"] == "5 trials; best loss 1 (trial 2)"
    assert tried(tracked) == [1, 2, 3, 4, 5]
    client = MlflowClient(f"sqlite:///{tracked.home / 'mlflow.db'}")
    runs = client.search_runs(
        [client.get_run(facts["mlflow_run"]).info.experiment_id], f"tags.`mlflow.parentRunId` = '{facts['mlflow_run']}'"
    )
    assert {(r.data.params["x"], r.data.metrics["loss"], r.info.status) for r in runs} >= {("3", 1.0, "FINISHED"), ("5", 5.0, "FINISHED")}
    assert client.get_run(facts["mlflow_run"]).data.tags["best_child_run_id"] == trials(tracked)[2]["run"]
    assert "trial 2 of 5 completed; loss 1; best 1 (trial 2); x=3" in log
    assert (tracked.folder / "progress.txt").read_text().strip() == "5 of 5 trials, best 1 (trial 2)"


@pytest.mark.slow
def test_a_trial_that_fails_does_not_fail_the_sweep(tracked):
    sweep(tracked, words="--fail '[1, 3]'")
    facts, log = tracked.run()
    assert facts["summary"] == "5 trials, 2 failed; best loss 2 (trial 1)"
    assert "trial 0 of 5 failed (ended with exit code 1); x=1" in log


@pytest.mark.slow
def test_a_sweep_whose_trials_all_fail_says_how_the_first_one_did(tracked):
    sweep(tracked, words="--fail '[1, 2, 3, 4, 5]'")
    facts, log = tracked.run()
    assert facts["reason"] == "none of 5 trials completed: trial 0 ended with exit code 1"
    assert "the end of trial 0's log:\ntold to" in log


@pytest.mark.slow
def test_a_metric_that_no_trial_logs_is_named_beside_those_that_it_did_log(tracked):
    sweep(tracked)
    tracked.step(
        (tracked.root / "pipeline.yml").read_text().split("it:\n")[1].replace("    ", "", 1).replace("\n    ", "\n").replace("loss", "gain")
    )
    assert tracked.run()[0]["reason"] == "no trial logged the metric 'gain' (logged: loss)"


@pytest.mark.slow
def test_a_policy_stops_trials_that_are_worse_while_they_run(tracked):
    more = "early_termination: {type: bandit, slack_amount: 0.5, evaluation_interval: 1, delay_evaluation: 1}\n"
    sweep(
        tracked,
        words="--nap 0.4",
        space="{type: choice, values: [3, 9, 8, 3.1]}",
        limits="max_total_trials: 4, max_concurrent_trials: 2",
        more=more,
    )
    _, log = tracked.run()
    states = {trial["parameters"]["x"]: trial["state"] for trial in trials(tracked)}
    assert states == {3: "completed", 9: "stopped", 8: "stopped", 3.1: "completed"}
    assert "trial 1 of 4 stopped (bandit: not within the slack of the best" in log


@pytest.mark.slow
def test_trials_that_run_longer_than_their_limit_are_stopped(tracked):
    slow = TRAIN.replace("x = float(given.x)", "x = float(given.x)\nif x == 2: time.sleep(60)")
    sweep(
        tracked,
        space="{type: choice, values: [2, 3]}",
        limits="max_total_trials: 2, max_concurrent_trials: 2, trial_timeout: 3",
        script=slow,
    )
    tracked.run()
    assert [(t["state"], t["reason"]) for t in trials(tracked)] == [("stopped", "ran longer than its limit of 3 s"), ("completed", "")]


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_with_the_trials_that_were_not_finished(tracked):
    sweep(tracked, words="--nap 0.2")
    running = tracked.running()
    for event in running.events():
        if type(event).__name__ == "Started":
            log = tracked.folder / "log.txt"
            patience = time.monotonic() + 60
            while (not log.exists() or log.read_text().count("completed") < 2) and time.monotonic() < patience:
                time.sleep(0.02)
            driver = next(p for p in psutil.Process().children(recursive=True) if p.cwd() == str(tracked.folder / "code"))
            os.kill(driver.pid, signal.SIGKILL)
    facts, log = tracked.run()
    done = int(log.split(" of 5 trials were finished by an earlier run")[0])
    assert done >= 2
    assert facts["summary"] == "5 trials; best loss 1 (trial 2)"
    assert [tried(tracked).count(x) for x in (1, 2)] == [1, 1]
    assert not list((tracked.home / "cache/unfinished").iterdir())


@pytest.mark.slow
def test_trials_of_a_sweep_that_had_no_time_to_end_their_runs_are_not_left_running(tracked):
    """Its driver is killed, as the engine does where a step does not end in time."""
    sweep(tracked, words="--nap 20")
    events, patience = tracked.running().events(), time.monotonic() + 60
    while type(next(events)).__name__ != "Started":
        pass
    while not (tracked.root / "tried").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    driver = next(p for p in psutil.Process().children(recursive=True) if p.cwd() == str(tracked.folder / "code"))
    os.kill(driver.pid, signal.SIGKILL)
    assert [type(event).__name__ for event in events if type(event).__name__ == "Failed"] == ["Failed"]
    client = MlflowClient(f"sqlite:///{tracked.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("kinds").experiment_id
    assert {run.info.status for run in client.search_runs([experiment]) if "slipway.trial" in run.data.tags} == {"KILLED"}


@pytest.mark.slow
def test_a_sweep_that_is_canceled_ends_its_trials_and_their_runs(tracked):
    sweep(tracked, words="--nap 20")
    running = tracked.running()
    events = running.events()
    while type(next(events)).__name__ != "Started":
        pass
    patience = time.monotonic() + 60
    while not (tracked.root / "tried").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    pids = [process.pid for process in psutil.Process().children(recursive=True)]
    events.close()
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).cwd().startswith(str(tracked.folder))]
    client = MlflowClient(f"sqlite:///{tracked.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("kinds").experiment_id
    assert {run.info.status for run in client.search_runs([experiment]) if "slipway.trial" in run.data.tags} == {"KILLED"}


@pytest.mark.slow
def test_the_same_seed_tries_the_same_parameters_and_picks_the_same_winner_cold_and_warm(tracked):
    sweep(
        tracked,
        algorithm="{type: random, seed: 4}",
        space="{type: uniform, min_value: 0, max_value: 6}",
        limits="max_total_trials: 3, max_concurrent_trials: 2",
    )
    winners = []
    for warm in (True, False):
        tracked.run(warm=warm, force=True)
        winners.append((tracked.folder / "outputs/model/model.json").read_text())
    assert winners[0] == winners[1]
    assert tried(tracked)[::2] == tried(tracked)[1::2]


@pytest.mark.slow
def test_the_trials_of_a_sweep_may_be_distributed(tracked):
    script = "import os, sys, mlflow\nfrom pathlib import Path\nrank = os.environ['RANK']\nPath(sys.argv[2], rank).touch()\nif rank == '0':\n    mlflow.log_metric('loss', float(sys.argv[1]))\n"
    sweep(tracked, script=script, space="{type: choice, values: [2, 3]}", limits="max_total_trials: 2")
    text = (tracked.root / "pipeline.yml").read_text()
    text = text.replace("python train.py --x ${{search_space.x}} --out", "python train.py ${{search_space.x}}")
    (tracked.root / "pipeline.yml").write_text(
        text.replace("      code: ./src", "      code: ./src\n      distribution: {type: pytorch, process_count_per_instance: 2}")
    )
    tracked.run()
    assert sorted(path.name for path in (tracked.folder / "outputs/model").iterdir()) == ["0", "1"]


def test_the_first_of_equal_trials_is_the_best_and_only_completed_ones_count():
    made = [Trial(2, {}, "completed", history=[1.0]), Trial(1, {}, "completed", history=[5.0, 1.0]), Trial(0, {}, "stopped", history=[0.0])]
    assert best_of(made, "minimize").number == 1
    assert best_of([Trial(0, {}, "completed", history=[float("nan")])], "minimize") is None


def test_the_table_has_the_best_trial_first():
    made = [Trial(0, {"lr": 0.1}, "completed", history=[1.0]), Trial(1, {"lr": 0.25}, "completed", history=[2.0], seconds=1.26)]
    assert table(made, "gain", "maximize").splitlines()[1].split() == ["1", "completed", "2", "1.3", "lr=0.25"]


def test_a_completed_trial_whose_outputs_were_changed_is_run_again(tmp_path):
    ledger = Ledger(tmp_path / "state")
    (tmp_path / "0/outputs").mkdir(parents=True)
    ledger.keep(Trial(0, {}, "completed", folder=str(tmp_path / "0"), digest="sha256:0"))
    ledger.keep(Trial(1, {}, "stopped"))
    ledger.keep(Trial(2, {}, "failed"))
    with (tmp_path / "state/trials.jsonl").open("a") as file:
        file.write('{"number": 3, "para')
    assert [trial.number for trial in ledger.read()] == [1]


@pytest.mark.parametrize(
    ("algorithm", "packages"),
    [("grid", set()), ("bayesian", {"optuna"}), ("{type: random, rule: sobol}", {"scipy"}), ("{type: random}", set())],
)
def test_a_sweep_imports_the_packages_that_its_sampling_needs_and_no_other(site, algorithm, packages):
    sweep(site, algorithm=algorithm)
    component = load_pipeline(site.root / "pipeline.yml").steps["it"].component
    assert {name.split(".")[0] for name in read_driven(component, read_code).imports} & {"optuna", "scipy"} == packages
