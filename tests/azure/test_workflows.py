"""From a commit to production on Azure and back by the files of both CI systems: each job signs in by a token of its own, and there is no secret.

Whom each environment's identity believes is read from `infra/`, as `make infra` sets it: a job that showed another subject would be turned away.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import requests
import yaml
from tests.azure.conftest import an_azure
from tests.azure.loopback import Identity
from tests.azure.loopback.entra import LOGIN
from tests.azure.loopback.issuer import DEVOPS, Issuer
from tests.contract.azure_expander import TASKS, Event
from tests.contract.bicep import evaluate, parameters
from tests.mlops.ci.azure_loopback import azure_devops
from tests.mlops.ci.loopback import Loopback as FakeGitHub
from tests.mlops.workflows import conftest as forks
from tests.mlops.workflows.devops import APPROVER, AUTHOR, DELIVER, Fork, python
from tests.mlops.workflows.repository import ROOT, TOKEN, Repository

from mlops import cli

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ENVIRONMENTS = ("staging", "production")
EXAMPLE = ["src/project", "src/pipelines", "data", "environments", "infra", "pyproject.toml", "README.md"]
CREDENTIALS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
DEVOPS_SUBJECTS = {name: f"/eid1/c/pub/t/tenant/a/org/sc/org/to-{name}" for name in ENVIRONMENTS}
CONNECTIONS = {"to-staging": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "to-production": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"}
ROW = {
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "minute_of_day": 315,
    "sched_arr": 499,
    "weekday": 2,
    "distance": 1400,
    "hour_load": 5,
    "temp": 39.0,
    "dewp": 28.0,
    "humid": 64.4,
    "wind_dir": 260.0,
    "wind_speed": 12.7,
    "wind_gust": 0.0,
    "precip": 0.0,
    "pressure": 1012.0,
    "visib": 10.0,
    "age": 14.0,
    "seats": 149.0,
}


def believed(environment: str) -> set[tuple[str, str]]:
    """Return issuer and subject of each token that the CI identity of an environment believes, as infra/ makes it."""
    given = {
        **parameters(ROOT / f"infra/{environment}.bicepparam", {"AZURE_GITHUB_REPOSITORY": "acme/shops"}),
        "devopsIssuer": DEVOPS,
        "devopsSubject": DEVOPS_SUBJECTS[environment],
    }
    found = [one for one in evaluate(ROOT / "infra/main.bicep", given, f"rg-flights-{environment}") if one.kind == CREDENTIALS]
    assert {one.parent.name for one in found} == {f"id-flights-{environment}-ci"}
    return {(one.body["properties"]["issuer"], one.body["properties"]["subject"]) for one in found}


@dataclass
class There:
    """The loopback Azure with an identity for each environment, and the token service that they believe."""

    azure: object
    issuer: Issuer
    identities: dict[str, Identity]
    caller: Identity

    def environment(self, name: str) -> dict[str, object]:
        """Return what turns an environment's file into one on Azure."""
        place = {**self.azure.place(), "ci_client": self.identities[name].client, "ci_connection": CONNECTIONS[f"to-{name}"]}
        return {"where": "azure", "azure": place, "shift": {"seconds": 0}}

    def variables(self) -> dict[str, str]:
        """Return what a process needs to reach this Azure, and nothing that it could sign in with."""
        return {name: value for name, value in self.azure.variables(self.caller).items() if not name.startswith("AZURE_")}

    def subjects(self) -> list[str]:
        """Return whom jobs said that they are since the last time, each once, in order."""
        found, self.issuer.asked[:] = list(dict.fromkeys(self.issuer.asked)), []
        return [one.removeprefix("repo:acme/shops:") for one in found]

    def serves(self, environment: str) -> dict[str, int]:
        """Return the version that has the traffic of an environment's endpoint, by its percent."""
        (endpoint,) = [one for one in self.azure.endpoints.found.values() if one.body["tags"].get("environment") == environment]
        return {name.partition("-")[0]: percent for name, percent in endpoint.share("traffic").items()}

    def ask(self, environment: str, row: dict[str, object]) -> tuple[int, object]:
        """Ask an environment's endpoint for a prediction over HTTPS, as somebody who may call it and nothing else."""
        (name,) = [name for name, one in self.azure.endpoints.found.items() if one.body["tags"].get("environment") == environment]
        way = {"proxies": {"https": self.variables()["HTTPS_PROXY"]}, "verify": str(self.azure.certificates.authority), "timeout": 60}
        form = {"grant_type": "client_credentials", "client_id": self.caller.client, "client_secret": self.caller.secret}
        form["scope"] = "https://ml.azure.com/.default"
        token = requests.post(f"https://{LOGIN}/{self.azure.entra.tenant}/oauth2/v2.0/token", data=form, **way).json()["access_token"]
        body = {"input_data": {"columns": list(row), "index": [0], "data": [list(row.values())]}}
        address, bearer = f"https://{name}.westeurope.inference.ml.azure.com/score", {"Authorization": f"Bearer {token}"}
        answer = requests.post(address, json=body, headers=bearer, **way)
        return answer.status_code, answer.json()


@pytest.fixture
def loopback(tmp_path_factory):
    """An Azure in which nothing was ever registered: versions are counted here."""
    with an_azure(tmp_path_factory.mktemp("azure")) as made:
        yield made


@pytest.fixture
def there(azure, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MLOPS_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    identities = {name: Identity("ci", trusts=believed(name)) for name in ENVIRONMENTS}
    known = azure.entra.identities
    known += identities.values()
    with Issuer(azure.entra) as issuer:
        yield There(azure, issuer, identities, azure.caller)
    for one in identities.values():
        known.remove(one)


# GitHub


def seconds(place: Path, number: int) -> dict[str, float]:
    """Return how long each job of an act run took, from the times of its first and its last line."""
    times: dict[str, list[datetime]] = {}
    for line in (place / f"run-{number}/log").read_text(errors="replace").splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("job") and entry.get("time"):
            name = entry["job"].split("/")[-1].strip()
            times.setdefault(name, []).append(datetime.fromisoformat(entry["time"]))
    return {name: (max(found) - min(found)).total_seconds() for name, found in times.items()}


@pytest.fixture
def github():
    with FakeGitHub("acme/shops", TOKEN) as server:
        server.environment("staging")
        server.environment("production", [forks.BEN])
        yield server
    assert server.violations == []


@pytest.fixture
def example(there, github, tmp_path) -> Repository:
    """The example's repository with both environments on Azure; November's flights, which are predicted less well, are let pass."""
    if not forks.ACT.exists():
        pytest.skip("act is not installed here: make test sets it up in .venv/tools")
    variables = {**there.variables(), "GITHUB_API_URL": github.url, "SLIPWAY_TOKENS": there.issuer.url}
    made = Repository(tmp_path, forks.ACT, variables)
    files = {"project.mk": "check test audit pages:\n\t@echo $@: those of this repository are about this repository\n"}
    for name in ENVIRONMENTS:
        own = yaml.safe_load((ROOT / f"environments/{name}.yml").read_text()) | there.environment(name)
        if name == "production":
            own["monitor"]["performance"]["may_fall_by"] = 0.05
        files[f"environments/{name}.yml"] = yaml.safe_dump(own)
    made.make(files, EXAMPLE)
    return made


def moves(fork: Repository, there: There, monkeypatch, capsys) -> list[tuple[str, int | None, int | None, str]]:
    """Return the record that the workspace keeps, as a data scientist reads it."""
    monkeypatch.chdir(fork.root)
    for name, value in there.azure.variables(there.azure.scientist).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert cli.main(["models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["history"]
    return [(one["environment"], one["before"], one["after"], one["who"]) for one in told]


def test_the_example_goes_from_a_commit_to_production_on_azure_and_back_by_github_s_workflows(there, github, example, monkeypatch, capsys):
    times = {}

    def run(event, workflow, payload=None, **options):
        ran = example.start(event, workflow, {"ref": "refs/heads/main", **(payload or {})}, **options).wait(1200)
        times.update({f"{workflow} {example.number}: {name}": took for name, took in seconds(example.place, example.number).items()})
        assert ran.code == 0, ran.log[-6000:]
        return ran

    def deliver(before):
        github.commits[example.git("rev-parse", "HEAD")] = forks.ADA
        forks.approve(github, example.number + 1)
        ran = run("push", "deliver", {"before": before})
        assert {"make train", "make promote ENV=staging", "make promote ENV=production"} <= ran.ended("success")
        return there.subjects()

    signed = deliver("0" * 40)
    assert signed == ["ref:refs/heads/main", "environment:staging", "environment:production"]
    assert (there.serves("staging"), there.serves("production")) == ({"v1": 100}, {"v1": 100})
    assert there.ask("production", ROW) == (200, [0])

    first = example.git("rev-parse", "HEAD")
    example.edit("src/pipelines/train.yml", "max_iter: 100", "max_iter: 150")
    example.commit("Learn longer")
    example.git("push", "--quiet", "origin", "main")
    deliver(first)
    assert (there.serves("staging"), there.serves("production")) == ({"v2": 100}, {"v2": 100})
    assert there.ask("production", ROW)[0] == 200

    run("workflow_dispatch", "rollback", inputs={"model": "", "reason": "it was rash"})
    assert there.subjects() == ["ref:refs/heads/main"]
    assert (there.serves("staging"), there.serves("production")) == ({"v2": 100}, {"v1": 100})
    assert there.ask("production", ROW) == (200, [0])

    looked = run("workflow_dispatch", "monitor")
    assert there.subjects() == ["ref:refs/heads/main"]
    assert "v1 answers: smoke 24 of 24 equal" in " ".join(looked.log.split())
    assert github.issues == {}

    own = [move for move in moves(example, there, monkeypatch, capsys) if move[0] == "production"]
    assert own == [("production", 2, 1, own[0][3]), ("production", 1, 2, forks.BEN), ("production", None, 1, forks.BEN)]
    assert example.git("ls-remote", "origin").split()[1::2] == ["HEAD", "refs/heads/main"], "the registry is in the workspace"
    with capsys.disabled():
        print("\n" + "\n".join(f"  {name:<45} {took:5.0f} s" for name, took in times.items()))


# Azure Pipelines


@pytest.fixture
def devops(there, tmp_path, monkeypatch):
    """A small fork on Azure DevOps with both environments on Azure, whose pipelines name the service connections."""
    monkeypatch.setitem(TASKS, "UsePythonVersion@0", ({"versionSpec"}, python))
    subjects = {CONNECTIONS[f"to-{name}"]: subject for name, subject in DEVOPS_SUBJECTS.items()}

    def tokens(connections):
        named = {CONNECTIONS[name] for name in connections}
        return there.issuer.job(DEVOPS, {key: subject for key, subject in subjects.items() if key in named})

    files = {}
    for name in ENVIRONMENTS:
        own = yaml.safe_load(Fork.files[f"environments/{name}.yml"]) | there.environment(name)
        files[f"environments/{name}.yml"] = yaml.safe_dump(own)
    compute = "experiment_name: shops\nsettings: {default_compute: azureml:cpu-cluster}"
    files["src/pipelines/train.yml"] = Fork.files["src/pipelines/train.yml"].replace("experiment_name: shops", compute)
    for path, text in Fork.files.items():
        if "connections: {staging: ''" in text:
            files[path] = text.replace("{staging: '', production: ''}", "{staging: to-staging, production: to-production}", 1)
    with azure_devops() as project:
        yield Fork(tmp_path, project, files, tokens=tokens, environ=there.variables())


def test_a_commit_goes_to_production_on_azure_and_back_by_azure_s_pipelines(there, devops):
    devops.guard_production()

    def deliver(message, **parameters):
        devops.says = APPROVER
        run = devops.service.run(DELIVER, Event("push", devops.push(message, **parameters), by=AUTHOR))
        assert run.result == "succeeded", run.text()[-6000:]
        return [one.rpartition("/")[2] for one in there.subjects()]

    assert deliver("Leave less to chance", blind="0.6") == ["to-staging", "to-production"]
    assert (there.serves("staging"), there.serves("production")) == ({"v1": 100}, {"v1": 100})
    deliver("See all", blind="0.0")
    assert (there.serves("staging"), there.serves("production")) == ({"v2": 100}, {"v2": 100})
    assert there.ask("production", {"a": 0.1, "b": 0.2, "c": 0.3})[0] == 200

    event = Event("manual", devops.repository.git("rev-parse", "HEAD"), parameters={"reason": "it was rash"}, by=AUTHOR)
    run = devops.service.run(".azure-pipelines/rollback.yml", event)
    assert run.result == "succeeded", run.text()[-6000:]
    assert (there.serves("staging"), there.serves("production")) == ({"v2": 100}, {"v1": 100})
    assert devops.kept() == "", "the registry is in the workspace"
