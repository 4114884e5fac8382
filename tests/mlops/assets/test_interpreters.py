"""Which Python a step gets: told by what differs, and built where it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.assets.images import Image, differences
from mlops.cli import main
from mlops.local.runs import read_runs

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


@pytest.mark.slow
def test_a_step_runs_with_the_packages_of_its_conda_file_built_once(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "job.yml", "--why"]) == 0
    facts = read_runs(here.home)[0]["steps"]["job"]
    version, _, prefix = Path(facts["outputs"]["said"]["path"]).read_text().split(maxsplit=2)
    assert (version, Path(prefix.strip()).parent) == ("1.16.0", here.home / "interpreters")
    assert "numpy==1.21.* is not installed" in facts["environment"]["differs"]
    assert "1 packages from its conda file" in capsys.readouterr().err
    built = next((here.home / "interpreters").glob("*/installed.json"))
    before = built.stat().st_mtime_ns
    assert main(["run", "job.yml"]) == 0
    assert (read_runs(here.home)[0]["steps"]["job"]["state"], built.stat().st_mtime_ns) == ("reused", before)


@pytest.mark.slow
def test_what_cannot_be_installed_is_told_before_anything_starts(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    here.write("job.yml", JOB.replace("six==1.16.0", "six==99"))
    assert main(["run", "job.yml"]) == 3
    assert "six==99" in capsys.readouterr().err
    assert not (here.home / "runs").exists()
