"""A pipeline in places that people really have: letters of other languages, blanks, a plain locale, another folder, Windows' line ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.local.runs import read_runs

MLOPS = Path(sys.executable).with_name("mlops")


def mlops(*words, cwd, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "MLFLOW_", "PYTHON"))}
    return subprocess.run([MLOPS, *words], cwd=cwd, env=kept | variables, capture_output=True, check=False, timeout=120)


@pytest.mark.slow
def test_a_pipeline_runs_in_a_folder_with_odd_letters_under_a_plain_locale_from_elsewhere(project, tmp_path):
    """E14: neither the path, nor the locale, nor the working directory, nor the time zone matters."""
    odd = project.root.rename(tmp_path / "Ünïcode (with blanks) & more")
    done = mlops("run", str(odd / "pipeline.yml"), cwd="/", MLOPS_HOME=str(odd / ".mlops"), LC_ALL="C", TZ="Pacific/Kiritimati")
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stdout + done.stderr
    (facts,) = read_runs(odd / ".mlops")
    assert Path(facts["outputs"]["result"]["path"], "doubled.txt").read_text() == "0 2 4 6 8"


def test_yaml_with_windows_line_ends_and_a_byte_order_mark_reads_as_any_other(project):
    """E14: a checkout that was made on Windows is not another pipeline."""
    for path in project.root.glob("*.yml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    done = mlops("check", str(project.pipeline), cwd=project.root, MLOPS_HOME=str(project.home))
    assert (done.returncode, done.stdout.decode().strip()) == (0, "1 file: no mistake found"), done.stderr.decode()
