"""The command line as a person meets it: help, exit codes, messages, JSON."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops.cli import VERBS, main
from mlops.errors import UsageError
from mlops.local.warm import Spawner
from mlops.verbs.pipelines import given

MLOPS = Path(sys.executable).with_name("mlops")


@pytest.fixture
def here(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("MLOPS_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return project


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_teaches_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"Example: mlops {verb}" in " ".join(capsys.readouterr().out.split())


def test_help_imports_nothing_heavy():
    script = "import sys\nfrom mlops.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint([m for m in sys.modules if m in %r], file=sys.stderr)"
    heavy = ("pandas", "sklearn", "mlflow", "great_expectations", "numpy", "rich", "azure", "yaml", "httpx")
    done = subprocess.run([sys.executable, "-c", script % (heavy,)], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_small_run_imports_nothing_that_takes_longer_than_a_step(here):
    script = (
        "import sys\nfrom mlops.cli import main\nmain(['run', 'pipeline.yml'])\nprint([m for m in sys.modules if m in %r], file=sys.stderr)"
    )
    slow = ("typing", "dataclasses", "inspect", "ast", "hashlib", "tempfile", "shutil", "asyncio", "http.client", "logging", "uuid")
    done = subprocess.run([sys.executable, "-c", script % (slow,)], capture_output=True, text=True, check=True, cwd=here.root)
    assert done.stderr.strip() == "[]"


def test_a_mistake_in_the_yaml_is_exit_2_and_starts_nothing(here, capsys):
    here.edit("pipeline.yml", "n: ${{parent.inputs.n}}", "m: ${{parent.inputs.n}}")
    assert main(["run", "pipeline.yml"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("pipeline.yml:14:7  error: make has no input called 'm'")
    assert "^" in told
    assert told.rstrip().endswith("Nothing was started.")
    assert not (here.home / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "nothing.yml"], "there is no file 'nothing.yml'"),
        (["run", "pipeline.yml", "--set", "inputs.n"], "has no value"),
        (["run", "pipeline.yml", "--set", "inputs.m=1"], "no input called 'm'"),
        (["show", "77"], "there is no run '77'"),
        (["status"], "there is no src/project/project.yml here or above"),
    ],
)
def test_a_wrong_request_is_exit_2_with_one_clear_message(here, words, said, capsys):
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("told", "meant"),
    [([" "], {}), (["inputs.a=1 inputs.b=2"], {"a": "1", "b": "2"}), (["inputs.a=one two"], {"a": "one two"}), (["inputs.a="], {"a": ""})],
)
def test_settings_stand_alone_or_together_and_a_blank_is_none(told, meant):
    assert given(told) == meant


@pytest.mark.slow
def test_run_show_runs_and_report_tell_the_same_facts(here, capsys):
    assert main(["run", "pipeline.yml", "--json", "--set", "inputs.n=3"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["steps"]["count"]["summary"] == "3"
    assert main(["show", "latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == facts["steps"]
    assert main(["runs"]) == 0
    assert facts["name"] in capsys.readouterr().out
    assert main(["report"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


@pytest.mark.slow
def test_a_failed_step_is_exit_1_and_names_its_log(here, capsys):
    here.write("code/make.py", "raise ValueError('seven')")
    assert main(["run", "pipeline.yml"]) == 1
    told = capsys.readouterr()
    assert "ValueError: seven" in told.out
    assert "make failed: it ended with exit code 1" in told.err
    assert "steps/make/log.txt" in told.err


def test_json_is_one_document_however_it_ends(here, capsys):
    assert main(["run", "nowhere.yml", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] == "there is no file 'nowhere.yml'"
    here.write("code/make.py", "raise ValueError('seven')")
    assert main(["run", "pipeline.yml", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["steps"]["make"]["state"], told["error"]["exit_code"]) == ("failed", "failed", 1)
    assert "make failed" in told["error"]["message"]


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [(KeyboardInterrupt(), 130, "interrupted"), (ZeroDivisionError("no"), 3, "ZeroDivisionError: no"), (UsageError("né"), 2, "né")],
    ids=repr,
)
@pytest.mark.parametrize("printed", ["", '{"a": 1}', "[1]", "a line\nanother"])
def test_json_is_one_document_also_of_what_was_not_to_be_expected(here, capsys, monkeypatch, raised, code, says, printed):
    def runs(_):
        print(printed)
        raise raised

    monkeypatch.setattr("mlops.verbs.pipelines.runs", runs)
    assert main(["runs", "--json"]) == code
    told = capsys.readouterr()
    facts = json.loads(told.out)
    assert facts["error"]["exit_code"] == code
    assert says in facts["error"]["message"]
    assert facts.get("a") == (1 if "{" in printed else None)
    assert facts.get("told") == ([1] if "[" in printed else None)
    assert ("another" in told.err) == ("another" in printed)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict"])
def test_json_is_written_whatever_standard_output_takes(here, encoding):
    there = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-m", "mlops.cli", "check", b"n\xc3\xa9\xff.yml", "--json"], capture_output=True, env=there, check=False
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


@pytest.mark.slow
def test_why_says_it_of_each_step_and_of_what_has_no_effect_here(here, capsys):
    main(["run", "pipeline.yml"])
    capsys.readouterr()
    assert main(["run", "pipeline.yml", "--why"]) == 0
    told = capsys.readouterr().err
    assert "make           reused: same data, code, parameters" in told
    assert "no effect on this machine: pipeline.yml: settings.default_compute" in told


def test_check_tells_every_mistake_of_every_file(here, capsys):
    here.edit("pipeline.yml", "n: 5", "n: five")
    here.edit("double.yml", "outputs:", "output:")
    assert main(["check", "pipeline.yml", "double.yml"]) == 2
    told = capsys.readouterr().err
    assert "'five' is not an integer" in told
    assert "unknown key 'output'" in told
    assert main(["check", "make.yml", "--json"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_exit_130_with_nothing_left_behind(here, number):
    """E3: Ctrl-C, or a canceled CI job."""
    here.write("code/make.py", f"import subprocess\nsubprocess.run(['sleep', '65.{os.getpid()}'])\n")
    with subprocess.Popen([MLOPS, "run", "pipeline.yml"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for _ in range(1200):
            if f"sleep\x0065.{os.getpid()}" in _lines():
                break
            time.sleep(0.05)
        process.send_signal(number)
        told = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told
    assert f"sleep\x0065.{os.getpid()}" not in _lines()


def _lines():
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().rstrip(b"\0").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_an_unreachable_tracking_server_is_exit_3(here, monkeypatch, capsys):
    """R11: told at once, with what to do."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["run", "pipeline.yml"]) == 3
    told = capsys.readouterr().err
    assert "the tracking server does not answer" in told
    assert "Traceback" not in told


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(here, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["doctor"]) == 3
    told = capsys.readouterr()
    assert "✘ tracking" in told.out
    assert "mend: " in told.out


def test_a_reader_that_closes_the_pipe_gets_no_traceback(here):
    done = subprocess.run(
        f"{MLOPS} --help | head -1; {MLOPS} check *.yml | true", shell=True, capture_output=True, text=True, env=os.environ
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["run", "nothing.yml"], ["run", "pipeline.yml"]])
def test_the_process_that_starts_steps_is_gone_when_the_verb_is(here, capsys, monkeypatch, words):
    """It is started before the pipeline is read, whatever comes of that."""
    started = []
    begin = Spawner.__init__
    monkeypatch.setattr(Spawner, "__init__", lambda self: started.append(self) or begin(self))
    main(words)
    capsys.readouterr()
    assert started
    assert all(spawner.process.returncode is not None for spawner in started)
