"""A registry in a branch: brought and sent whole, with a real git remote and a real MLflow database."""

import sqlite3
import subprocess

import pytest

from mlops.errors import PlatformError
from mlops.files import digest_folder
from mlops.registry.store import MlflowStore
from mlops.registry.versions import Registry
from mlops.state import branch as branches
from mlops.state.branch import Moved, StateBranch
from mlops.state.git import Git

pytestmark = pytest.mark.slow
ME = {"who": "you@example.org", "reason": "run 7"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(branches, "_TRIES", 1)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def clones(tmp_path):
    """Two clones of one remote, with blanks and signs in their paths (E14)."""
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
    made = []
    for name in ("one & two", "drei vier"):
        root = tmp_path / name
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        subprocess.run(["git", "-C", str(root), "remote", "add", "origin", str(origin)], check=True)
        (root / ".mlops").mkdir()
        made.append(root)
    return made


def state(root):
    return StateBranch(Git(root, {}), "mlops-state", "shops")


def registry(root):
    return Registry(root / ".mlops", MlflowStore(root / ".mlops", f"sqlite:///{root / '.mlops' / 'mlflow.db'}"))


def register(root, content):
    folder = root / f"model-{content}"
    folder.mkdir()
    (folder / "model.skops").write_text(content)
    evidence = root / f"evidence-{content}"
    evidence.mkdir()
    (evidence / "evidence.json").write_text("{}")
    return registry(root).register("shops", folder, digest_folder(folder), None, evidence=evidence, approved=True)


def test_what_one_machine_sends_another_one_has_with_the_same_bytes(clones):
    one, two = clones
    assert state(one).bring(one / ".mlops") is None
    sent = register(one, "a")
    commit = state(one).send(one / ".mlops", None, "shops: v1 registered")
    assert state(two).bring(two / ".mlops") == commit
    found = registry(two).resolve("shops", "challenger")
    assert (found.version, found.digest) == (1, sent.digest)
    assert (registry(two).fetch(found) / "model.skops").read_text() == "a"
    assert registry(two).fetch(found).is_relative_to(two)
    assert registry(two).attachment(found, "evidence.json").is_file()
    assert register(two, "b").version == 2


def test_no_path_of_a_machine_is_in_what_is_sent(clones):
    one, _ = clones
    register(one, "a")
    commit = state(one).send(one / ".mlops", None, "x")
    listed = subprocess.run(
        ["git", "-C", str(one), "ls-tree", "-r", "--name-only", commit], capture_output=True, text=True, check=True
    ).stdout
    assert set(listed.split()) >= {".gitattributes", "mlflow.db"}
    held = subprocess.run(["git", "-C", str(one), "cat-file", "blob", f"{commit}:mlflow.db"], capture_output=True, check=True).stdout
    assert b"/mlops-home" in held
    assert str(one.name).encode() not in held


def test_the_second_of_two_is_told_and_nothing_of_the_first_is_lost(clones):
    """R2, R3: compare-and-set, between machines."""
    one, two = clones
    first = register(one, "a")
    base = state(one).send(one / ".mlops", None, "x")
    assert state(two).bring(two / ".mlops") == base
    register(one, "b")
    newer = state(one).send(one / ".mlops", base, "y")
    register(two, "c")
    with pytest.raises(Moved):
        state(two).send(two / ".mlops", base, "z")
    assert state(two).bring(two / ".mlops") == newer
    assert [version.version for version in registry(two).versions("shops")] == [2, 1]
    assert registry(two).resolve("shops", "1").digest == first.digest


def test_a_lost_branch_is_told_with_the_command_that_brings_it_back(clones):
    """An expired state is not taken for a new project: versions were promoted, and their tags say so."""
    one, two = clones
    version = register(one, "a")
    registry(one).move("shops", "production", version, expected=None, **ME)
    commit = state(one).send(one / ".mlops", None, "production", tag="shops/v1")
    subprocess.run(["git", "-C", str(one), "push", "--quiet", "origin", "--delete", "mlops-state/shops"], check=True)
    with pytest.raises(PlatformError, match="the state of shops is gone") as told:
        state(two).bring(two / ".mlops")
    command = told.value.hint.splitlines()[0].split(": ", 1)[1]
    assert subprocess.run(command, shell=True, cwd=two, check=False, capture_output=True).returncode == 0
    assert state(two).bring(two / ".mlops") == commit
    assert registry(two).resolve("shops", "production").version == 1


def test_a_kept_registry_that_is_not_whole_is_refused_and_mine_stays(clones):
    one, two = clones
    register(one, "a")
    (one / ".mlops/mlflow.db").replace(one / "db")
    register_before = register(two, "b")
    content = bytearray((one / "db").read_bytes())
    content[4096:9000] = b"\xff" * 4904
    (one / ".mlops/mlflow.db").write_bytes(content)
    tree = state(one)
    folder = one / "packed"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(content)
    commit = tree._commit(folder, "broken")
    subprocess.run(["git", "-C", str(one), "push", "--quiet", "origin", f"{commit}:refs/heads/mlops-state/shops"], check=True)
    with pytest.raises(PlatformError, match="cannot be used"):
        state(two).bring(two / ".mlops")
    assert registry(two).resolve("shops", "1").digest == register_before.digest


def test_a_remote_that_is_not_there_is_told(clones):
    """R11."""
    one, _ = clones
    subprocess.run(["git", "-C", str(one), "remote", "set-url", "origin", str(one / "nowhere")], check=True)
    with pytest.raises(PlatformError, match="git ls-remote did not do it"):
        state(one).bring(one / ".mlops")


def test_a_file_too_large_for_a_branch_is_refused_before_anything_is_sent(clones, monkeypatch):
    one, _ = clones
    register(one, "a")
    monkeypatch.setattr(branches, "LARGEST", 1000)
    with pytest.raises(PlatformError, match="cannot be kept in a branch"):
        state(one).send(one / ".mlops", None, "x")
    assert subprocess.run(["git", "-C", str(one), "ls-remote", "origin"], capture_output=True, text=True, check=True).stdout == ""


def test_a_token_is_for_its_own_server_and_in_no_command_line():
    """X3."""
    from mlops.state.git import _access

    given = _access({"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "s3cret", "GITHUB_SERVER_URL": "https://ghe.example.org"})
    assert given["GIT_CONFIG_KEY_0"] == "http.https://ghe.example.org/.extraheader"
    assert _access({"GITHUB_TOKEN": "s3cret"}) == {}


def test_files_of_old_versions_are_left_behind_and_their_rows_stay(clones):
    one, two = clones
    old, new = register(one, "a"), register(one, "b")
    state(one).send(one / ".mlops", None, "x", without=[old.artifacts])
    state(two).bring(two / ".mlops")
    kept = registry(two)
    assert [version.version for version in kept.versions("shops")] == [2, 1]
    assert kept.fetch(kept.resolve("shops", "2")).is_dir()
    assert new.version == 2
    from mlops.errors import JobFailed

    with pytest.raises(JobFailed, match="are gone"):
        kept.fetch(kept.resolve("shops", "1"))


def test_the_database_is_compacted(clones):
    one, _ = clones
    register(one, "a")
    state(one).send(one / ".mlops", None, "x")
    with sqlite3.connect(one / ".mlops/mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
