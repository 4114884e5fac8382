"""Code from a git repository: a real one, in a folder."""

from __future__ import annotations

import subprocess

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.assets.repositories import Place, Repositories, parse
from mlops.errors import PlatformError, SpecError, UsageError
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

JOB = "type: command\ncommand: cat word.txt\ncode: git+file://REPOSITORY@main#subdirectory=deep/src\nenvironment: azureml:any@latest\n"


def git(shop: Workshop, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", str(shop.root / "far"), *who, *words], check=True, capture_output=True)


@pytest.fixture
def far(shop: Workshop) -> Workshop:
    """A workshop beside a repository whose branch `main` has the word `first`."""
    shop.write("far/deep/src/word.txt", "first")
    git(shop, "init", "--quiet", "--initial-branch", "main")
    git(shop, "add", ".")
    git(shop, "commit", "--quiet", "-m", "first")
    return shop


def said(shop: Workshop) -> str:
    path = shop.write("job.yml", JOB.replace("REPOSITORY", str(shop.root / "far")))
    running = LocalRun(load_pipeline(path, assets=shop.assets), shop.home, shop.root, Options(warm=False))
    list(running.events())
    log = running.record.folder / "steps/job/log.txt"
    return log.read_text() if log.is_file() else running.record.facts["steps"]["job"]["state"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("git+https://a.b/c/d", Place("https://a.b/c/d", "HEAD", "")),
        ("git+https://a.b/c/d.git@feature/x#subdirectory=e/f", Place("https://a.b/c/d.git", "feature/x", "e/f")),
        ("git+ssh://git@a.b/c/d@v1", Place("ssh://git@a.b/c/d", "v1", "")),
        ("git+https://a.b/c/d#main:e/f", Place("https://a.b/c/d", "main", "e/f")),
    ],
)
def test_an_address_is_read_as_pip_or_docker_writes_it(text: str, place: Place) -> None:
    assert parse(text) == place


def test_an_address_that_leads_out_of_its_repository_is_refused() -> None:
    with pytest.raises(UsageError, match="leads out of its repository"):
        parse("git+https://a.b/c#subdirectory=../d")


def test_a_step_runs_the_code_of_a_repository_and_follows_its_branch(far: Workshop) -> None:
    assert said(far) == "first"
    far.write("far/deep/src/word.txt", "second")
    git(far, "commit", "--quiet", "-am", "second")
    assert said(far) == "second"


def test_a_repository_that_cannot_be_reached_is_taken_as_it_was(far: Workshop) -> None:
    said(far)
    (far.root / "far").rename(far.root / "away")
    assert said(far) == "reused"
    with pytest.raises(PlatformError, match="cannot fetch other of file:///nowhere"):
        Repositories(far.home / "assets/fetched").get("git+file:///nowhere@other")


def test_a_check_fetches_nothing_and_a_folder_that_is_not_there_is_told_at_its_line(far: Workshop) -> None:
    path = far.write("job.yml", JOB.replace("REPOSITORY", str(far.root / "far")).replace("deep/src", "deep/else"))
    with pytest.raises(SpecError, match="there is no folder 'deep/else'"):
        load_pipeline(path, assets=far.assets)
    assert not Repositories(far.home / "elsewhere").get("git+https://a.b/c", fetching=False).exists()
