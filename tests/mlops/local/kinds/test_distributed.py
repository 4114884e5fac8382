"""Distributed steps: real processes, each with the variables of its type."""

import json
import os
import signal
import time

import psutil
import pytest

from mlops.engine.events import Progress
from mlops.local import executor
from mlops.local.kinds.distributed import Layout, layout, ranks

STEP = """
type: command
command: {command}
code: ./src
environment: azureml:any@latest
resources: {{instance_count: 2}}
distribution: {distribution}
"""
PYTORCH = "{type: pytorch, process_count_per_instance: 2}"


def marked(log):
    """Return the lines of the ranks, in the order of the ranks."""
    return sorted(line for line in log.splitlines() if line.startswith("["))


@pytest.mark.parametrize("warm", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_each_process_of_a_pytorch_step_knows_its_rank_and_its_lines_are_marked_with_it(site, warm):
    site.write(
        "src/hello.py", "import os\nprint(*(os.environ[n] for n in ('RANK', 'LOCAL_RANK', 'NODE_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE')))"
    )
    site.step(STEP.format(command="python hello.py", distribution=PYTORCH))
    facts, log = site.run(warm=warm, tracked=False)
    assert facts["state"] == "finished"
    assert marked(log) == ["[rank 0] 0 0 0 4 2", "[rank 1] 1 1 0 4 2", "[rank 2] 2 0 1 4 2", "[rank 3] 3 1 1 4 2"]


def test_the_bar_of_a_rank_is_told_while_it_is_drawn_and_is_one_line_of_the_log(site, monkeypatch):
    monkeypatch.setattr(executor, "_LOOK_EVERY", 0.02)
    bar = "import os, sys, time\nfor n in range(9):\n    sys.stdout.write(f'\\r{n}%|#| {n}/9 [00:01<00:02, 1it/s]'); sys.stdout.flush()\n"
    site.write("src/bar.py", f"{bar}    while n == 4 and not os.path.exists('go'): time.sleep(0.01)\nprint()\n")
    site.step(STEP.format(command="python bar.py", distribution="{type: pytorch}").replace("instance_count: 2", "instance_count: 1"))
    running = site.running(tracked=False)
    for event in running.events():
        if isinstance(event, Progress) and event.text == "[rank 0] 4 %, 4/9, 00:02 left":
            (site.folder / "code/go").touch()
    assert marked((site.folder / "log.txt").read_text()) == ["[rank 0] 8%|#| 8/9 [00:01<00:02, 1it/s]"]


@pytest.mark.slow
def test_the_ranks_can_meet_at_the_master_port(site):
    site.write(
        "src/meet.py",
        """\
        import os, socket, time
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        if os.environ["RANK"] == "0":
            server = socket.create_server(address)
            for _ in range(3):
                server.accept()
            print("all came")
        else:
            for _ in range(200):
                try:
                    socket.create_connection(address).close()
                    break
                except OSError:
                    time.sleep(0.05)
        """,
    )
    site.step(STEP.format(command="python meet.py", distribution=PYTORCH))
    assert "[rank 0] all came" in site.run(tracked=False)[1]


def test_one_rank_that_fails_ends_the_others_and_is_named(site):
    site.step(STEP.format(command="'[ $RANK = 1 ] && exit 4; sleep 600'", distribution=PYTORCH))
    facts, _ = site.run(tracked=False)
    assert facts["reason"] == "rank 1 of 4 ended with exit code 4; the others were ended"


@pytest.mark.slow
def test_parameter_servers_end_when_the_workers_have(site):
    command = '\'case "$TF_CONFIG" in *\\"type\\":\\ \\"ps\\"*) sleep 60;; *) echo work;; esac\''
    site.step(STEP.format(command=command, distribution="{type: tensorflow, worker_count: 2, parameter_server_count: 1}"))
    facts, log = site.run(tracked=False)
    assert facts["state"] == "finished"
    assert marked(log) == ["[worker 0] work", "[worker 1] work"]


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_process(site):
    site.write("src/wait.py", "import os, time\nprint('pid', os.getpid(), os.getppid())\ntime.sleep(60)")
    site.step(STEP.format(command="python wait.py", distribution=PYTORCH))
    running = site.running(tracked=False)
    for event in running.events():
        if type(event).__name__ == "Started":
            log = running.record.folder / "steps/it/log.txt"
            patience = time.monotonic() + 60
            while (not log.exists() or log.read_text().count("pid") < 4) and time.monotonic() < patience:
                time.sleep(0.05)
            words = [line.split() for line in marked(log.read_text())]
            pids = [int(line[3]) for line in words]
            os.kill(psutil.Process(int(words[0][4])).ppid(), signal.SIGKILL)
    assert running.record.facts["steps"]["it"]["reason"].startswith("it was ended by SIGKILL")
    patience = time.monotonic() + 5
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not any(map(psutil.pid_exists, pids))


def test_the_variables_of_each_type_are_those_that_are_documented():
    two = ranks(Layout("mpi", 1, 2, ports=(7, 8)))
    assert [r.variables["OMPI_COMM_WORLD_RANK"] + r.variables["OMPI_COMM_WORLD_SIZE"] for r in two] == ["02", "12"]
    assert two[0].variables["AZ_BATCH_MASTER_NODE"] == "127.0.0.1:7"
    config = json.loads(ranks(Layout("tensorflow", 2, 1, 1, ports=(1, 2, 3)))[2].variables["TF_CONFIG"])
    assert config["cluster"] == {"worker": ["127.0.0.1:1", "127.0.0.1:2"], "ps": ["127.0.0.1:3"]}
    assert config["task"] == {"type": "ps", "index": 0}


def test_without_a_count_there_is_one_process_an_instance():
    assert layout({"distribution": {"type": "pytorch"}, "instance_count": 3}).size == 3
    assert layout({"distribution": {"type": "tensorflow"}, "instance_count": 2}).size == 2


def test_code_that_needs_mpirun_is_refused_with_what_to_do_instead(site):
    site.write("src/all.py", "from mpi4py import MPI\nprint(MPI.COMM_WORLD.rank)")
    site.step(STEP.format(command="python all.py", distribution="{type: mpi, process_count_per_instance: 2}"))
    facts, log = site.run(tracked=False)
    assert "needs processes that mpirun started" in facts["reason"]
    assert "Use distribution type pytorch" in log
