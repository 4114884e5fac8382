"""A stand-in of the program `az` on the PATH: it writes down how it is called, and answers as az does (its forms, not its work)."""

import json
import sys
from pathlib import Path

import pytest

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-flights-staging"
PROGRAM = """\
#!{python}
import json, pathlib, sys
home = pathlib.Path({home!r})
words = sys.argv[1:]
with (home / "calls.jsonl").open("a") as file:
    file.write(json.dumps(words) + "\\n")
for word in words:
    if word.startswith("@"):  # az reads such a word's value from the file
        with (home / "read.jsonl").open("a") as file:
            file.write(json.dumps([word[1:], pathlib.Path(word[1:]).read_text()]) + "\\n")
answers = json.loads((home / "answers.json").read_text())
key = max((key for key in answers if " ".join(words).startswith(key)), key=len, default=None)
if key is None:
    sys.exit(f"ERROR: '{{words[0]}}' is misspelled or not recognized by the system.")
answer = answers[key]
if "error" in answer:
    print(answer["error"], file=sys.stderr)
    sys.exit(answer.get("code", 1))
if answer["value"] is not None:
    print(json.dumps(answer["value"], indent=2))
"""


PARAMETERS = """\
using '{main}.bicep'

param project = 'flights'
param environment = '{environment}'
param costOwner = 'flights-team'
param models = ['flights']
param trainingVmSize = 'Standard_D4s_v5'
param trainingPriority = '{priority}'
param githubRepository = readEnvironmentVariable('AZURE_GITHUB_REPOSITORY', '')
"""
PRICES = """\
# Said by hand.
# A second line.
currency: USD
region: eastus
date: '2026-11-30'
prices:
  Standard_D4s_v5:
    Dedicated: 0.192
    LowPriority: 0.0384
computes: {}
assume:
  start_minutes: 5
  idle_minutes: 5
  fastest: 0.5
  slowest: 2
"""


def settle(place: Path) -> None:
    """Write what the verbs read of a project: the template's own files may be a fork's by now."""
    files = {
        f"infra/{name}.bicepparam": PARAMETERS.format(main="main", environment=name, priority=priority)
        for name, priority in (("staging", "LowPriority"), ("production", "Dedicated"))
    }
    files["infra/shared.bicepparam"] = PARAMETERS.format(main="shared", environment="shared", priority="")
    files["infra/prices.yml"] = PRICES
    files["environments/production.yml"] = "where: local\nserve: {port: 8801}\napproval: {required: true, by_author: false}\n"
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def entry(kind: str, name: str, **tags: str) -> dict:
    """A resource as `az resource list` has it."""
    return {
        "id": f"{GROUP}/providers/{kind}/{name}",
        "kind": None,
        "location": "westeurope",
        "name": name,
        "resourceGroup": "rg-flights-staging",
        "tags": tags or None,
        "type": kind,
    }


def change(kind: str, name: str, what: str, delta: list | None = None) -> dict:
    """A change as `az deployment group what-if --no-pretty-print` has it."""
    return {
        "after": {},
        "before": None,
        "changeType": what,
        "delta": delta,
        "resourceId": f"{GROUP}/providers/{kind}/{name}",
        "unsupportedReason": None,
    }


class Az:
    """What the stand-in is to answer, and how it was called."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.answers: dict[str, dict] = {}
        self.says(
            "version", {"azure-cli": "2.83.0", "azure-cli-core": "2.83.0", "azure-cli-telemetry": "1.1.0", "extensions": {"ml": "2.40.1"}}
        )
        self.says(
            "account show",
            {
                "id": SUBSCRIPTION,
                "name": "Team",
                "state": "Enabled",
                "tenantId": "tenant-1",
                "user": {"name": "ana@example.com", "type": "user"},
            },
        )
        self.says("group exists", True)
        self.says("resource list", [])
        self.says(
            "deployment group what-if",
            {"changes": [change("Microsoft.KeyVault/vaults", "kv-flights", "Create")], "error": None, "status": "Succeeded"},
        )
        outputs = {
            "workspaceName": {"type": "String", "value": "mlw-flights-staging"},
            "endpointNames": {"type": "Array", "value": ["flights-abc"]},
        }
        self.says(
            "deployment group create", {"name": "infra-staging", "properties": {"outputs": outputs, "provisioningState": "Succeeded"}}
        )
        self.says("group create", {"name": "rg-flights-staging", "properties": {"provisioningState": "Succeeded"}})
        self.says("group delete", None)

    def says(self, words: str, value: object) -> None:
        self._answer(words, {"value": value})

    def refuses(self, words: str, error: str, code: int = 1) -> None:
        self._answer(words, {"error": error, "code": code})

    def _answer(self, words: str, answer: dict) -> None:
        self.answers[words] = answer
        (self.home / "answers.json").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[list[str]]:
        path = self.home / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    @property
    def read(self) -> dict[str, str]:
        """Each file that a word named, and what was in it then."""
        path = self.home / "read.jsonl"
        return dict(json.loads(line) for line in path.read_text().splitlines()) if path.is_file() else {}

    def called(self, words: str) -> list[list[str]]:
        return [call for call in self.calls if " ".join(call).startswith(words)]


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    """The stand-in, first on the PATH, and the project's own parameter files in the working directory."""
    home, place = tmp_path / "az-home", tmp_path / "project"
    (home / "bin").mkdir(parents=True)
    program = home / "bin/az"
    program.write_text(PROGRAM.format(python=sys.executable, home=str(home)))
    program.chmod(0o755)
    settle(place)
    monkeypatch.chdir(place)
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=":")
    for name in ("AZURE_SUBSCRIPTION_ID", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    return Az(home)
