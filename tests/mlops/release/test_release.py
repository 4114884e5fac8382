"""A release is made from one commit: the same commit gives the same bytes, and what fails leaves the branch as it was."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from mlops.cli import main
from mlops.release import changelog
from mlops.release.number import number
from mlops.release.provenance import of_package

pytestmark = pytest.mark.slow  # many small repositories and processes: together too much for `make check`

ROOT = Path(__file__).parents[3]
FILES = {
    "pyproject.toml": """\
[project]
name = "shops"
version = "0.1.0"
dependencies = ["pandas"]

[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"

[tool.uv.build-backend]
module-name = "mlops"
""",
    "src/mlops/__init__.py": "",
    "src/mlops/VERSION": "0.1.0\n",
    "src/project/project.yml": "name: shops\n",
    "requirements.lock": "pandas==3.1.1 \\\n    --hash=sha256:" + "0" * 64 + "\n",
}


@pytest.fixture
def shops(make_checkout, bill_program, monkeypatch):
    """A project on main, on no CI system."""
    made = make_checkout("shops")
    made.commit(FILES, "Lay out the shops")
    for name in ("GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(made.root)
    return made


def released(capsys, *words: str) -> dict:
    assert main(["release", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words: str) -> str:
    assert main(["release", *words]) == 2
    return capsys.readouterr().err


def test_a_release_sets_the_number_writes_the_changelog_builds_and_tags(shops, capsys):
    shops.commit({"README.md": "# Shops\n"}, "Say what the shops are")
    facts = released(capsys, "0.2.0")
    assert [Path(name).name for name in facts["files"]] == [
        "shops-0.2.0-py3-none-any.whl",
        "shops-0.2.0.cdx.json",
        "shops-0.2.0.intoto.json",
        "shops-0.2.0.tar.gz",
    ]
    assert shops.git("rev-parse", "v0.2.0^{commit}", "HEAD").split() == [facts["commit"]] * 2
    assert 'version = "0.2.0"' in shops.read("pyproject.toml")
    assert "- Say what the shops are\n- Lay out the shops\n" in shops.read("CHANGELOG.md")
    assert "- Say what the shops are" in shops.git("tag", "--list", "--format=%(contents)", "v0.2.0")
    assert shops.git("status", "--porcelain") == ""
    with tarfile.open("dist/shops-0.2.0.tar.gz") as file:
        assert "shops-0.2.0/pyproject.toml" in file.getnames()


def test_the_changelog_holds_the_commits_since_the_last_release_and_a_section_that_is_there_stays(shops, capsys):
    released(capsys, "0.2.0")
    shops.commit({"a": "a"}, "Second work")
    assert released(capsys, "0.3.0", "--dry-run")["news"].endswith("\n\n- Second work")
    page = shops.read("CHANGELOG.md").replace("## 0.2.0", "## 0.3.0\n\nBy hand.\n\n## 0.2.0")
    shops.commit({"CHANGELOG.md": page}, "Write the changelog")
    assert released(capsys, "0.3.0")["news"] == "By hand."
    assert shops.read("CHANGELOG.md") == page


def test_the_same_commit_gives_the_same_bytes(shops, capsys):
    first = released(capsys, "0.2.0")["files"]
    kept = {name: Path(name).read_bytes() for name in first}
    shops.git("tag", "--delete", "v0.2.0")
    (shops.root / "src/mlops/lies about.py").write_text("not under version control\n")
    shutil.rmtree("dist")
    again = released(capsys, "0.2.0")
    assert again["changes"] == []
    assert {name: Path(name).read_bytes() for name in again["files"]} == kept


def test_the_template_moves_its_own_number_and_a_fork_does_not(shops, capsys):
    released(capsys, "0.2.0")
    assert shops.read("src/mlops/VERSION") == "0.1.0\n"
    own = shops.read("pyproject.toml").replace('"shops"', '"slipway"')
    shops.commit({"pyproject.toml": own, "docs/changelog.md": "# Changelog\n\n## 0.2.0\n\nBefore.\n"})
    assert released(capsys, "0.3.0", "--dry-run")["changes"] == ["docs/changelog.md", "pyproject.toml", "src/mlops/VERSION"]
    shops.git("remote", "add", "slipway", "elsewhere")
    assert released(capsys, "0.3.0", "--dry-run")["changes"] == ["CHANGELOG.md", "pyproject.toml"]


def test_what_cannot_be_released_is_refused(shops, capsys):
    assert "'next' is not the number of a release" in refused(capsys, "next")
    assert "0.0.9 is not newer than 0.1.0" in refused(capsys, "0.0.9")
    released(capsys, "0.2.0")
    assert "v0.2.0 is released already" in refused(capsys, "0.2.0")
    (shops.root / "pyproject.toml").write_text("")
    assert "changes in no commit: pyproject.toml" in refused(capsys, "0.3.0")
    shops.git("checkout", "--quiet", "-f", "-b", "topic")
    assert "releases are made on main, and this is topic" in refused(capsys, "0.3.0")


def test_a_build_that_fails_or_a_program_that_is_missing_leaves_the_branch_as_it_was(shops, capsys, monkeypatch, bill_program):
    before = shops.commit({"src/mlops/__init__.py": None, "src/mlops/VERSION": None, "README.md": "no package"})
    assert main(["release", "0.2.0"]) == 3
    assert "uv failed" in capsys.readouterr().err
    bill_program.unlink()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert main(["release", "0.2.0"]) == 3
    assert "uv tool install cyclonedx-bom" in capsys.readouterr().err
    assert (shops.git("rev-parse", "HEAD"), shops.git("tag"), shops.git("status", "--porcelain")) == (before, "", "")


def test_the_provenance_names_the_files_the_commit_and_the_lock_and_finds_an_altered_one(shops, capsys):
    shops.git("remote", "add", "origin", "https://someone:secret@example.org/shops.git")
    facts = released(capsys, "0.2.0")
    statement = json.loads(shops.read("dist/shops-0.2.0.intoto.json"))
    build = statement["predicate"]["buildDefinition"]
    assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1")
    assert {subject["name"] for subject in statement["subject"]} == {Path(name).name for name in facts["files"]} - {
        "shops-0.2.0.intoto.json"
    }
    assert build["resolvedDependencies"][0]["uri"] == f"git+https://example.org/shops.git@{facts['commit']}"
    assert build["resolvedDependencies"][0]["digest"] == {"gitCommit": facts["commit"]}
    assert main(["provenance", "--verify", "dist/shops-0.2.0.intoto.json"]) == 0
    assert "shops 0.2.0: 3 files as they were made" in capsys.readouterr().out
    with Path("dist/shops-0.2.0-py3-none-any.whl").open("ab") as file:
        file.write(b" ")
    assert main(["provenance", "--verify", "dist/shops-0.2.0.intoto.json"]) == 1
    assert "shops-0.2.0-py3-none-any.whl was altered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("git@example.org:a/shops.git", "git+ssh://example.org/a/shops.git@c0ffee"),
        ("ssh://git@example.org/a/shops.git", "git+ssh://example.org/a/shops.git@c0ffee"),
        ("https://x:y@example.org/a", "git+https://example.org/a@c0ffee"),
        ("../shops", None),
        ("", None),
    ],
)
def test_the_source_is_named_without_secrets_and_without_a_folder_of_this_machine(tmp_path, address, uri):
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    statement = of_package(tmp_path, "shops", "0.2.0", (address, "c0ffee"), lock, "", "")
    source = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert (source.get("uri"), source["digest"]) == (uri, {"gitCommit": "c0ffee"})


def test_tags_that_a_fork_inherited_are_not_its_releases(shops, capsys):
    shops.git("tag", "v5.0.0")
    assert "0.2.0 is not newer than 5.0.0" in refused(capsys, "0.2.0")
    shops.git("update-ref", "refs/slipway/v5.0.0", "HEAD")
    assert released(capsys, "0.2.0", "--dry-run")["release"] == "0.2.0"
    assert "v5.0.0 is released already" in refused(capsys, "5.0.0")


def test_where_the_tag_cannot_be_made_the_same_command_makes_it_later(shops, capsys):
    shops.git("config", "tag.gpgSign", "true")
    shops.git("config", "gpg.program", "false")
    assert main(["release", "0.2.0"]) == 3
    assert "The same command makes the tag" in capsys.readouterr().err
    shops.git("config", "tag.gpgSign", "false")
    assert released(capsys, "0.2.0")["commit"] == shops.git("rev-parse", "v0.2.0^{commit}")
    assert shops.git("rev-list", "--count", "HEAD") == "2"


@pytest.mark.parametrize("text", ["{}", "[]", '{"_type": "https://in-toto.io/Statement/v1", "subject": []}'])
def test_a_file_that_is_no_provenance_is_refused(shops, capsys, text):
    Path("x.json").write_text(text)
    assert main(["provenance", "--verify", "x.json"]) == 2
    assert "this is no provenance" in capsys.readouterr().err


@pytest.mark.slow
def test_the_bill_of_materials_lists_each_locked_package_with_its_hashes(shops, capsys, monkeypatch):
    tool = ROOT / ".venv/tools/bin/cyclonedx-py"
    if not tool.exists():
        pytest.skip("cyclonedx-bom is not in .venv/tools")
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    released(capsys, "0.2.0")
    bill = json.loads(shops.read("dist/shops-0.2.0.cdx.json"))
    assert [(part["name"], part["version"]) for part in bill["components"]] == [("pandas", "3.1.1")]
    assert bill["components"][0]["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]
    assert bill["metadata"]["component"]["name"] == "shops"


def test_the_numbers_of_a_changelog_are_ordered_as_numbers():
    page = "# C\n\n## 0.10.0\n\nten\n\n## v0.9.0 (late)\n\nnine\n\n## 0.8.0\n\neight\n"
    assert changelog.between(page, number("0.8.0"), number("0.10.0")) == "## 0.10.0\n\nten\n\n## 0.9.0\n\nnine"
    assert number("1.2") is number("1.2.0rc1") is number("1.2.0.0") is None


def test_this_repository_s_changelog_has_the_release_that_it_is():
    text = (ROOT / changelog.OURS).read_text()
    assert number((ROOT / "src/mlops/VERSION").read_text()) in changelog.sections(text)


def test_the_verbs_hand_on_what_they_are_given_and_run_none_of_it(tmp_path):
    """C2: a value that reaches make by the environment, as from a workflow, is data to make and to the shell."""
    made = ("requirements.lock", "pyproject.toml", "src/mlops/setup.sh", "src/mlops/audit.lock", ".venv/bin/mlops")
    for name in (*made, ".venv/.ready", ".venv/tools/.ready"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
        (tmp_path / name).chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    sly = """$(shell touch a)$(touch b)`touch c`"; touch d; ' $HOME"""
    environ = {**os.environ, "TO": sly, "FROM": sly, "VERSION": sly}
    run = [
        subprocess.run(["make", verb], cwd=tmp_path, env=environ, capture_output=True, text=True).stdout for verb in ("upgrade", "release")
    ]
    assert run == [f"upgrade|--to|{sly}|--from|{sly}|", f"release|{sly}|"]
    assert [name for name in "abcd" if (tmp_path / name).exists()] == []
