"""A registered component stands alone: with its code, its conda file, and the components that it names."""

from __future__ import annotations

import shutil

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.assets.bundle import bundle
from mlops.errors import UsageError
from mlops.spec.pipeline import check_component
from mlops.spec.source import read

STEP = """\
type: command
name: step
version: 3
code: ../code
command: python go.py
environment: {image: some/image, conda_file: ../conda.yml}
"""
WHOLE = """\
type: pipeline
name: whole
jobs:
  one: {type: command, component: ./step.yml}
  two:
    type: command
    command: python go.py
    code: ../code
    environment: azureml:any@latest
  three:
    type: command
    component: {type: command, name: inner, code: ../code/go.py, command: python go.py, environment: azureml:any@latest}
"""


@pytest.fixture
def step(shop: Workshop) -> Workshop:
    for name, text in {
        "code/go.py": "import near",
        "code/near.py": "",
        "conda.yml": "dependencies: [python]",
        "parts/step.yml": STEP,
    }.items():
        shop.write(name, text)
    return shop


def test_code_and_conda_file_come_along_and_the_version_does_not(step: Workshop) -> None:
    target = step.root / "made"
    bundle(read(step.root / "parts/step.yml"), target)
    shutil.rmtree(step.root / "code")
    check_component(target / "component.yml")
    body = read(target / "component.yml").value
    assert sorted(path.name for path in (target / "code").iterdir()) == ["go.py", "near.py"]
    assert (body.get("version"), body["code"], body["environment"]["conda_file"]) == (None, "./code", {"dependencies": ["python"]})


def test_a_pipeline_component_brings_each_component_that_it_names(step: Workshop) -> None:
    step.write("parts/whole.yml", WHOLE)
    target = step.root / "made"
    bundle(read(step.root / "parts/whole.yml"), target)
    for name in ("code", "parts"):
        shutil.rmtree(step.root / name)
    check_component(target / "component.yml")
    assert (target / "jobs/one/component/code/go.py").is_file()
    assert (target / "jobs/three/code/go.py").is_file()


def test_what_it_names_and_is_not_there_is_told(step: Workshop) -> None:
    step.write("parts/step.yml", STEP.replace("../code", "../kode"))
    with pytest.raises(UsageError, match=r"there is no '../kode'"):
        bundle(read(step.root / "parts/step.yml"), step.root / "made")
