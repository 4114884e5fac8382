"""How far steps are, told while they run: bars, counts, metrics, the parts of a driven step."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.engine.events import Finished, Progress
from mlops.local import executor
from mlops.local.logs import readable
from mlops.local.progress import Watch, progress_in
from mlops.local.run import LocalRun, Options
from mlops.local.runs import read_run
from mlops.spec.pipeline import load_pipeline
from mlops.tracking.reader import Tracker

MLOPS = Path(sys.executable).with_name("mlops")
WAIT = """
import time
from pathlib import Path
def wait():
    while not Path(__file__).with_name("go").exists():
        time.sleep(0.01)
"""
BAR = """
import sys
from tqdm import tqdm
from wait import wait
print("begin", flush=True)
for number in tqdm(range(4), desc="train", mininterval=0):
    if number == 3:
        wait()
open(sys.argv[1], "w").write("1")
print("end")
"""


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(executor, "_LOOK_EVERY", 0.02)


def told_until_done(running, enough):
    """Return the progress that a run tells of; its step waits until that is `enough`."""
    told = []
    for event in running.events():
        if isinstance(event, Progress):
            told.append(event.text)
            if enough(event.text):
                code = running.record.folder / "steps" / event.step / "code"
                (code / "go").touch()
    assert running.record.facts["state"] == "completed", running.record.facts["steps"]
    return told


def waiting(project, script):
    project.write("code/wait.py", WAIT)
    project.write("code/make.py", script.replace("sys.argv[1]", "sys.argv[2]"))
    return LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(workers=1))


@pytest.mark.parametrize(
    ("log", "progress"),
    [
        ("epoch 3/10\n", "epoch 3/10"),
        ("Epoch 3: loss 0.1\nsaved\n", "Epoch 3: loss 0.1"),
        ("read\n43 % done\n", "43 % done"),
        ("[100]\tvalid auc: 0.8\n", "[100]\tvalid auc: 0.8"),
        ("\r 1/9 [=>...]\b\b\b\b\r 2/9 [==>..]", "2/9 [==>..]"),
        ("120it [00:05, 24.00it/s]", "120it [00:05, 24.00it/s]"),
        ("\x1b[32m3 of 10\x1b[0m files\n", "3 of 10 files"),
        ("reading /data/2013/01/flights.csv\n2013-01-02 12:00 started\nsaved model v3\n", ""),
        ("epoch 1/2\na\nb\nc\n", ""),
        ("", ""),
    ],
)
def test_what_tells_of_progress_at_a_logs_end_is_found(log, progress):
    assert progress_in(log) == progress


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("train:  43%|████▎     | 43/100 [00:03<00:04, 14.2it/s, loss=0.31]", "train 43 %, 43/100, 00:04 left, loss=0.31"),
        ("\r  0%|          | 0/9 [00:00<?, ?it/s]", "0 %, 0/9, 00:00"),
        (" 50%|█████     | 1.5M/3.0M [00:10<00:10, 150kB/s]", "50 %, 1.5M/3.0M, 00:10 left"),
    ],
)
def test_a_bar_is_told_in_words(tmp_path, log, text):
    (tmp_path / "log.txt").write_text(log)
    assert Watch(tmp_path).news() == text


def test_what_was_told_is_not_told_again_and_an_unchanged_log_is_not_read(tmp_path):
    log = tmp_path / "log.txt"
    watch = Watch(tmp_path)
    assert watch.news() == ""
    log.write_text("epoch 1/2\n")
    assert [watch.news(), watch.news(), watch.news("loss 3")] == ["epoch 1/2", "", "epoch 1/2 · loss 3"]
    stamp = log.stat()
    log.write_text("epoch 2/2\n")
    os.utime(log, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert watch.news("loss 3") == ""
    os.utime(log)
    assert watch.news("loss 3") == "epoch 2/2 · loss 3"


def test_a_line_that_was_written_over_is_what_it_was_in_the_end():
    assert readable("a\r\n\r 1%\r 2%\rdone   \n\x1b[31mred\x1b[0m\n\rlast\r") == ["a", "done   ", "red", "last"]


def test_the_bar_of_a_step_is_told_while_it_runs_and_kept_out_of_the_journal(project):
    running = waiting(project, BAR)
    told = told_until_done(running, lambda text: text.startswith("train 75 %, 3/4"))
    journal = [json.loads(line) for line in (running.record.folder / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in journal if line.get("step") == "make"] == ["Started", "Finished"]
    assert len(told) == len(set(told))
    assert "progress" not in read_run(running.record.folder)["steps"]["make"]


def test_the_newest_progress_of_a_running_step_is_in_the_runs_record(project, monkeypatch):
    for name in ("_WRITE_EVERY", "_SHARE"):
        monkeypatch.setattr(f"mlops.local.runs.{name}", 0)
    running = waiting(project, BAR)
    for event in running.events():
        if isinstance(event, Progress):
            assert read_run(running.record.folder)["steps"]["make"]["progress"] == event.text
            (running.record.folder / "steps/make/code/go").touch()
        elif isinstance(event, Finished) and event.step == "make":
            assert event.summary == "end"
            return
    raise AssertionError("the step did not finish")


@pytest.mark.slow
def test_a_metric_that_a_step_logs_is_told_while_it_runs(project):
    logs = "import mlflow\nfrom wait import wait\nmlflow.log_metric('loss', 0.25)\nprint('epoch 1', flush=True)\nwait()\n"
    project.write("code/make.py", f"import sys\n{logs}open(sys.argv[2], 'w').write('1')\n")
    project.write("code/wait.py", WAIT)
    track = lambda record, p, o: Tracker(project.home, record, p, o)  # noqa: E731
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(workers=1), track)
    assert "epoch 1 · loss 0.25" in told_until_done(running, lambda text: "loss 0.25" in text)


def logs(project, *words, terminal=False):
    """Return what `mlops logs` prints."""
    environment = os.environ | {"MLOPS_HOME": str(project.home)}
    command = [MLOPS, "logs", "latest", *words]
    if not terminal:
        return subprocess.run(command, cwd=project.root, env=environment, capture_output=True, check=True).stdout.decode()
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=project.root, env=environment, stdout=theirs) as shown:
        os.close(theirs)
        text = b""
        while True:
            try:
                text += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        assert shown.wait() == 0
    os.close(ours)
    return text.decode()


def test_a_bar_is_one_line_of_the_logs_and_is_drawn_in_place_on_a_terminal(project):
    project.write(
        "code/make.py",
        "import sys\nsys.stdout.write('begin\\n' + ''.join(f'\\r {n} %' for n in range(9)) + '\\nend')\nopen(sys.argv[2], 'w').write('1')\n",
    )
    list(LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options()).events())
    assert logs(project, "make") == "== make\nbegin\n 8 %\nend"
    assert logs(project, "make", "--follow", terminal=True).replace("\r\n", "\n") == "== make\nbegin\n 8 %\nend"
