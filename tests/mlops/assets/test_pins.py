"""What an environment leaves open is told; what is pinned is not."""

from pathlib import Path

import pytest

from mlops.assets.pins import loose
from mlops.spec.source import read

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture
def of(tmp_path):
    """Return what tells of an environment with these lines."""

    def told(text: str, **files: str) -> list[str]:
        for name, content in files.items():
            tmp_path.joinpath(name).write_text(content)
        path = tmp_path / "environment.yml"
        path.write_text(f"name: it\n{text}\n")
        return loose(read(Path(path)))

    return told


def test_an_image_by_its_digest_is_pinned(of):
    assert of(f"image: python@{DIGEST}") == []
    assert of(f"image: registry.example:5000/python:3.11@{DIGEST}") == []


@pytest.mark.parametrize(
    ("image", "said"),
    [("python:3.11", "the tag 3.11 alone"), ("python", "nothing: `latest`"), ("a.example:5000/python", "nothing: `latest`")],
)
def test_an_image_by_its_tag_can_be_moved(of, image, said):
    (told,) = of(f"image: {image}")
    assert said in told


def test_packages_without_an_exact_version_are_named(of):
    conda = "conda_file: {dependencies: [python=3.11, pip, numpy, {pip: [pandas==3.1.1, mlflow, '-r more.txt', scikit-learn>=1]}]}"
    (told,) = of(f"image: python@{DIGEST}\n{conda}")
    assert told.startswith("numpy, mlflow, scikit-learn>=1: no exact version")


def test_a_dockerfile_is_pinned_by_what_it_begins_from(of):
    dockerfile = f"FROM --platform=linux/amd64 python:3.11 AS build\nFROM build AS same\nFROM alpine@{DIGEST}\nRUN true\n"
    (told,) = of("build: {path: .}", Dockerfile=dockerfile)
    assert told.startswith("the base image python is pinned by the tag 3.11 alone")
