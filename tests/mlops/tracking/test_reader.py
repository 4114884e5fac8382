"""Runs written to MLflow: on SQLite, on a real server, and on a server that is not there."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from mlops.engine.events import Failed, Finished
from mlops.errors import PlatformError
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline
from mlops.tracking import later
from mlops.tracking.later import MARK, catch_up
from mlops.tracking.reader import Tracker
from mlops.tracking.server import connect

LOGS = "import mlflow\nmlflow.log_metric('numbers', 5.0)\nmlflow.log_param('from', 'the script')\n"


def tracked(project):
    running = LocalRun(
        load_pipeline(project.pipeline), project.home, project.root, Options(), lambda record, p, o: Tracker(project.home, record, p, o)
    )
    events = list(running.events())
    catch_up(project.home)
    return events, running.record.facts


def runs_of(home, experiment="numbers"):
    client = connect(home)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return {run.data.tags["mlflow.runName"]: run for run in found}


@pytest.mark.slow
def test_a_run_is_a_parent_with_one_nested_run_a_step(project):
    project.edit("code/make.py", "import sys", LOGS + "import sys")
    _, facts = tracked(project)
    runs = runs_of(project.home)
    parent = runs[facts["name"]]
    assert set(runs) == {facts["name"], "make", "double", "count"}
    assert {run.data.tags.get("mlflow.parentRunId") for name, run in runs.items() if name != facts["name"]} == {parent.info.run_id}
    assert parent.data.params == {"n": "5"}
    assert runs["make"].data.params == {"n": "5", "from": "the script"}
    assert parent.data.metrics == runs["make"].data.metrics == {"numbers": 5.0}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    (given,) = runs["double"].inputs.dataset_inputs
    assert facts["steps"]["make"]["outputs"]["numbers"]["digest"].removeprefix("sha256:").startswith(given.dataset.digest)
    assert parent.data.tags["mlflow.user"] == facts["user"]


@pytest.mark.slow
def test_a_failed_step_is_a_failed_run_and_a_reused_one_is_noted_on_the_parent(project):
    """E11: no run is left RUNNING, and none that failed says FINISHED."""
    project.edit("code/double.py", "import rule", "import rule\nraise SystemExit(1)")
    tracked(project)
    events, facts = tracked(project)
    runs = runs_of(project.home)
    assert any(isinstance(e, Failed) for e in events)
    assert (runs["double"].info.status, runs[facts["name"]].info.status) == ("FAILED", "FAILED")
    assert runs[facts["name"]].data.tags["slipway.reused.make"] == "same data, code, parameters"


@pytest.mark.slow
def test_a_run_that_logs_nothing_is_written_down_when_somebody_looks_with_its_own_times(project):
    track = lambda record, p, o: Tracker(project.home, record, p, o)  # noqa: E731
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(), track)
    assert {event.step for event in running.events() if isinstance(event, Finished)} == {"make", "double", "count"}
    assert not (project.home / "mlflow.db").exists()
    ended = (running.record.folder / MARK).stat().st_mtime
    catch_up(project.home)
    runs = runs_of(project.home)
    assert set(runs) == {running.record.facts["name"], "make", "double", "count"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert max(run.info.end_time for run in runs.values()) / 1000 <= ended + 0.1
    assert not (running.record.folder / MARK).exists()


@pytest.mark.slow
def test_a_server_takes_the_same_runs(project, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ["server", "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", str(tmp_path / "artifacts")]
    command = [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    alone = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # jobs are three more processes that import MLflow
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=alone) as server:
        try:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            wait_for(f"http://127.0.0.1:{port}/health")
            project.edit("code/make.py", "import sys", LOGS + "import sys")
            events, facts = tracked(project)
            assert sum(isinstance(e, Finished) for e in events) == 3
            assert runs_of(project.home)[facts["name"]].data.metrics == {"numbers": 5.0}
            assert not (project.home / "mlflow.db").exists()
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def wait_for(url):
    for _ in range(1200):
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} never answered")


def test_a_server_that_is_not_there_is_told_at_once(tmp_path, monkeypatch):
    """R11: an unreachable tracking server is one clear error, not minutes of retries."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with pytest.raises(PlatformError, match="does not answer") as caught:
        connect(tmp_path)
    assert "unset it" in caught.value.hint


@pytest.mark.slow
def test_a_broken_database_is_one_clear_error(tmp_path):
    """E6: a corrupted state database."""
    (tmp_path / "mlflow.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(PlatformError, match="cannot be used"):
        connect(tmp_path)


@pytest.mark.slow
def test_many_processes_may_be_the_first_to_use_the_database(tmp_path):
    """E12: one migrates under the lock, the others wait."""
    script = "import sys; from pathlib import Path; from mlops.tracking.server import connect; connect(Path(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, errors


@pytest.mark.slow
def test_the_runs_of_a_killed_process_are_ended_by_the_next_and_finished_ones_are_left_alone(project):
    """E11: no run stays RUNNING for ever, and no terminal state is overwritten."""
    project.write(
        "code/make.py", "import mlflow, os, signal\nmlflow.log_metric('a', 1)\nos.kill(int(os.environ['ENGINE']), signal.SIGKILL)"
    )
    script = (
        "import os, sys; from pathlib import Path; root = Path(sys.argv[1]); os.environ['ENGINE'] = str(os.getpid())\n"
        "from mlops.local.run import LocalRun, Options; from mlops.spec.pipeline import load_pipeline; from mlops.tracking.reader import Tracker\n"
        "track = lambda record, p, o: Tracker(root / '.mlops', record, p, o)\n"
        "list(LocalRun(load_pipeline(root / 'pipeline.yml'), root / '.mlops', root, Options(), track).events())"
    )
    assert subprocess.run([sys.executable, "-c", script, str(project.root)]).returncode == -signal.SIGKILL
    killed = {name: run.info.status for name, run in runs_of(project.home).items() if name != "make"}
    assert killed == {"swift-finch": "RUNNING"}
    project.write("code/make.py", "import sys\nopen(sys.argv[2], 'w').write('0 1')")
    tracked(project)
    client = connect(project.home)
    found = client.search_runs([client.get_experiment_by_name("numbers").experiment_id])
    ended = {run.data.tags["mlflow.runName"]: run.info.status for run in found if run.data.tags["slipway.run"] == "1"}
    assert ended["swift-finch"] == "KILLED"
    assert "RUNNING" not in ended.values()
    assert {run.info.status for run in found if run.data.tags["slipway.run"] == "2"} == {"FINISHED"}


LATER = """
import os, signal, sys
from pathlib import Path
from mlops.tracking import later
from mlops.tracking.server import connect

home = Path(sys.argv[1])
connect(home)  # MLflow is imported before the forks, and its connection closed


def killed(place, name, times=1):
    call, count = getattr(place, name), [0]

    def instead(*given, **more):
        count[0] += 1
        if count[0] == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **more)

    setattr(place, name, instead)


def ended(act):
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


from mlflow import MlflowClient
for place, name, times in ((MlflowClient, "create_run", 1), (MlflowClient, "create_run", 3), (MlflowClient, "set_terminated", 4), (Path, "unlink", 1), (MlflowClient, "delete_run", 2)):
    assert ended(lambda: (killed(place, name, times), later.catch_up(home))) == -signal.SIGKILL, (name, times)
assert ended(lambda: later.catch_up(home)) == 0
assert ended(lambda: (killed(MlflowClient, "create_run"), later.catch_up(home))) == 0
"""


@pytest.mark.slow
def test_a_run_that_is_written_down_later_is_there_once_whenever_the_writing_was_killed(project):
    """E11: before it, in the middle, behind its last word, before its mark is taken away, and while the half of it is deleted."""
    running = LocalRun(
        load_pipeline(project.pipeline), project.home, project.root, Options(), lambda r, p, o: Tracker(project.home, r, p, o)
    )
    list(running.events())
    done = subprocess.run([sys.executable, "-c", LATER, str(project.home)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    client = connect(project.home)
    found = client.search_runs([client.get_experiment_by_name("numbers").experiment_id])
    assert sorted(run.data.tags["mlflow.runName"] for run in found) == sorted([running.record.facts["name"], "make", "double", "count"])
    assert {run.info.status for run in found} == {"FINISHED"}
    assert len({run.data.tags.get("mlflow.parentRunId") for run in found}) == 2


def test_a_line_of_the_journal_that_a_kill_has_cut_is_left_out(tmp_path):
    journal = tmp_path / "events.jsonl"
    journal.write_text('{"at": 5.0, "event": "Finished", "step": "a", "seconds": 1.0}\n{"at": 6.0, "eve')
    assert [event.step for event, _ in later._events(journal)] == ["a"]
