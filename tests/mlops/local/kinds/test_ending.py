"""Steps of every kind that ignore SIGTERM and leave daemons: canceled, out of time, or failed on the way, none of their processes stays."""

import shutil
import time

import psutil
import pytest
from tests.mlops.local.kinds.test_parallel import STEP as PARALLEL

from mlops.engine.events import Failed, Started

STAY = """
import os, signal, subprocess, sys, time
from pathlib import Path
PIDS = Path({pids!r})
def here():
    (PIDS / str(os.getpid())).touch()
def stay():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for exec_ in (False, True):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.chdir("/")
                here()
                if exec_:
                    os.execve("/bin/sleep", ["sleep", "600"], {{}})
                time.sleep(600)
            os._exit(0)
    here()
    time.sleep(600)
"""
COMMAND = "type: command\ncode: ./src\ncommand: COMMAND\nenvironment: azureml:any@latest\n"
DISTRIBUTED = COMMAND + "distribution: {type: pytorch, process_count_per_instance: 2}\n"
SWEEP = """
type: sweep
trial: {code: ./src, command: "COMMAND -x ${{search_space.x}}", environment: azureml:any@latest}
sampling_algorithm: grid
search_space: {x: {type: choice, values: [1, 2]}}
objective: {goal: minimize, primary_metric: loss}
LIMITS
"""
SUBMIT = '#!/bin/sh\nfor last; do :; done\nexec python "$last"\n'
SPARK = "type: spark\ncode: ./src\nentry: {file: stay.py}\n"
PROCESSES = {"command": 3, "bash": 3, "distributed": 6, "sweep": 6, "parallel": 6, "spark": 3}
"""How many there are of each kind, daemons too."""


@pytest.fixture
def pids(tmp_path):
    folder = tmp_path / "pids"
    folder.mkdir()
    yield folder
    for pid in map(int, (path.name for path in folder.iterdir())):
        if psutil.pid_exists(pid):
            psutil.Process(pid).kill()


@pytest.fixture
def nasty(site, pids, monkeypatch, tmp_path, request):
    """A function that writes a step of a kind, all of whose processes stay where they can."""
    for name in ("DATABRICKS_HOST", "SPARK_HOME"):
        monkeypatch.delenv(name, raising=False)

    def write(kind, limits=""):
        stay = STAY.format(pids=str(pids))
        site.write("src/stay.py", f"{stay}\nif __name__ == '__main__':\n    stay()\n")
        command = "python stay.py" if kind != "bash" else "true && python stay.py; true"
        if kind == "parallel":
            site.write("src/score.py", f"{stay}\ndef run(mini_batch):\n    stay()\n")
            for number in range(2):
                site.write(f"data/{number}.txt", "")
            text = PARALLEL.replace("TYPE", "uri_folder").replace("SIZE", "1").replace("MORE", limits).replace("ARGUMENTS", "''")
        elif kind == "spark":
            package = tmp_path / "packages" / "pyspark"
            (package / "bin").mkdir(parents=True)
            (package / "__init__.py").write_text("")
            (package / "bin/spark-submit").write_text(SUBMIT)
            (package / "bin/spark-submit").chmod(0o755)
            monkeypatch.setenv("PYTHONPATH", str(package.parent))
            text = SPARK
        elif kind == "sweep":
            site.home.mkdir(parents=True)
            shutil.copy(request.getfixturevalue("database"), site.home / "mlflow.db")
            text = SWEEP.replace("COMMAND", command).replace("LIMITS", limits or "limits: {max_total_trials: 2, max_concurrent_trials: 2}")
        else:
            text = (DISTRIBUTED if kind == "distributed" else COMMAND).replace("COMMAND", command) + limits
        site.step(text)

    return write


def all_there(pids, kind):
    """Wait until every process of a step has said that it is there."""
    end = time.monotonic() + 60
    while len(list(pids.iterdir())) < PROCESSES[kind] and time.monotonic() < end:
        time.sleep(0.02)
    assert len(list(pids.iterdir())) == PROCESSES[kind]


def alive(pids):
    return [path.name for path in pids.iterdir() if psutil.pid_exists(int(path.name))]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROCESSES)
def test_a_canceled_step_of_any_kind_leaves_no_process(site, nasty, pids, kind):
    """E3, E8, E9: what `mlops cancel` does to the engine is what the end of its events does."""
    nasty(kind)
    running = site.running(tracked=kind == "sweep")
    events = running.events()
    while not isinstance(next(events), Started):
        pass
    all_there(pids, kind)
    events.close()
    assert running.record.facts["state"] == "canceled"
    assert alive(pids) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "limits", "reason"),
    [
        ("command", "limits: {timeout: 2}", "it ran longer than its limit"),
        ("distributed", "limits: {timeout: 4}", "it ran longer than its limit"),
        ("sweep", "limits: {max_total_trials: 2, max_concurrent_trials: 2, timeout: 4}", "the sweep ran longer than its limit"),
        ("sweep", "limits: {max_total_trials: 2, max_concurrent_trials: 2, trial_timeout: 2}", "none of 2 trials completed"),
        ("parallel", "retry_settings: {max_retries: 1, timeout: 2}\nmini_batch_error_threshold: 0", "mini-batch"),
    ],
)
def test_a_step_that_is_out_of_time_leaves_no_process_not_even_while_another_step_runs(site, nasty, pids, kind, limits, reason):
    """E8, E9."""
    nasty(kind, limits)
    site.write("other/other.py", f"import os, time\nwhile not os.path.exists({str(site.root / 'go')!r}): time.sleep(0.02)\n")
    other = "\n  other: {type: command, code: ./other, command: python other.py, environment: azureml:any@latest}\n"
    pipeline = site.root / "pipeline.yml"
    pipeline.write_text(pipeline.read_text() + other)
    running = site.running(tracked=kind == "sweep")
    for event in running.events():
        if isinstance(event, Failed):
            assert event.step == "it"
            assert reason.removeprefix("it ") in event.reason
            end = time.monotonic() + 10
            while alive(pids) and time.monotonic() < end:
                time.sleep(0.02)
            left = alive(pids)
            (site.root / "go").touch()
    assert list(pids.iterdir())
    assert left == []
