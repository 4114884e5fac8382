"""Which Python a step gets: told by what differs, and built where it is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.assets.images import Image, differences
from mlops.cli import main
from mlops.local.runs import read_runs
from mlops.tracking.server import connect

HERE = {"numpy": "2.4.6", "scikit-learn": "1.9.1"}.get


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image("a", pip=("numpy>=2", "scikit_learn==1.9.*")), ()),
        (Image("a", pip=("scikit-learn==1.0",)), ("scikit-learn==1.0 is asked for, 1.9.1 is used",)),
        (Image("a", pip=("azureml-core", "numpy==1; python_version < '3'", "--extra-index-url x")), ("azureml-core is not installed",)),
        (Image("a", conda=("conda-forge::numpy=1.21=py_0", "numpy>=2")), ("numpy==1.21.* is asked for, 2.4.6 is used",)),
        (Image("a", python="3.8"), ("Python 3.8 is asked for, 3.11.7 is used",)),
        (Image("a", image="x", build=True), ("the container image x is not used", "its Dockerfile is not built")),
    ],
)
def test_what_differs_is_told_package_by_package(image: Image, said: tuple[str, ...]) -> None:
    assert differences(image, "3.11.7", HERE) == said


JOB = """\
type: command
command: >-
  python -c "import six, sys; print(six.__version__, 'prefix', sys.prefix)" > ${{outputs.said}}
environment: {image: some/image, conda_file: {dependencies: [numpy=1.21, {pip: ["six==1.16.0"]}]}}
outputs: {said: {type: uri_file}}
"""


@pytest.fixture
def here(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.chdir(shop.root)
    for name, text in {"src/project/project.yml": "name: a\nmodels: {}\n", "job.yml": JOB}.items():
        shop.write(name, text)
    shop.write("environments/local.yml", "where: local\npackages: conda_file\n")
    return shop


def test_a_dry_run_installs_and_fetches_nothing_and_says_what_a_run_would(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    address = "{type: uri_file, path: 'https://example.invalid/numbers.csv'}"
    job = "{type: command, command: 'cat ${{inputs.data}} > ${{outputs.out}}', environment: azureml:any@latest, inputs: {data: DATA}, outputs: {out: {type: uri_file}}}"
    here.write("pipeline.yml", f"type: pipeline\njobs:\n  far: {job.replace('DATA', address)}\n")
    for file, reason in (
        ("job.yml", "the packages of some/image would be installed first"),
        ("pipeline.yml", "its input 'data' would be fetched first"),
    ):
        assert main(["run", file, "--dry-run", "--json"]) == 0
        (verdict,) = json.loads(capsys.readouterr().out).values()
        assert verdict == {"would": "run", "reason": reason}
    assert not [path for path in here.home.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_step_runs_with_the_packages_of_its_conda_file_built_once(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "job.yml", "--why"]) == 0
    facts = read_runs(here.home)[0]["steps"]["job"]
    version, _, prefix = Path(facts["outputs"]["said"]["path"]).read_text().split(maxsplit=2)
    assert (version, Path(prefix.strip()).parent) == ("1.16.0", here.home / "interpreters")
    assert "numpy==1.21.* is not installed" in read_runs(here.home)[0]["environments"][facts["environment"]]["differs"]
    assert "1 packages from its conda file" in capsys.readouterr().err
    built = next((here.home / "interpreters").glob("*/installed.json"))
    before = built.stat().st_mtime_ns
    assert main(["run", "job.yml", "--dry-run"]) == 0
    assert "reuse" in capsys.readouterr().out
    assert main(["run", "job.yml"]) == 0
    assert (read_runs(here.home)[0]["steps"]["job"]["state"], built.stat().st_mtime_ns) == ("reused", before)


@pytest.mark.slow
def test_a_step_with_an_older_mlflow_logs_into_its_own_run(here: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log = "import mlflow, sys; mlflow.log_metric('a', 1.5); open(sys.argv[1], 'w').write(mlflow.__version__)"
    here.write("log/log.py", log)
    job = JOB.replace("six==1.16.0", 'mlflow-skinny==2.10.2", "setuptools<80').replace("outputs:", "code: ./log\noutputs:")
    here.write("job.yml", re.sub("command: >-\n.*\n", "command: python log.py ${{outputs.said}}\n", job))
    assert main(["run", "job.yml"]) == 0
    said = read_runs(here.home)[0]["steps"]["job"]["outputs"]["said"]
    assert Path(said["path"]).read_text() == "2.10.2"
    logged = [run.data.metrics for run in connect(here.home).search_runs(["1"])]
    assert logged == [{"a": 1.5}, {"a": 1.5}]  # the step's, and that of the whole run, which has its steps' metrics


@pytest.mark.slow
def test_what_cannot_be_installed_is_told_before_anything_starts(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    here.write("job.yml", JOB.replace("six==1.16.0", "six==99"))
    assert main(["run", "job.yml"]) == 3
    assert "six==99" in capsys.readouterr().err
    assert not (here.home / "runs").exists()


DRIVEN = """\
type: pipeline
jobs:
  cut:
    type: parallel
    inputs: {files: {type: uri_folder, path: ./cut}}
    outputs: {said: {type: uri_file}}
    input_data: ${{inputs.files}}
    task:
      type: run_function
      code: ./cut
      entry_script: cut.py
      environment: ENVIRONMENT
      append_row_to: ${{outputs.said}}
  ranks:
    type: command
    command: python -c "import six, sys; print(six.__version__, sys.prefix)" > ${{outputs.said}}
    environment: ENVIRONMENT
    outputs: {said: {type: uri_file}}
    distribution: {type: pytorch, process_count_per_instance: 1}
"""
CUT = """\
import six, sys
from azureml_user.parallel_run import EntryScript
def init():
    EntryScript().logger.info("ready")
def run(mini_batch):
    return [f"{six.__version__} {sys.prefix}" for _ in mini_batch]
"""


@pytest.mark.slow
def test_what_a_driver_starts_has_the_packages_of_its_conda_file_too(here: Workshop) -> None:
    here.write("cut/cut.py", CUT)
    here.write("job.yml", DRIVEN.replace("ENVIRONMENT", '{image: some/image, conda_file: {dependencies: [{pip: ["six==1.16.0"]}]}}'))
    assert main(["run", "job.yml"]) == 0
    steps = read_runs(here.home)[0]["steps"].values()
    said = [Path(step["outputs"]["said"]["path"]).read_text().split(maxsplit=1) for step in steps]
    assert [(version, Path(prefix.strip()).parent) for version, prefix in said] == [("1.16.0", here.home / "interpreters")] * 2
