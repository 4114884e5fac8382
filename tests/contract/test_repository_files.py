"""The files around the people: what asks for newer versions, what a newcomer opens, who owns what, and what the security page says of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mlops.spec.source import read

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.lock": ["src/mlops/requirements.in"],
    "src/mlops/audit.lock": ["src/mlops/audit.in"],
    "benchmarks/adoptions/tables.lock": ["benchmarks/adoptions/tables.in"],
}
SCORECARD = [
    "Binary-Artifacts",
    "Branch-Protection",
    "CI-Tests",
    "CII-Best-Practices",
    "Code-Review",
    "Contributors",
    "Dangerous-Workflow",
    "Dependency-Update-Tool",
    "Fuzzing",
    "License",
    "Maintained",
    "Packaging",
    "Pinned-Dependencies",
    "SAST",
    "SBOM",
    "Security-Policy",
    "Signed-Releases",
    "Token-Permissions",
    "Vulnerabilities",
    "Webhooks",
]
PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"PK\x03\x04", b"!<arch>", b"\x00asm")


@cache
def tracked() -> tuple[str, ...]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the files under version control")
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def updates() -> dict[str, dict[str, Any]]:
    return {entry["package-ecosystem"]: entry for entry in read(ROOT / ".github/dependabot.yml").value["updates"]}


def devcontainer() -> dict[str, Any]:
    return json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())


def used() -> set[str]:
    """The kinds of pins in this repository that Dependabot can read."""
    kinds = {
        "github-actions": [".github/workflows/*"],
        "devcontainers": [".devcontainer/devcontainer.json"],
        "docker": ["*Dockerfile*"],
        "npm": ["*package-lock.json"],
        "pip": ["*requirements*.txt", "*.txt.in"],
        "uv": ["*uv.lock"],
        "pre-commit": [".pre-commit-config.yaml"],
    }
    ours = [name for name in tracked() if not name.startswith("tests/")]  # there they are examples
    found = {kind for kind, patterns in kinds.items() for name in ours if any(fnmatch(name, pattern) for pattern in patterns)}
    hooks = read(ROOT / ".pre-commit-config.yaml").value["repos"]
    return found - ({"pre-commit"} if all(repo["repo"] == "local" for repo in hooks) else set())


def test_dependabot_looks_after_every_kind_of_pin_that_it_can_read() -> None:
    assert set(updates()) == used()


def test_a_new_version_waits_a_week_and_comes_with_others() -> None:
    for entry in updates().values():
        assert entry["schedule"]["interval"] == "weekly"
        assert entry["cooldown"]["default-days"] >= 7
        assert [group["patterns"] for group in entry["groups"].values()] == [["*"]]


def test_dependabot_reads_every_folder_with_an_action_of_our_own() -> None:
    folders = {
        f"/{Path(name).parent.as_posix()}" for name in tracked() if fnmatch(name, "*action.y*ml") and name.startswith(".github/actions")
    }
    entry = updates()["github-actions"]
    given = entry.get("directories", [entry.get("directory")])
    assert [folder for folder in sorted(folders) if not any(fnmatch(folder, pattern) for pattern in given)] == []


def test_the_dev_container_has_the_python_of_the_repository_and_sets_it_up() -> None:
    found = devcontainer()
    version = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(rf"mcr\.microsoft\.com/devcontainers/python:\d+-{re.escape(version)}-\w+", found["image"])
    assert found["postCreateCommand"] == "make setup"
    assert found["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == "${containerWorkspaceFolder}/.venv/bin/python"


def test_the_dev_container_forwards_the_ports_of_the_endpoints_and_of_mlflow() -> None:
    ports = {read(path).value.get("serve", {}).get("port") for path in (ROOT / "environments").glob("*.yml")} - {None}
    assert set(devcontainer()["forwardPorts"]) == ports | {5000}
    assert set(devcontainer()["portsAttributes"]) == {str(port) for port in ports | {5000}}


def test_each_schema_that_the_editor_is_given_is_the_one_that_its_files_name() -> None:
    for schema, pattern in devcontainer()["customizations"]["vscode"]["settings"]["yaml.schemas"].items():
        files = [name for name in tracked() if fnmatch(name, pattern) and Path(name).parent == Path(pattern).parent]
        assert files
        assert {read(ROOT / name).value["$schema"] for name in files} == {schema}


def test_every_path_with_an_owner_exists() -> None:
    lines = [line for line in (ROOT / ".github/CODEOWNERS").read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not (ROOT / line.split()[0].strip("/")).exists()] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash_and_no_lock_names_an_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pins = re.findall(r"^\S.*(?:\n    .*)*", text, re.MULTILINE)
    assert len(pins) > 5
    assert [pin.splitlines()[0] for pin in pins if not re.match(r"[\w.-]+==[^\s;]+", pin) or "--hash=sha256:" not in pin] == []
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_asked_for_is_locked(lock: str) -> None:
    pinned = {name.lower() for name in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE)}
    asked = {word for file in LOCKS[lock] for word in re.findall(r"^([\w.-]+)", (ROOT / file).read_text(), re.MULTILINE)}
    assert asked
    assert {name.lower() for name in asked} <= pinned


def test_no_compiled_program_is_under_version_control() -> None:
    found = []
    for name in tracked():
        if name.startswith("data/"):  # a workbook is a zip file, as a wheel is
            continue
        with (ROOT / name).open("rb") as file:
            found += [name] if file.read(8).startswith(PROGRAMS) else []
    assert found == []


def test_the_security_page_answers_every_check_of_scorecard_once() -> None:
    table = (ROOT / "docs/security.md").read_text().split("## OpenSSF Scorecard")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([\w-]+) \| (.*) \|.*\|$", table, re.MULTILINE)
    assert sorted(name for name, _ in rows if name != "check" and "---" not in name) == sorted(SCORECARD)
    assert [name for name, said in rows if not said.strip()] == []


def test_a_test_that_the_security_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs/security.md").read_text())
    assert named
    assert [name for file, name in named if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text()] == []


def test_git_changes_no_byte_of_the_data_on_its_way_through() -> None:
    """D5: a file with Windows line ends would have another digest in the next clone."""
    names = ["data/any/rows.csv", "data/any/month=1/rows.csv", "data/any/SHA256SUMS"]
    said = subprocess.run(["git", "-C", str(ROOT), "check-attr", "text", *names], capture_output=True, text=True).stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in said] == ["unset"] * len(names)
