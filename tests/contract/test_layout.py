"""What docs/architecture.md claims, as facts: who imports whom, what a room may not know, and that the pages name only what there is."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from mlops.cli import VERBS
from mlops.settings import read_project

ROOT = Path(__file__).parents[2]
OURS = ROOT / "src/mlops"
MODELS = read_project(ROOT).models
YOURS = [path for package in sorted({model.package for model in MODELS.values()}) for path in sorted((ROOT / package).rglob("*.py"))]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
RELIABILITY = ROOT / "docs/reliability.md"
EXAMPLE = "flights" in MODELS  # what the page says of the template's own example, a fork that has replaced it cannot show
# Put together here, so that this file does not hold what it forbids.
HOSTS = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("deb", "debian", "org"))
]
ELSEWHERE = re.compile(r"""(?<![\w.:/$}*-])/(?:work|root|home|mnt|Users)/[\w.]+""")
FAULTS = {*(f"{kind}{n}" for kind, last in {"D": 12, "E": 14, "R": 11, "C": 10, "S": 8, "X": 3}.items() for n in range(1, last + 1))}


@cache
def tracked() -> tuple[Path, ...]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the files under version control")
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def who_imports(files: list[Path], *names: str) -> list[str]:
    """`file imports module` for every import of one of `names`, or of something below it."""
    wanted = tuple(f"{name}." for name in names)
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in sorted(imports(path))
        if f"{module}.".startswith(wanted)
    ]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore")


def test_the_machinery_never_imports_the_project() -> None:
    own = [path.stem for path in YOURS]
    machinery = [path for path in sorted(OURS.rglob("*.py")) if OURS / "adopt/starter" not in path.parents]  # that becomes the project
    assert own
    assert who_imports(machinery, "project", "src", *own) == []


def test_the_project_never_imports_the_machinery() -> None:
    assert who_imports(YOURS, "mlops") == []


def test_only_the_azure_room_imports_azure() -> None:
    elsewhere = [path for path in sorted((ROOT / "src").rglob("*.py")) if path.relative_to(OURS.parent).parts[:2] != ("mlops", "azure")]
    assert who_imports(elsewhere, "azure") == []


def test_the_engine_knows_nothing_of_yaml_mlflow_or_azure() -> None:
    rooms = [f"mlops.{room}" for room in ("spec", "local", "tracking", "registry", "serving", "delivery", "report", "contract", "verbs")]
    assert who_imports(sorted((OURS / "engine").rglob("*.py")), "yaml", "mlflow", "azure", *rooms) == []


def test_the_spec_knows_nothing_of_running() -> None:
    rooms = [f"mlops.{room}" for room in ("engine", "local", "tracking", "registry", "serving", "delivery", "report", "verbs")]
    forbidden = ("subprocess", "multiprocessing", "asyncio", "threading", "socket", "signal", "mlflow", "os.exec", "os.fork", "os.system")
    assert who_imports(sorted((OURS / "spec").rglob("*.py")), *forbidden, *rooms) == []


def test_the_check_of_imports_is_awake(tmp_path: Path) -> None:
    sly = tmp_path / "sly.py"
    sly.write_text("def f():\n    from azure.ai import ml\n    import yaml.reader\n")
    found = imports(sly)
    assert {"azure.ai", "azure.ai.ml", "yaml.reader"} <= found


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [path for path in (ROOT / "src").rglob("*.py") if drawers & {path.stem, path.parent.name}] == []


def test_every_room_and_every_top_level_folder_is_on_the_architecture_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = {path.relative_to(OURS).parts[0] for path in tracked() if path.is_relative_to(OURS) and path.parent != OURS}
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT} - {"src"}
    assert [name for name in sorted(rooms | folders) if f"`{name}/`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        target, _, anchor = link.partition("#")
        if re.match(r"\w+:", target):
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists() or not place.is_relative_to(ROOT) or (anchor and anchor not in headings(place)):
            lost.append(link)
    assert lost == []


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_verb_that_a_page_names_exists(page: Path) -> None:
    makes = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", text_of(page), re.DOTALL))
    assert set(re.findall(r"(?<![\w/-])make ([a-z0-9-]+)", code)) <= makes
    assert set(re.findall(r"(?<![\w/.-])mlops ([a-z]+)", code)) <= set(VERBS)


def test_every_page_of_the_docs_can_be_found_from_the_index_or_the_readme() -> None:
    index, readme = text_of(ROOT / "docs/README.md"), text_of(ROOT / "README.md")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES if path.is_relative_to(ROOT / "docs")} - {"README.md"}
    assert [name for name in sorted(pages) if f"({name})" not in index and f"(docs/{name})" not in readme] == []


def test_every_fault_is_answered_once_by_a_test_that_exists_or_a_reason() -> None:
    rows = re.findall(r"^\| ([DERCSX]\d+) \|([^|]*)\|([^|]*)\|", text_of(RELIABILITY), re.MULTILINE)
    assert sorted(fault for fault, _, _ in rows) == sorted(FAULTS)
    assert [fault for fault, _, answer in rows if not answer.strip()] == []


def test_a_test_that_the_reliability_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text_of(RELIABILITY))
    assert named
    here = [(ROOT / file, name) for file, name in named if EXAMPLE or not file.startswith("tests/project/")]
    assert [name for file, name in here if not file.is_file() or f"def {name}(" not in file.read_text()] == []


def test_nothing_under_version_control_names_a_package_index_or_a_place_on_somebody_s_machine() -> None:
    """A fork behind a mirror installs from the same files, and nobody's home folder is published."""
    found = []
    for path in tracked():
        if path.suffix in {".gz", ".png", ".parquet", ".svg"}:
            continue
        text = text_of(path)
        found += [f"{path.relative_to(ROOT)}: {host}" for host in HOSTS if re.search(rf"(?<![\w-]){re.escape(host)}\b", text)]
        found += [f"{path.relative_to(ROOT)}: {match}" for match in ELSEWHERE.findall(text)]
    assert found == []
