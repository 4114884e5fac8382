"""A call that the engine makes to the file system is made to fail, or is the last that it makes: each call in one of four ways; EVERY=1, in all."""

import os
import subprocess
import sys

import pytest

DRIVER = """
import builtins, errno, os, signal, sys, traceback
from pathlib import Path
from mlops.errors import MlopsError
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

root, fault, first, stride = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
home = root / ".mlops"
CALLS = ["open", "write", "mkdir", "replace", "fsync", "chmod", "unlink"]
NOT_REACHED, CLEAN, TRACE = 77, 1, 99


def fail_at(number):
    count, owner = [0], os.getpid()

    def wrapped(name, call):
        def instead(first, *rest, **more):
            path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.fsdecode(first)
            if os.getpid() == owner and path.startswith(str(home)):
                count[0] += 1
                if count[0] == number:
                    if fault == "KILL":
                        os.kill(owner, signal.SIGKILL)
                    raise OSError(getattr(errno, fault), os.strerror(getattr(errno, fault)), path or None)
            return call(first, *rest, **more)
        return instead

    for name in CALLS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    return count


def once(number=0):
    reached = fail_at(number)
    running = LocalRun(load_pipeline(root / "pipeline.yml"), home, root, Options(warm=False, workers=1))
    list(running.events())
    if number and reached[0] < number:
        return NOT_REACHED
    return 0 if running.record.facts["state"] == "completed" else CLEAN


def in_a_child(number=0):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = TRACE
    try:
        code = once(number)
    except MlopsError as error:
        code = CLEAN
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def made():
    from mlops.local.runs import read_runs
    facts = read_runs(home)[0]
    return facts["state"], Path(facts["outputs"]["result"]["path"], "doubled.txt").read_bytes()


assert in_a_child() == 0
wanted, number = made(), first - stride
while True:
    number += stride
    os.system(f"rm -rf '{home}'")
    code = in_a_child(number)
    if code == NOT_REACHED:
        break
    assert code in ({-9} if fault == "KILL" else {0, CLEAN}), (number, code)
    assert in_a_child() == 0, number
    assert made() == wanted, number
print(number)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "first"), [("KILL", 1), ("ENOSPC", 2), ("EIO", 3), ("EROFS", 4)])
def test_whichever_call_fails_or_is_the_last_the_next_run_is_whole(project, fault, first):
    """E1, E4, E6: an error is told without a trace, and what comes after is as if nothing had happened."""
    which = ["1", "1"] if os.environ.get("EVERY") else [str(first), "4"]
    done = subprocess.run([sys.executable, "-c", DRIVER, str(project.root), fault, *which], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.splitlines()[-1]) > 40
    assert "Traceback" not in done.stderr
