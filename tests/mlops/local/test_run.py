"""Pipelines run for real: processes, files, logs."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops.engine.events import Failed, Finished, Reused, RunFinished, Skipped, Started
from mlops.local.run import LocalRun, Options
from mlops.local.runs import read_run, read_runs
from mlops.spec.pipeline import load_pipeline

MINE = f".{os.getpid()}"  # of a sleep: another run of these tests on this machine has another


def run(project, force=False, warm=True, **settings):
    """Run the project's pipeline, and return the events and the record."""
    running = LocalRun(load_pipeline(project.pipeline, settings), project.home, project.root, Options(warm=warm, force=force))
    events = list(running.events())
    return events, running.record.facts


def ends(events):
    return {e.step: type(e) for e in events if isinstance(e, Finished | Reused | Failed | Skipped)}


def reasons(events):
    return {e.step: e.reason for e in events if isinstance(e, Started)}


@pytest.mark.parametrize("warm", [True, False])
def test_a_run_makes_what_its_steps_make_and_says_so(project, warm):
    events, facts = run(project, warm=warm)
    assert ends(events) == dict.fromkeys(["make", "double", "count"], Finished)
    assert Path(facts["outputs"]["result"]["path"], "doubled.txt").read_text() == "0 2 4 6 8"
    assert [facts["steps"][s]["summary"] for s in ("make", "double", "count")] == ["5 numbers", "5 doubled", "5"]
    assert json.loads((project.home / "runs/1/run.json").read_text())["state"] == "completed"


def test_nothing_changed_means_nothing_runs(project):
    _, first = run(project)
    events, second = run(project)
    assert ends(events) == dict.fromkeys(["make", "double", "count"], Reused)
    assert second["outputs"] == first["outputs"]
    assert second["steps"]["make"]["reason"] == "same data, code, parameters"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "ran", "reason"),
    [
        (lambda p: p.edit("code/rule.py", "2 * x", "3 * x"), {"double", "count"}, ("double", "code rule.py changed")),
        (lambda p: p.edit("code/make.py", "count, out =", "count, out  ="), {"make"}, ("make", "code make.py changed")),
        (lambda p: p.edit("pipeline.yml", "n: 5", "n: 6"), {"make", "double", "count"}, ("make", "parameter n 5 -> 6")),
        (
            lambda p: p.edit("double.yml", "any@latest", "any@2"),
            {"double"},
            ("double", 'the environment "azureml:any@latest" -> "azureml:any@2"'),
        ),
        (lambda p: p.write("code/notes.txt", "x"), {"make", "double"}, ("make", "code notes.txt is new")),
        (
            lambda p: p.edit("make.yml", "version: 1", "version: 1\nis_deterministic: false"),
            {"make"},
            ("make", "is_deterministic is false"),
        ),
    ],
)
def test_exactly_what_a_change_concerns_runs_again_with_its_reason(project, change, ran, reason):
    """E10: code, parameter, environment, is_deterministic changed -> rerun, and nothing else."""
    run(project)
    change(project)
    events, _ = run(project)
    assert {name for name, kind in ends(events).items() if kind is Finished} == ran
    assert reasons(events)[reason[0]] == reason[1]


def test_an_output_that_was_edited_is_made_again(project):
    """E10: output edited or deleted -> rerun."""
    _, facts = run(project)
    made = Path(facts["steps"]["make"]["outputs"]["numbers"]["path"])
    made.chmod(0o644)
    made.write_text("1 2 3")
    events, _ = run(project)
    assert reasons(events) == {"make": "its earlier output numbers was changed or deleted"}


def test_an_edit_that_restores_the_modification_time_is_seen(project):
    """D6: content decides, not times."""
    _, facts = run(project)
    made = Path(facts["steps"]["make"]["outputs"]["numbers"]["path"])
    before = made.stat()
    made.chmod(0o644)
    made.write_bytes(made.read_bytes().replace(b"4", b"9"))
    os.utime(made, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "make" in reasons(run(project)[0])


def test_force_runs_everything(project):
    run(project)
    assert set(reasons(run(project, force=True)[0]).values()) == {"forced"}


def test_a_failed_step_shows_its_log_and_the_next_run_starts_there(project):
    project.edit("code/double.py", "import rule", "import rule\nprint('about to fail')\nraise ValueError('seven')")
    events, facts = run(project)
    failed = next(e for e in events if isinstance(e, Failed))
    assert ends(events) == {"make": Finished, "double": Failed, "count": Skipped}
    assert failed.tail[0] == "about to fail"
    assert failed.tail[-1] == "ValueError: seven"
    assert not any("runpy" in line or "spawner" in line for line in failed.tail)
    assert facts["steps"]["count"]["reason"] == "needs double, which failed"
    project.edit("code/double.py", "raise ValueError('seven')", "")
    assert ends(run(project)[0]) == {"make": Reused, "double": Finished, "count": Finished}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
        ("import os; os._exit(0)", "did not write its output 'numbers'"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import ctypes; ctypes.string_at(0)", "ended by SIGSEGV"),
    ],
)
def test_a_step_that_dies_is_failed_with_the_way_it_died(project, line, reason):
    """E7: killed, segmentation fault, or exit 0 without its outputs."""
    project.write("code/make.py", line)
    events, facts = run(project)
    assert reason in next(e for e in events if isinstance(e, Failed)).reason
    assert facts["state"] == "failed"


def test_a_step_that_hangs_is_ended_with_all_that_it_started(project):
    """E8: the limit ends the whole process group, grandchildren too."""
    project.write("code/make.py", f"import subprocess, sys\nsubprocess.run(['sleep', '61{MINE}'])\n")
    project.edit("make.yml", "command:", "limits: {timeout: 0.5}\ncommand:")
    events, _ = run(project)
    assert "longer than its limit of 0.5 s" in next(e for e in events if isinstance(e, Failed)).reason
    assert not processes(f"sleep 61{MINE}")


@pytest.mark.slow
def test_the_time_in_which_the_warm_process_imports_is_not_the_steps(project, tmp_path, monkeypatch):
    """E8: the limit begins with the step's own process."""
    (tmp_path / "heavy.py").write_text("import time\ntime.sleep(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    project.edit("code/make.py", "import sys", "import heavy, sys")
    project.edit("make.yml", "command:", "limits: {timeout: 2}\ncommand:")
    assert ends(run(project)[0])["make"] is Finished


def test_what_a_step_leaves_running_ends_with_it(project):
    """E9: no background process writes into sealed outputs."""
    project.edit("code/make.py", "import sys", f"import subprocess, sys\nsubprocess.Popen(['sleep', '62{MINE}'], start_new_session=True)")
    events, _ = run(project)
    assert ends(events)["make"] is Finished
    wait_until(lambda: not processes(f"sleep 62{MINE}"))


def test_an_input_that_changes_while_a_step_reads_it_fails_the_step(project):
    """D6: the run pins its inputs by digest."""
    data = project.write("data.txt", "1 2 3")
    project.edit("pipeline.yml", "numbers: ${{parent.jobs.make.outputs.numbers}}", "numbers: ./data.txt")
    project.edit("code/double.py", "import rule", f"import rule\nopen({str(data)!r}, 'a').write(' 4')")
    events, _ = run(project)
    assert "its input 'numbers' changed while it ran" in next(e for e in events if isinstance(e, Failed)).reason


def test_a_step_that_deletes_its_input_fails_and_the_input_is_made_again(project):
    project.edit("code/double.py", "import rule", "import os, rule")
    project.edit("code/double.py", "print(f", "os.remove(sys.argv[1])\nprint(f")
    events, _ = run(project)
    assert "its input 'numbers' changed while it ran" in next(e for e in events if isinstance(e, Failed)).reason
    project.edit("code/double.py", "os.remove(sys.argv[1])\nprint", "print")
    assert reasons(run(project)[0])["make"] == "its earlier output numbers was changed or deleted"


@pytest.mark.slow
def test_of_a_log_without_bounds_the_beginning_and_the_end_are_kept(project):
    """E6: a step that prints gigabytes does not fill the disk."""
    project.edit(
        "code/make.py", "import sys", "import sys\nprint('first')\nfor _ in range(300): print('x' * 999_999)\nprint('last but one')\n"
    )
    _, facts = run(project)
    log = project.home / "runs/1/steps/make/log.txt"
    text = log.read_text()
    assert log.stat().st_size < 20_000_000
    assert text.startswith("first\nxxx")
    assert text.endswith("last but one\n5 numbers\n")
    assert "bytes are left out here" in text
    assert facts["steps"]["make"]["summary"] == "5 numbers"


def test_outputs_are_sealed(project):
    _, facts = run(project)
    assert not os.stat(facts["steps"]["make"]["outputs"]["numbers"]["path"]).st_mode & 0o222


def test_a_step_sees_only_the_code_that_it_imports(project):
    _, facts = run(project)
    folder = project.home / "runs" / str(facts["run"]) / "steps"
    assert sorted(p.name for p in (folder / "make/code").iterdir()) == ["make.py", "outputs"]
    assert sorted(p.name for p in (folder / "double/code").iterdir() if p.suffix) == ["double.py", "rule.py"]


ENGINE = """
import sys
from pathlib import Path
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline
root = Path(sys.argv[1])
try:
    for event in LocalRun(load_pipeline(root / "pipeline.yml"), root / ".mlops", root, Options()).events():
        print(type(event).__name__, getattr(event, "step", ""), flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def engine(project):
    """Start the engine as a process of its own, and wait until `make` runs."""
    process = subprocess.Popen([sys.executable, "-c", ENGINE, str(project.root)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("Started make"):
            return process
    raise AssertionError("make was never started")


def processes(words):
    """Return the processes whose command line holds the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line and "-c" not in line.split()[:2]:
            found.append(line)
    return found


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    assert true()


SLOW = "import subprocess\nopen('started', 'w').close()\nsubprocess.run(['sleep', '{}'])\n"


def test_an_interrupt_ends_every_child_and_the_record_says_canceled(project):
    """E3: Ctrl-C ends the process groups, the run is canceled, exit 130."""
    project.write("code/make.py", SLOW.format(f"63{MINE}"))
    process = engine(project)
    wait_until(lambda: processes(f"sleep 63{MINE}"))
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 130
    process.stdout.close()
    assert not processes(f"sleep 63{MINE}")
    facts = read_run(project.home / "runs/1")
    assert (facts["state"], facts["steps"]["make"]["state"]) == ("canceled", "canceled")


def test_a_killed_engine_leaves_no_process_and_the_next_run_goes_on(project):
    """E1, E2: SIGKILL of the engine; no lock stays, nothing that was not done is taken as done."""
    project.write("code/make.py", SLOW.format(f"64{MINE}"))
    process = engine(project)
    wait_until(lambda: processes(f"sleep 64{MINE}"))
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not processes(f"sleep 64{MINE}"))
    assert read_runs(project.home)[0]["state"] == "killed"
    project.write("code/make.py", "import sys\nopen(sys.argv[2], 'w').write('0 1')\n")
    events, _ = run(project)
    assert set(ends(events).values()) == {Finished}


def test_the_last_event_of_a_run_is_its_end(project):
    events, _ = run(project)
    assert isinstance(events[-1], RunFinished)
    assert [json.loads(line)["event"] for line in (project.home / "runs/1/events.jsonl").read_text().splitlines()][-1] == "RunFinished"


@pytest.mark.parametrize("place", ["/proc/nobody/may/write/here", "a file"])
def test_a_state_folder_that_cannot_be_written_is_one_clear_error(project, place):
    """E6: read-only state, even for root."""
    from mlops.errors import PlatformError

    project.home = project.write("a file", "") if place == "a file" else Path(place)
    with pytest.raises(PlatformError, match="cannot write"):
        run(project)


@contextlib.contextmanager
def mounted(place, options):
    """A file system of its own at `place`, where the machine lets us mount one."""
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let tests mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_file_system_that_becomes_read_only_is_one_clear_error_and_what_was_there_is_reused_later(project, tmp_path):
    """E6: EROFS, for root too."""
    from mlops.errors import PlatformError

    with mounted(tmp_path / "disk", "size=8m") as disk:
        project.home = disk / "state"
        run(project)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(PlatformError, match="cannot write: Read-only file system") as caught:
            run(project)
        assert "mount it for writing, or set MLOPS_HOME" in caught.value.hint
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert reasons(run(project)[0]) == {}


def test_a_full_disk_is_one_clear_error(project, tmp_path):
    """E6: ENOSPC, on a real file system of 64 kB where the machine lets us mount one."""
    from mlops.errors import PlatformError

    with mounted(tmp_path / "small", "size=64k") as small:
        project.home = small / "state"
        project.write("code/make.py", "import sys\nopen(sys.argv[2], 'w').write('1 ' * 100_000)\n")
        with pytest.raises(PlatformError, match="No space left"):
            run(project)
            run(project, force=True)


def test_a_clock_that_goes_backwards_changes_neither_what_runs_nor_how_long_it_took(project, monkeypatch):
    """E14: an hour back with every question, in the engine; the files it writes are from the true time."""
    true, asked = time.time, itertools.count()
    for name, unit in (("time", 1), ("time_ns", 10**9)):
        monkeypatch.setattr(time, name, lambda unit=unit: type(unit)(true() * unit) - 3600 * unit * next(asked))
    events, record = run(project)
    assert set(reasons(events)) == {"make", "double", "count"}
    assert all(0 <= event.seconds < 600 for event in events if isinstance(event, Finished | RunFinished))
    assert record["state"] == read_run(project.home / "runs/1")["state"] == "completed"
    assert reasons(run(project)[0]) == {}
    project.edit("code/make.py", "count, out =", "count, out  =")
    assert set(reasons(run(project)[0])) == {"make"}
