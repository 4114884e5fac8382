"""The one commit of an adoption: whole or absent, and nothing that git does not know is lost by it."""

import subprocess

import pytest

from mlops.adopt import repository
from mlops.errors import MlopsError, UsageError
from mlops.state.git import Git


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with two committed files."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    root = tmp_path / "root"
    write(root, {"old/a[1].py": "a", "keep.py": "k"})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    return root


@pytest.fixture
def stage(tmp_path):
    write(tmp_path / "stage", {"new/ü [b].csv": "b", "keep.py": "changed"})
    return tmp_path / "stage"


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def git(root, *words):
    return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True).stdout.strip()


def there(root):
    """Every file with its text, and what git says of them."""
    files = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}
    return files, git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain")


def test_files_go_and_come_in_one_commit(root, stage):
    commit = repository.apply(root, stage, ["old/a[1].py"], "Adopt\n")
    assert there(root) == ({"keep.py": "changed", "new/ü [b].csv": "b"}, commit, "")
    assert git(root, "log", "--format=%s") == "Adopt\nstart"
    assert not (root / "old").exists()


def test_a_commit_that_cannot_be_signed_changes_nothing(root, stage):
    git(root, "config", "commit.gpgSign", "true")
    git(root, "config", "gpg.program", "false")
    before = there(root)
    with pytest.raises(MlopsError):
        repository.apply(root, stage, ["old/a[1].py"], "Adopt\n")
    assert there(root) == before


def test_a_work_tree_that_was_half_written_is_as_it_was(root, stage, monkeypatch):
    before, ask = there(root), Git.ask

    def stopped(self, *words, **how):
        if words[0] == "merge":
            write(root, {"keep.py": "ch", "new/ü [b].csv": ""})
            (root / "old/a[1].py").unlink()
            raise KeyboardInterrupt
        return ask(self, *words, **how)

    monkeypatch.setattr(Git, "ask", stopped)
    with pytest.raises(KeyboardInterrupt):
        repository.apply(root, stage, ["old/a[1].py"], "Adopt\n")
    assert there(root) == before


def test_an_edit_made_in_the_meantime_is_not_written_over(root, stage):
    (root / "keep.py").write_text("mine, a minute ago")
    with pytest.raises(UsageError, match=r"in the meantime: keep\.py"):
        repository.apply(root, stage, ["old/a[1].py"], "Adopt\n")
    assert (root / "keep.py").read_text() == "mine, a minute ago"


def test_a_file_that_git_does_not_know_is_not_written_over(root, stage):
    write(root, {"new/ü [b].csv": "mine"})
    with pytest.raises(UsageError, match="would be written over"):
        repository.apply(root, stage, [], "Adopt\n")
    assert (root / "new/ü [b].csv").read_text() == "mine"


def test_data_that_lie_where_they_will_be_are_taken_into_the_commit(root, stage):
    write(root, {"new/ü [b].csv": "b"})
    repository.apply(root, stage, [], "Adopt\n")
    assert there(root)[2] == ""


def test_only_what_git_does_not_know_is_excused_as_the_data(root):
    write(root, {"data/mine/new.csv": "x"})
    repository.ready(root, str(root / "data/mine"))
    git(root, "add", "data")
    git(root, "commit", "-qm", "data")
    write(root, {"data/mine/new.csv": "an edit"})
    with pytest.raises(UsageError, match=r"not committed: data/mine/new\.csv"):
        repository.ready(root, str(root / "data/mine"))
