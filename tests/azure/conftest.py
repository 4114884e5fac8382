"""A loopback Azure for all tests of this folder, and small projects whose `environments/staging.yml` names its workspace."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.azure.loopback import Identity, Loopback
from tests.azure.loopback.azurite import VERSION, Missing
from tests.mlops.conftest import Project, project

from mlops import cli
from mlops.settings import AzureSettings

__all__ = ["project"]


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """One Azure for all, which keeps what was registered; a file of tests that counts versions has its own."""
    with an_azure(tmp_path_factory.mktemp("azure")) as made:
        yield made


@contextlib.contextmanager
def an_azure(folder: Path) -> Iterator[Loopback]:
    """Begin an Azure; Azurite is installed once into the virtual environment."""
    try:
        with Loopback(folder, Path(sys.prefix) / f"azurite-{VERSION}") as made:
            made.workspace.curated.add("any:1")
            yield made
            assert made.strangers == [], "somebody who is not Azure was talked to"
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Three versions of a small model, which nothing of a test changes."""
    from tests.azure.deploying import make

    place = tmp_path_factory.mktemp("versions")
    return [make(place, number) for number in (1, 2, 3)]


@pytest.fixture
def azure(loopback: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """The same Azure with no faults turned on and a compute that has run nothing yet; all requests of the test must have been right."""
    loopback.calls.clear()
    loopback.jobs.folder = tmp_path_factory.mktemp("compute")
    yield loopback
    loopback.faults.clear()
    loopback.endpoints.clear()
    loopback.service.batch.clear()
    loopback.schedules.clear()
    loopback.service.after = None
    loopback.service.gone, loopback.jobs.runs, loopback.entra.lifetime = False, True, 3600.0
    found, loopback.service.violations = loopback.service.violations + loopback.ingestion.violations, []
    loopback.ingestion.clear()
    assert found == []


@dataclass
class There:
    """A project beside an Azure: `mlops` runs in this process, at its root."""

    project: Project
    azure: Loopback
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def sign_in(self, who: Identity, **other: str) -> None:
        for name, value in self.azure.variables(who, **other).items():
            self.monkeypatch.setenv(name, value)

    def place(self, **other: object) -> None:
        """Write where staging is."""
        text = yaml.safe_dump({"where": "local", "azure": self.azure.place(**other)})
        self.project.write("environments/staging.yml", text)

    def settings(self) -> AzureSettings:
        return AzureSettings(**self.azure.place())

    def mlops(self, *words: str) -> tuple[int, str, str]:
        """Run a verb; return its exit code, and what it wrote to standard output and error."""
        self.capsys.readouterr()
        code = cli.main(list(words))
        return code, *self.capsys.readouterr()

    def run(self, *words: str, file: str = "pipeline.yml") -> dict:
        """Run a file on Azure, which must complete, and return the record."""
        code, out, errors = self.mlops("run", file, "--where", "azure", "--json", *words)
        assert code == 0, errors + out
        return json.loads(out)

    def record(self, number: int | str = "latest") -> dict:
        return json.loads(self.mlops("show", str(number), "--json")[1])

    def follow(self, number: int | str = "latest") -> dict:
        """Follow a run again to its end, which must be good, and return the record."""
        code, out, errors = self.mlops("resume", str(number), "--json")
        assert code == 0, errors + out
        return json.loads(out)

    def puts(self, kind: str) -> list:
        """The bodies that were sent to create something of a kind."""
        return [call.body for call in self.azure.calls if call.method == "PUT" and f"/{kind}/" in call.path]


@pytest.fixture
def there(project: Project, azure: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> There:
    from mlops.azure import connection

    monkeypatch.setattr(connection, "PACE", 0.05)
    monkeypatch.setattr(connection, "RETRIES", 2)
    monkeypatch.setattr(connection, "BACKOFF", 0.1)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    made = There(project, azure, capsys, monkeypatch)
    made.sign_in(azure.scientist)
    made.place()
    monkeypatch.chdir(project.root)
    return made
