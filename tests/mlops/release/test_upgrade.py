"""A fork comes to a newer release: what is ours is the release's, what is yours is as it was, and nothing is ever half done."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from mlops.cli import main
from mlops.release.plan import Requirements, lock
from mlops.release.repository import History
from mlops.release.upgrade import RESOLVE, SOURCES

pytestmark = pytest.mark.slow  # many small repositories and processes: together too much for `make check`

LIST = "/src/mlops/\n/docs/\n/Makefile\n"
MINE = {
    "src/project/train.py": "print('mine')\n",
    "README.md": "# Mine\n",
    "pyproject.toml": '[project]\nname = "mine"\ndependencies = ["pandas"]\n',
}


def upgraded(capsys, *words: str) -> dict:
    assert main(["upgrade", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words: str) -> str:
    assert main(["upgrade", *words]) == 2
    return capsys.readouterr().err


def test_what_is_ours_is_the_release_s_and_what_is_yours_is_as_it_was(template, fork, capsys):
    fork.commit(MINE)
    facts = upgraded(capsys)
    assert (facts["from"], facts["to"], facts["commit"]) == ("0.1.0", "0.2.0", fork.git("rev-parse", "HEAD"))
    assert {name: fork.read(name) for name in MINE} == MINE
    assert fork.read("src/mlops/engine.py") == "ENGINE = 2\n"
    assert fork.read("src/mlops/new name.py") == "NEW = 'ü'\n"
    assert "src/mlops/old.py" not in fork.files()
    assert (facts["added"], facts["removed"], facts["edited"]) == (["src/mlops/new name.py"], ["src/mlops/old.py"], [])
    assert fork.git("status", "--porcelain") == ""


def test_it_says_what_changed_what_is_new_and_what_to_do(fork, capsys):
    assert main(["upgrade"]) == 0
    told = capsys.readouterr().out
    assert "src/mlops                1 added, 2 replaced, 1 removed" in told
    assert "## 0.2.0\n\nA better engine." in told
    assert "The first." not in told
    assert "next: make test" in told
    assert f"back: git revert {fork.git('rev-parse', 'HEAD')[:10]}" in told


def test_a_revert_gives_back_the_very_same_tree(fork, capsys):
    fork.commit({**MINE, "src/mlops/engine.py": "ENGINE = 'mine'\n"})
    before = fork.tree()
    upgraded(capsys)
    assert fork.tree() != before
    fork.git("revert", "--no-edit", "HEAD")
    assert fork.tree() == before


def test_an_edit_of_what_is_ours_is_named_before_and_kept_in_the_history(fork, capsys):
    fork.commit({"src/mlops/engine.py": "ENGINE = 'mine'\n", "src/mlops/old.py": "OLD = 'mine'\n"})
    assert upgraded(capsys, "--dry-run")["edited"] == ["src/mlops/engine.py", "src/mlops/old.py"]
    upgraded(capsys)
    assert fork.git("show", "HEAD^:src/mlops/engine.py") == "ENGINE = 'mine'"
    assert "Edited here, and replaced: src/mlops/engine.py" in fork.git("show", "--no-patch", "--format=%B")


def test_a_rehearsal_changes_nothing(fork, capsys):
    before = fork.git("rev-parse", "HEAD")
    facts = upgraded(capsys, "--dry-run")
    assert facts["commit"] is None
    assert facts["replaced"]
    assert (fork.git("rev-parse", "HEAD"), fork.git("status", "--porcelain")) == (before, "")


def test_a_file_of_the_fork_in_a_folder_of_ours_is_left_and_told(fork, capsys):
    fork.commit({"docs/our team.md": "# We\n"})
    assert upgraded(capsys)["left"] == ["docs/our team.md"]
    assert fork.read("docs/our team.md") == "# We\n"


def test_a_file_that_becomes_ours_is_replaced_only_where_the_fork_has_not_changed_it(template, fork, capsys):
    template.commit(
        {"src/mlops/ours.txt": f"{LIST}/README.md\n/src/project/extra.py\n", "README.md": "# Ours\n", "src/mlops/VERSION": "0.3.0\n"}
    )
    template.git("tag", "v0.3.0")
    fork.commit({"src/project/extra.py": "print('mine')\n"})
    facts = upgraded(capsys)
    assert fork.read("README.md") == "# Ours\n"
    assert facts["beside"] == ["src/project/extra.py"]
    assert fork.read("src/project/extra.py") == "print('mine')\n"
    assert fork.read("src/project/extra.py.new") == "print('extra')\n"


def test_nothing_is_put_over_a_file_of_yours_that_has_the_name_of_the_one_beside(template, fork, capsys):
    template.commit({"src/mlops/ours.txt": f"{LIST}/README.md\n"})
    template.git("tag", "v0.3.0")
    fork.commit({"README.md": "# Mine\n", "README.md.new": "a draft of mine\n"})
    assert "README.md.new" in refused(capsys)
    assert fork.read("README.md.new") == "a draft of mine\n"


@pytest.mark.parametrize(("edit", "there"), [({}, False), ({"docs/run.md": "# Mine\n"}, True)])
def test_a_file_that_is_not_ours_any_more_goes_only_where_the_fork_has_not_changed_it(template, fork, capsys, edit, there):
    template.commit({"src/mlops/ours.txt": "/src/mlops/\n/Makefile\n", "docs/run.md": None, "docs/changelog.md": None})
    template.git("tag", "v0.3.0")
    fork.commit(edit)
    facts = upgraded(capsys)
    assert facts["yours_now"] == (["docs/run.md"] if there else [])
    assert ("docs/run.md" in fork.files()) is there


def test_a_file_that_becomes_yours_stays_as_the_fork_has_it(template, fork, capsys):
    template.commit({"src/mlops/ours.txt": "/src/mlops/\n/docs/\n", "Makefile": "run:\n\techo new\n"})
    template.git("tag", "v0.3.0")
    assert upgraded(capsys)["yours_now"] == ["Makefile"]
    assert fork.read("Makefile") == "run:\n\techo run\n"


def test_a_new_example_is_offered_and_not_added(fork, capsys):
    assert upgraded(capsys)["offered"] == ["src/project/extra.py"]
    assert "src/project/extra.py" not in fork.files()
    assert fork.git("show", "slipway/v0.2.0:src/project/extra.py") == "print('extra')"


def test_a_fork_before_the_list_and_with_tags_of_its_own_names_is_upgraded(template, fork, capsys):
    fork.commit({"src/mlops/ours.txt": None, "src/mlops/VERSION": None, "Makefile": None})
    fork.git("tag", "v0.2.0")
    facts = upgraded(capsys)
    assert (facts["from"], facts["to"]) == ("0.1.0", "0.2.0")
    assert fork.read("src/mlops/engine.py") == "ENGINE = 2\n"
    assert fork.git("rev-parse", "v0.2.0") == fork.git("rev-parse", "HEAD^")


def test_the_newest_release_is_the_largest_number_and_pre_releases_are_none(template, fork, capsys):
    for tag in ("v0.10.0", "v0.9.0", "v1.0.0-rc.1", "vision"):
        template.git("tag", tag)
    assert upgraded(capsys, "--dry-run")["to"] == "0.10.0"
    assert upgraded(capsys, "--dry-run", "--to", "v0.2.0")["to"] == "0.2.0"


def test_what_cannot_be_upgraded_to_is_refused_with_the_reason(template, fork, capsys):
    assert "there is no release v7.0.0" in refused(capsys, "--to", "7.0.0")
    assert "'newest' is not the number of a release" in refused(capsys, "--to", "newest")
    upgraded(capsys)
    assert "v0.2.0 is not newer than 0.2.0" in refused(capsys)
    template.commit({"src/mlops/ours.txt": None})
    template.git("tag", "v0.3.0")
    assert "v0.3.0 has no src/mlops/ours.txt" in refused(capsys)
    template.git("tag", "-d", "v0.1.0", "v0.2.0", "v0.3.0")
    assert "there is no release" in refused(capsys)
    fork.git("remote", "remove", "slipway")
    told = refused(capsys)
    assert "git remote add slipway ADDRESS" in told
    assert "mlops upgrade --from ADDRESS" in told


def test_changes_in_no_commit_and_half_a_history_are_refused(template, fork, capsys, tmp_path, monkeypatch):
    (fork.root / "README.md").write_text("# Not committed\n")
    assert "changes in no commit: README.md" in refused(capsys)
    fork.commit({})
    subprocess.run(["git", "clone", "--quiet", "--depth=1", fork.root.as_uri(), str(tmp_path / "shallow")], check=True)
    monkeypatch.chdir(tmp_path / "shallow")
    assert "git fetch --unshallow" in refused(capsys, "--from", str(template.root))


def test_a_template_that_cannot_be_reached_is_exit_3_and_changes_nothing(fork, capsys, tmp_path):
    assert main(["upgrade", "--from", str(tmp_path / "nowhere")]) == 3
    assert "the template cannot be had" in capsys.readouterr().err
    assert fork.git("for-each-ref", "refs/slipway") == ""


def test_a_file_in_the_way_that_git_does_not_know_is_not_overwritten(fork, capsys):
    before = fork.git("rev-parse", "HEAD")
    (fork.root / "src/mlops/new name.py").write_text("a draft\n")
    assert main(["upgrade"]) == 3
    assert "new name.py" in capsys.readouterr().err
    assert fork.read("src/mlops/new name.py") == "a draft\n"
    assert fork.git("rev-parse", "HEAD") == before
    assert fork.git("status", "--porcelain", "--untracked-files=no") == ""


def test_the_address_is_taken_from_the_project_s_own_file(template, fork, capsys):
    fork.git("remote", "remove", "slipway")
    fork.commit({"pyproject.toml": f'{fork.read("pyproject.toml")}\n[tool.slipway]\ntemplate = "{template.root}"\n'})
    assert upgraded(capsys)["source"] == str(template.root)


def test_the_release_s_lock_is_taken_where_both_ask_for_the_same(fork, capsys):
    assert upgraded(capsys)["lock"] == "take"
    assert fork.read("requirements.lock") == "mlflow==2\npandas==2\n"


ASK = Requirements('[project]\ndependencies = ["pandas"]', "mlflow\n", "a")
KNOWN = History(frozenset({"a", "b"}), frozenset())


@pytest.mark.parametrize(
    ("fork_asks", "release_asks", "said"),
    [
        (ASK, ASK, "keep"),
        (ASK, Requirements(ASK.project + "\n# a word", "mlflow\nuv\n", "b"), "take"),
        (Requirements('[project]\ndependencies = ["polars"]', "mlflow\n", "a"), Requirements(ASK.project, "mlflow\nuv\n", "b"), "resolve"),
        (Requirements(ASK.project, "mlflow\n", "resolved in the fork"), Requirements(ASK.project, "mlflow # why\n", "b"), "keep"),
        (Requirements(ASK.project, "mlflow\n", "resolved in the fork"), Requirements(ASK.project, "uv\n", "b"), "resolve"),
        (ASK, Requirements(ASK.project, "mlflow\n", None), "keep"),
    ],
)
def test_the_lock_is_kept_taken_or_resolved(fork_asks, release_asks, said):
    assert lock(fork_asks, release_asks, KNOWN) == said


def wheel(folder: Path, name: str, version: str) -> None:
    """Write the smallest package that a resolver takes."""
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


def test_the_lock_is_resolved_for_both_and_what_the_fork_locked_stays(template, fork, capsys, tmp_path):
    for name, version in (("mlflow", "1"), ("mlflow", "2"), ("pandas", "1"), ("pandas", "2"), ("own", "1")):
        wheel(tmp_path, name, version)
    template.commit({"src/mlops/requirements.in": "mlflow>=2\n"})
    template.git("tag", "v0.3.0")
    asks = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["pandas", "own"]\n'
    asks += f"[tool.uv]\nno-index = true\nfind-links = ['{tmp_path}']\n"
    fork.commit({"pyproject.toml": asks, "requirements.lock": "mlflow==1\npandas==1\n"})
    assert upgraded(capsys)["lock"] == "resolve"
    assert re.findall(r"^(\w+==\d) \\\n +--hash=sha256:", fork.read("requirements.lock"), re.MULTILINE) == [
        "mlflow==2",
        "own==1",
        "pandas==1",
    ]


def test_where_the_lock_cannot_be_resolved_nothing_is_changed(template, fork, capsys, monkeypatch):
    template.commit({"src/mlops/requirements.in": "a-package-that-is-nowhere-9f2c\n"})
    template.git("tag", "v0.3.0")
    before = fork.commit({"requirements.lock": "mine==1\n"})
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert main(["upgrade"]) == 3
    told = capsys.readouterr().err
    assert "requirements.lock could not be resolved anew" in told
    assert "Nothing was changed" in told
    assert (fork.git("rev-parse", "HEAD"), fork.git("status", "--porcelain")) == (before, "")


def test_the_lock_is_resolved_as_make_lock_does_it():
    text = Path(__file__).parents[3].joinpath("Makefile").read_text()
    lines = text.replace("$(compile)", re.search(r"^compile := (.*)$", text, re.MULTILINE)[1])
    assert f"{RESOLVE} --upgrade {' '.join(SOURCES)} -o requirements.lock" in " ".join(lines.split())


@pytest.mark.slow
def test_killed_at_any_moment_the_fork_is_as_before_or_upgraded_and_the_same_command_goes_on(template, fork):
    """The last step is git's own, in a session of its own: it ends though its parent is gone."""
    template.commit({f"src/mlops/part{n}.py": f"{n}\n" * 200 for n in range(300)})
    template.git("tag", "v0.3.0")
    before = fork.commit(MINE)
    ends = set()
    for moment in (0.05, 0.15, 0.25, "the first file is there"):
        fork.git("reset", "--quiet", "--hard", before)
        doing = subprocess.Popen([sys.executable, "-m", "mlops.cli", "upgrade"], stdout=subprocess.DEVNULL, start_new_session=True)
        wait(moment, fork.root / "src/mlops/part0.py", doing)
        os.killpg(doing.pid, signal.SIGKILL)
        doing.wait()
        settled(fork)
        after = fork.git("rev-parse", "HEAD")
        assert before in {after, fork.git("rev-parse", "HEAD^")}
        assert fork.git("status", "--porcelain") == ""
        ends.add(after == before)
    assert ends == {True, False}
    fork.git("reset", "--quiet", "--hard", before)
    assert main(["upgrade"]) == 0


def wait(moment: float | str, first: Path, doing: subprocess.Popen) -> None:
    """Wait for seconds, or until git has begun to change the working tree."""
    if isinstance(moment, float):
        time.sleep(moment)
        return
    while not first.exists() and doing.poll() is None:
        time.sleep(0.001)


def settled(fork) -> None:
    """Wait until git's own process, if one was left, has ended."""
    for _ in range(100):
        time.sleep(0.05)
        if not (fork.root / ".git/index.lock").exists() and fork.git("status", "--porcelain") == "":
            return
