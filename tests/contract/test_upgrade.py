"""Every file has one owner, and a fork of each release comes to this one: what is ours is here's, what is yours is its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from mlops.release.changelog import OURS as CHANGELOG
from mlops.release.number import number
from mlops.release.ownership import LIST, LOCK, VERSION, Ours

ROOT = Path(__file__).parents[2]
OURS = Ours((ROOT / LIST).read_text())
NEXT = "99.0.0"


def git(root: Path, *words: str, code: int = 0) -> str:
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | who
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", "-c", "commit.gpgsign=false", "-C", str(root), *words],
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def files(root: Path, commit: str = "HEAD") -> dict[str, str]:
    """Each file of a commit with its mode and content."""
    lines = git(root, "ls-tree", "-r", "-z", commit).split("\0")
    return {path: facts for facts, _, path in (line.partition("\t") for line in lines if line)}


@pytest.fixture(scope="module")
def tracked() -> tuple[str, ...]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the files under version control")
    return tuple(git(ROOT, "ls-files", "-z").strip("\0").split("\0"))


def rows() -> list[tuple[str, str, str]]:
    """The table of docs/architecture.md: file or folder, owner, what."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.partition("## Who owns which file")[2].partition("\n## ")[0]
    return re.findall(r"^\| `?([^|`]+?)`? \| (ours|yours|both|made) \| (.*) \|$", table, re.MULTILINE)


def owner_by_the_page(path: str) -> str | None:
    for name, owner, what in rows():
        if path == name or (name.endswith("/") and path.startswith(name)):
            return by_clause(path.removeprefix(name), what) if owner == "both" else owner
    return "yours" if "/" not in path else None


def by_clause(inner: str, what: str) -> str:
    """Of a folder with two owners: `a`, `b` ours; the rest yours."""
    for clause in what.split(";"):
        names = [] if clause.strip().startswith("the rest") else re.findall(r"`([^`]+)`", clause)
        if not names or GitIgnoreSpec.from_lines("/" + name for name in names).match_file(inner):
            return re.findall(r"\b(ours|yours)\b", clause)[-1]
    raise AssertionError(what)


def test_every_file_has_one_owner_and_the_page_and_the_list_agree(tracked: tuple[str, ...]) -> None:
    said = {path: owner_by_the_page(path) for path in tracked}
    meant = {path: "made" if path == LOCK else "ours" if path in OURS else "yours" for path in tracked}
    assert {path: (said[path], meant[path]) for path in tracked if said[path] != meant[path]} == {}


def test_every_pattern_of_the_list_names_a_file(tracked: tuple[str, ...]) -> None:
    patterns = [line for line in (ROOT / LIST).read_text().splitlines() if line and not line.startswith("#")]
    assert [pattern for pattern in patterns if not any(path in Ours(pattern) for path in tracked)] == []


def test_the_fork_s_own_places_are_never_ours() -> None:
    own = (
        "src/project/train.py",
        "src/pipelines/train.yml",
        "data/x.csv",
        "environments/staging.yml",
        "infra/staging.bicepparam",
        "README.md",
    )
    own += (
        ".github/workflows/ci.yml",
        ".github/CODEOWNERS",
        "tests/project/test_x.py",
        "project.mk",
        "pyproject.toml",
        "CHANGELOG.md",
        LOCK,
    )
    assert [path for path in own if path in OURS] == []


def releases() -> dict[str, str]:
    """Every release with its commit: the tags, and those that the changelog records by commit."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        return {}
    found = dict(re.findall(r"^## (\S+)\n+Released [\d-]+, as commit ([0-9a-f]{40})", (ROOT / CHANGELOG).read_text(), re.MULTILINE))
    tags = git(ROOT, "tag", "--list", "v*").split()
    return found | {str(number(tag)): f"refs/tags/{tag}" for tag in tags if number(tag)}


def copy(to: Path, what: str) -> None:
    """Make a repository on main with what HEAD or a tag of this one holds; a checkout in CI is on no branch."""
    git(ROOT, "init", "--quiet", "--initial-branch=main", str(to))
    git(to, "fetch", "--quiet", "--no-tags", str(ROOT), what)
    git(to, "reset", "--quiet", "--hard", "FETCH_HEAD")


APPENDED = {
    **dict.fromkeys((".py", ".yml", ".yaml", ".toml", ".cfg", ".sh", ".txt", ".mk", ".in", ".lock"), "\n# changed in the fork\n"),
    **dict.fromkeys((".bicep", ".bicepparam"), "\n// changed in the fork\n"),
    **dict.fromkeys((".md", ".html"), "\n<!-- changed in the fork -->\n"),
    **dict.fromkeys((".json", ".ipynb"), "\n \n"),
    "": "\n# changed in the fork\n",
}


def change(path: Path) -> None:
    """Change a file in a way that its kind allows."""
    if path.suffix == ".gz":
        path.write_bytes(path.read_bytes() + bytes.fromhex("1f8b080000000000000303000000000000000000"))  # an empty member
    elif path.suffix == ".csv":
        path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])
    else:
        path.write_text(path.read_text(encoding="utf-8") + APPENDED[path.suffix], encoding="utf-8")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, tracked: tuple[str, ...]) -> Path:
    """This commit as a release of the template, with its history."""
    if git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("a shallow clone: the history that an upgrade needs is not here")
    made = tmp_path_factory.mktemp("template") / "slipway"
    copy(made, "HEAD")
    (made / VERSION).write_text(f"{NEXT}\n")
    git(made, "commit", "--quiet", "--all", "-m", f"Release {NEXT}")
    git(made, "tag", f"v{NEXT}")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("release", releases())
def test_a_fork_of_each_release_whose_own_files_all_changed_comes_to_this_one(template: Path, release: str, tmp_path: Path) -> None:
    commit = releases()[release]
    if subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True).returncode:
        pytest.skip(f"{release} is not in this clone's history")
    fork = tmp_path / "fork"
    copy(fork, commit if commit.startswith("refs/") else "HEAD")
    git(fork, "reset", "--quiet", "--hard", git(ROOT, "rev-parse", f"{commit}^{{commit}}").strip())
    before = Ours((fork / LIST).read_text() if (fork / LIST).exists() else None)
    own = [path for path in files(fork) if path not in before and path != LOCK]
    assert len(own) > 30
    for path in own:
        change(fork / path)
    git(fork, "commit", "--quiet", "--all", "-m", "Everything that is ours to change")
    changed = files(fork)

    told = json.loads(upgrade(fork, template))
    after, wanted = files(fork), files(template)
    assert told["edited"] == told["beside"] == []
    assert {path: after.get(path) for path in wanted if path in OURS} == {path: facts for path, facts in wanted.items() if path in OURS}
    assert {path for path in after if path in before and path not in OURS} - set(told["yours_now"]) == set()
    assert {path: after.get(path) for path in own} == {path: changed[path] for path in own}
    assert after.keys() - wanted.keys() <= set(own) | set(told["yours_now"])
    assert git(fork, "status", "--porcelain") == ""

    assert f"Slipway {NEXT}" in mlops(fork, "--version")
    assert "upgrade" in mlops(fork, "--help")
    assert "no mistake found" in mlops(fork, "check")
    git(fork, "revert", "--no-edit", "HEAD")
    assert files(fork) == changed


def upgrade(fork: Path, template: Path) -> str:
    """As docs/how-to/upgrade.md says it for a release that has no such verb: with the new release's own code."""
    git(fork, "config", "user.name", "A Person")
    git(fork, "config", "user.email", "person@example.org")
    return mlops(fork, "upgrade", "--json", "--from", str(template), code=template)


def mlops(fork: Path, *words: str, code: Path | None = None) -> str:
    """Run the machinery of a checkout with the packages of this one."""
    environ = {**os.environ, "PYTHONPATH": str((code or fork) / "src")}
    done = subprocess.run([sys.executable, "-m", "mlops.cli", *words], cwd=fork, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
