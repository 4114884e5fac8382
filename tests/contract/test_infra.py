"""What can be known of the Bicep files without a compiler: that they fit together, pin what they use, and open nothing by a key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MAIN = (INFRA / "main.bicep").read_text()
MODULES = sorted((INFRA / "modules").glob("*.bicep"))
BICEP = [INFRA / "main.bicep", *MODULES]
ENVIRONMENTS = sorted(INFRA.glob("*.bicepparam"))

by_name = {"ids": lambda path: path.name}


def code(path: Path) -> str:
    """Return the file without its comments."""
    return "\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith("//"))


def declared(path: Path) -> dict[str, bool]:
    """Name of each parameter -> whether it must be given."""
    return {name: "=" not in rest for name, rest in re.findall(r"^param (\w+) \S+(.*)$", code(path), re.MULTILINE)}


def calls() -> dict[str, tuple[Path, str]]:
    """Name of each module in main.bicep -> its file and the text of its params."""
    found = re.findall(r"^module (\w+) '([^']+)' = \{\n(.*?)^\}", MAIN, re.MULTILINE | re.DOTALL)
    return {name: (INFRA / file, body.split("params: {")[1]) for name, file, body in found}


def test_main_calls_every_module_and_none_that_is_not_there() -> None:
    assert {path for path, _ in calls().values()} == set(MODULES)


@pytest.mark.parametrize("name", sorted(calls()))
def test_a_module_is_given_what_it_takes_and_needs(name: str) -> None:
    path, body = calls()[name]
    given = set(re.findall(r"^    (\w+):", body, re.MULTILINE))
    takes = declared(path)
    assert {key for key, must in takes.items() if must} <= given <= set(takes)


def test_an_output_that_main_reads_is_one_that_the_module_has() -> None:
    read = set(re.findall(r"(\w+)\.outputs\.(\w+)", MAIN))
    has = {(name, output) for name, (path, _) in calls().items() for output in re.findall(r"^output (\w+) ", code(path), re.MULTILINE)}
    assert read
    assert read <= has


def test_each_deployment_environment_has_its_parameters() -> None:
    assert {path.stem for path in ENVIRONMENTS} == {"staging", "production"}
    assert all((ROOT / "environments" / f"{path.stem}.yml").is_file() for path in ENVIRONMENTS)


@pytest.mark.parametrize("path", ENVIRONMENTS, **by_name)
def test_an_environment_gives_what_main_takes_and_needs(path: Path) -> None:
    text = code(path)
    given = re.findall(r"^param (\w+) = ", text, re.MULTILINE)
    takes = declared(INFRA / "main.bicep")
    assert re.findall(r"^using '(.+)'$", text, re.MULTILINE) == ["main.bicep"]
    assert {key for key, must in takes.items() if must} <= set(given) <= set(takes)
    assert len(given) == len(set(given))
    assert f"param environment = '{path.stem}'" in text


@pytest.mark.parametrize("path", BICEP, **by_name)
def test_every_resource_pins_a_stable_api_version(path: Path) -> None:
    types = re.findall(r"^resource \w+ '([^']+)'", code(path), re.MULTILINE)
    assert [kind for kind in types if not re.fullmatch(r"Microsoft\.[\w./]+@20\d\d-\d\d-\d\d", kind)] == []


def test_one_resource_type_has_one_api_version() -> None:
    types = {kind for path in BICEP for kind in re.findall(r"^resource \w+ '([^']+)'", code(path), re.MULTILINE)}
    assert len({kind.split("@")[0] for kind in types}) == len(types)


@pytest.mark.parametrize("path", BICEP + ENVIRONMENTS, **by_name)
def test_no_file_holds_or_hands_out_a_secret(path: Path) -> None:
    """X3: neither in the text, nor as an output, which a deployment's history shows to every reader."""
    text = code(path)
    assert not re.search(r"list(Keys|Credentials|AccountSas)|ConnectionString|InstrumentationKey|AccountKey=|SharedAccessSignature", text)
    assert not re.search(r"(?i)\b(password|secret|token|api_?key)\b\s*[:=]\s*'[^']+'", text)
    assert not re.search(r"'[A-Za-z0-9+/]{40,}={0,2}'", text)


@pytest.mark.parametrize(
    ("module", "setting"),
    [
        ("storage", "allowSharedKeyAccess: false"),
        ("storage", "allowBlobPublicAccess: false"),
        ("storage", "minimumTlsVersion: 'TLS1_2'"),
        ("vault", "enableRbacAuthorization: true"),
        ("vault", "enablePurgeProtection: true"),
        ("images", "adminUserEnabled: false"),
        ("images", "anonymousPullEnabled: false"),
        ("workspace", "systemDatastoresAuthMode: 'Identity'"),
        ("compute", "disableLocalAuth: true"),
        ("compute", "remoteLoginPortPublicAccess: 'Disabled'"),
        ("telemetry", "disableLocalAuth: true"),
    ],
)
def test_nothing_is_opened_by_a_key_where_an_identity_will_do(module: str, setting: str) -> None:
    assert re.search(rf"^\s+{re.escape(setting)}$", code(INFRA / "modules" / f"{module}.bicep"), re.MULTILINE)


def test_a_cluster_without_work_has_no_machine() -> None:
    assert re.search(r"^\s+minNodeCount: 0$", code(INFRA / "modules/compute.bicep"), re.MULTILINE)


def test_the_roles_that_are_granted_are_the_ones_that_the_page_names() -> None:
    granted = {role for path in BICEP for role in re.findall(r"roleDefinitions', '([0-9a-f-]{36})'", code(path))}
    page = (ROOT / "docs/azure.md").read_text()
    owner, contributor = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c"
    assert granted
    assert granted.isdisjoint({owner, contributor})
    assert [role for role in granted if role not in page] == []


def test_a_check_that_is_skipped_says_why() -> None:
    skips = [skip for path in BICEP for skip in re.findall(r"checkov:skip=(\S+?):(.*)", path.read_text())]
    assert skips
    assert [check for check, reason in skips if len(reason.split()) <= 5] == []
