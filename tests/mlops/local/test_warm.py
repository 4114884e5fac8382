"""What a step sees must not differ between a forked child and a fresh process: the same nasty scripts, both ways, everything compared."""

import json
from pathlib import Path

import pytest

from mlops.local.run import LocalRun, Options
from mlops.local.snapshot import plain_python, read_code
from mlops.spec.pipeline import load_pipeline

LOOK = """
import atexit, gc, json, os, random, resource, signal, sys, threading
out = sys.argv[-1]
facts = {
    "argv": sys.argv[:-1], "cwd": os.path.basename(os.getcwd()), "name": __name__, "file": os.path.basename(__file__),
    "stdin": sys.stdin.read(), "path0": os.path.basename(sys.path[0]), "main": sys.modules["__main__"].__dict__ is globals(),
    "variable": os.environ.get("MINE"), "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "sigpipe": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN,
    "session": os.getsid(0) == os.getpid(), "fds": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:4][-1] > 2,
    "threads": threading.active_count(), "absolute": os.path.isabs(__file__), "spec": __spec__, "loader": type(__loader__).__name__,
    "globals": sorted(name for name in globals() if name.startswith("__")), "builtins": type(__builtins__).__name__,
    "environment": {name: value.replace(os.path.dirname(os.getcwd()), "STEP") for name, value in os.environ.items() if name not in {"_", "SHLVL", "PWD", "OLDPWD"}},
    "streams": [[s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno(), s.name] for s in (sys.stdin, sys.stdout, sys.stderr)],
    "umask": os.umask(0o22), "priority": os.nice(0), "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE), "path": [os.path.basename(place) for place in sys.path if "site" not in place],
    "flags": str(sys.flags), "warnings": sys.warnoptions, "recursion": sys.getrecursionlimit(), "gc": gc.isenabled(),
}
json.dump(facts, open(out, "w"))
atexit.register(lambda: print("at exit"))
thread = threading.Thread(target=lambda: print("from a thread"))
thread.start()
thread.join()
print("last line of the script")
"""


def look(project, warm, script=LOOK):
    project.write("code/make.py", script)
    if "MINE" not in (project.root / "make.yml").read_text():
        project.edit("make.yml", "environment:", "environment_variables: {MINE: 'a b'}\nenvironment:")
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(warm=warm, force=True))
    list(running.events())
    step = running.record.facts["steps"]["make"]
    return step, (running.record.folder / "steps/make/log.txt").read_text()


def test_a_forked_step_sees_what_a_fresh_process_sees(project):
    seen = {}
    for warm in (True, False):
        step, log = look(project, warm)
        assert step["warm"] is warm
        seen[warm] = (json.loads(Path(step["outputs"]["numbers"]["path"]).read_text()), log.splitlines())
    (warm, warm_log), (cold, cold_log) = seen[True], seen[False]
    assert {key: (warm[key], cold[key]) for key in cold if warm[key] != cold[key]} == {}
    assert warm_log == cold_log


NASTY = [
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "import sys\nfor n in range(3): print('out', n); print('err', n, file=sys.stderr)\nraise SystemExit(2)",
    "import atexit, pickle\nclass Mine: pass\natexit.register(lambda: print(type(pickle.loads(pickle.dumps(Mine()))).__name__))\nraise SystemExit(2)",
    "import atexit, sys\natexit.register(lambda: sys.stdout.write('first registered, last run'))\natexit.register(print, 'run first')\nraise SystemExit(3)",
    "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('a thread is waited for'))).start()\nraise SystemExit(4)",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(30,), daemon=True).start()\nraise SystemExit(4)",
    "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('spawn').Pool(1) as pool: print(pool.map(f, [1, 2, 3]))\n    raise SystemExit(5)",
    "import json, decimal\njson.dumps = None; decimal.getcontext().prec = 2\nraise SystemExit(6)",
    "import sys\nsys.exit(300)",
    "import sys\nsys.exit(-1)",
    "import os\nos.close(1)\nprint('into nothing')",
    "import sys\ndef f(): f()\nf()",
    "raise KeyboardInterrupt",
]


@pytest.mark.parametrize(
    "script",
    [
        "import sys; sys.exit('a message')",
        "import sys; sys.exit(7)",
        "raise SystemExit",
        "1 / 0",
        "import os; os.abort()",
        "import multiprocessing as m\nif __name__ == '__main__':\n    m.set_start_method('fork'); p = m.Process(target=print, args=('child',)); p.start(); p.join(); raise SystemExit(5)",
        "import sys; sys.stdout.write('no newline'); sys.stdout.flush(); raise SystemExit(4)",
        "print('\\u2713'); raise SystemExit(9)",
        "def broken(:",
        *(pytest.param(script, marks=pytest.mark.slow) for script in NASTY),
    ],
)
def test_a_forked_step_ends_as_a_fresh_process_ends(project, script):
    ends = []
    for warm in (True, False):
        step, log = look(project, warm, script)
        ends.append((step["state"], step["reason"], [line for line in log.splitlines() if "line" not in line]))
    assert ends[0] == ends[1]


def test_what_a_step_does_to_the_interpreter_does_not_reach_the_next(project):
    script = "import json, os, sys\nseen = json.dumps is None, os.environ.get('LEFT'), os.getcwd()[-9:]\njson.dumps = None\nos.environ['LEFT'] = '1'\nsys.path.clear()\nopen(sys.argv[-1], 'w').write(str(seen))\n"
    project.edit(
        "double.yml",
        "python double.py '${{inputs.numbers}}' '${{outputs.folder}}'",
        "python other.py '${{inputs.numbers}}' '${{outputs.folder}}/doubled.txt'",
    )
    project.write("code/other.py", script)
    step, _ = look(project, True, script)
    second = project.home / "runs/1/steps/double/outputs/folder/doubled.txt"
    assert Path(step["outputs"]["numbers"]["path"]).read_text() == "(False, None, 'make/code')"
    assert second.read_text().startswith("(False, None,")


def test_two_forked_steps_do_not_share_their_random_numbers(project):
    script = "import random, sys, numpy\nopen(sys.argv[-1], 'w').write(f'{random.random()} {numpy.random.random()}')\n"
    drawn = [Path(look(project, True, script)[0]["outputs"]["numbers"]["path"]).read_text() for _ in range(2)]
    assert drawn[0].split()[0] != drawn[1].split()[0]
    assert drawn[0].split()[1] != drawn[1].split()[1]


def test_a_process_that_got_threads_from_an_import_is_not_forked(project, monkeypatch):
    script = "import threads\nimport sys; open(sys.argv[-1], 'w').write('x')\n"
    project.write("code/threads.py", "import concurrent.futures.thread, sched_probe\n")
    (project.root / "site").mkdir()
    (project.root / "site/sched_probe.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(project.root / "site"))
    step, _ = look(project, True, script)
    assert (step["state"], step["warm"]) == ("finished", False)


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("python a.py --x 1", ("a.py", "--x", "1")),
        ("python a.py 'a b' \"c d\"", ("a.py", "a b", "c d")),
        ("python a.py \\\n  --y 2", ("a.py", "--y", "2")),
        ("python -m mlops.contract --x y", ("-m", "mlops.contract", "--x", "y")),
        ("python a.py | tee log", ()),
        ("X=1 python a.py", ()),
        ('python a.py "$HOME"', ()),
        ("python a.py *.csv", ()),
        ("python a.py && echo done", ()),
        ("python -c 'print(1)'", ()),
        ("echo hello", ()),
        ("python a.py 'unclosed", ()),
    ],
)
def test_only_a_plain_python_command_is_forked(command, argv):
    assert plain_python(command) == argv


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("import rule", {"make.py", "rule.py"}),
        ("import os", {"make.py"}),
        ("from rule import double", {"make.py", "rule.py"}),
        ("import importlib; importlib.import_module('rule')", {"make.py", "rule.py", "double.py"}),
        ("exec('import rule')", {"make.py", "rule.py", "double.py"}),
        ("import subprocess; subprocess.run(['python', 'double.py'])", {"make.py", "rule.py", "double.py"}),
        ("def this is not python", {"make.py", "rule.py", "double.py"}),
    ],
)
def test_a_script_gets_the_modules_that_it_may_import_and_all_where_that_cannot_be_told(project, script, files):
    project.write("code/make.py", script)
    assert set(read_code("python make.py", project.root / "code").files) == files


def test_amlignore_keeps_files_out_of_the_code(project):
    project.write("code/big.bin", "x")
    project.write("code/.amlignore", "*.bin\n.amlignore\n")
    assert set(read_code("python make.py", project.root / "code").files) == {"make.py"}
