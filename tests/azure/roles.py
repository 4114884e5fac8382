"""docs/azure-roles.md: what each of our roles grants, and which flow was seen to use it. `python -m tests.azure.roles` writes the page anew.

The flows are real: the verbs of a small project on a loopback Azure, as `ci`, a data scientist, a reader and a caller, each with what infra/roles.json
grants it and no more. What is granted and never asked for has its reason in `unseen` of the role, or the test fails.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import requests
import yaml
from tests.azure import scoring_rows
from tests.azure.hurry import PAUSES
from tests.azure.loopback import Identity, Loopback
from tests.azure.loopback.actions import fits, matching
from tests.azure.loopback.azurite import VERSION
from tests.azure.loopback.endpoints import OnlineEndpoint
from tests.mlops.conftest import COMPONENT
from tests.mlops.delivery.conftest import FILES

from mlops import cli

ROOT = Path(__file__).parents[2]
PAGE, TABLE = ROOT / "docs/azure-roles.md", ROOT / "infra/roles.json"
INTRO = """\
# Roles on Azure: granted, used

Written by `python -m tests.azure.roles`; a test fails where it is stale, or where a role of ours grants what nobody uses and nobody gives a reason for
(`unseen` in `infra/roles.json`). Each flow is a real one: the verbs, through azure-ai-ml, on the [loopback](../tests/azure/loopback/README.md), as an identity that has what
`infra/roles.json` grants it at the scopes there, and no more. Every request is an action by Resource Manager's own rule, or a data action of Azure Storage. **The real service was never
asked**: what it asks for beside these requests, in the name of whoever submits a job, only Microsoft's page of role scenarios tells; such actions are kept, with that reason.

Who has which role, and where: [azure.md](azure.md#who-may-do-what). What is refused, and in which words: `tests/azure/test_roles.py`.
"""
WITHIN = {
    "endpoint": ("endpoint", "workspace", "group"),
    **{scope: (scope, "group") for scope in ("workspace", "storage", "endpointIdentity", "group", "subscription")},
    "registry": ("registry",),
}
"""The nearest scope of a request -> where a role for it may have been granted."""
COUNT = COMPONENT.replace("environment: azureml:any@latest", "environment: {{image: 'python:3.11'}}").replace("./code", "../../../code")
EXTRA = {
    "rows.csv": "a,b,c\n0.5,0.5,0.0\n",
    "code/make.py": "import sys\nopen(sys.argv[1], 'w').write(open(sys.argv[2]).read())\nprint('made')\n",
    "data/rows.txt": "1 2 3\n",
    "src/pipelines/components/make.yml": COUNT.format(
        name="make",
        inputs="{rows: {type: uri_file}}",
        outputs="{made: {type: uri_file}}",
        command='python make.py "${{outputs.made}}" "${{inputs.rows}}"',
    ),
    "small.yml": """\
        type: pipeline
        experiment_name: small
        settings: {default_compute: azureml:cpu-cluster}
        outputs: {made: {type: uri_file}}
        jobs:
          make:
            type: command
            component: ./src/pipelines/components/make.yml
            inputs: {rows: {type: uri_file, path: ./data/rows.txt}}
            outputs: {made: "${{parent.outputs.made}}"}
        """,
}


@dataclass
class World:
    """A project whose staging and production are one workspace of a loopback Azure, where `make infra` has made production's endpoint."""

    azure: Loopback
    root: Path

    def prepare(self) -> None:
        azure = "where: azure\n" + yaml.safe_dump({"azure": self.azure.place(cost_owner="team-shops")}).rstrip()
        own = {"src/project/project.yml", "data/shops.odcs.yml"}
        scoring = {name: text for name, text in scoring_rows.FILES.items() if "train" not in name and name not in own}
        files = {**FILES, **{name: text.replace("PLACE", self.root.name) for name, text in scoring.items()}, **EXTRA}
        pipeline = "experiment_name: shops\nsettings: {default_compute: azureml:cpu-cluster}"
        files["src/pipelines/train.yml"] = textwrap.dedent(files["src/pipelines/train.yml"]).replace("experiment_name: shops", pipeline)
        staging = textwrap.dedent(files["environments/staging.yml"]).replace("where: local", azure)
        files["environments/staging.yml"] = f"{staging}shift: {{seconds: 0}}\n"
        production = {
            "serve": {"port": 0},
            "test": {"smoke_requests": 10},
            "shift": {"seconds": 0},
            "online": {"scale": {"min": 1, "max": 2}},
            "batch": {},
        }
        files["environments/production.yml"] = f"{azure}\n{yaml.safe_dump(production)}"
        for name in ("infra/roles.json", "infra/staging.bicepparam"):
            files[name] = (ROOT / name).read_text(encoding="utf-8")
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        identity = (
            self.azure.workspace.id.partition("/providers/")[0] + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-endpoint"
        )
        body = {
            "location": self.azure.workspace.region,
            "tags": {"model": "shops", "environment": "production"},
            "kind": "Managed",
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
            "properties": {"authMode": "AADToken", "publicNetworkAccess": "Enabled"},
        }
        self.azure.endpoints.found["shops-by-infra"] = OnlineEndpoint("shops-by-infra", body)

    def mlops(self, who: Identity, *words: str, code: int = 0) -> str:
        """Run a verb at the project's root as somebody, and return what it printed; the exit code must be `code`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "MLOPS_HOME", "MLFLOW_"))}
        out, errors = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**kept, **self.azure.variables(who)}, clear=True),
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            ended = cli.main(list(words))
        assert ended == code, f"{words}: {ended}\n{out.getvalue()}{errors.getvalue()}"
        return out.getvalue() + (errors.getvalue() if code else "")

    def run(self, who: Identity) -> None:
        (self.root / "code/own.txt").write_text(f"of {who.role}")
        told = self.mlops(who, "run", "small.yml", "--where", "azure", "--environment", "staging", "--force", "--json")
        assert json.loads(told)["state"] == "completed"
        assert "made" in self.mlops(who, "logs", "latest", "make")

    def cancel(self, who: Identity) -> None:
        self.leave(who)
        assert "canceled" in self.mlops(who, "cancel", "latest")

    def leave(self, who: Identity) -> None:
        """Submit a job, and stop following it while it waits for a machine."""
        self.azure.faults.queue = 3600.0
        limited = ("--queue-limit", "0.0001", "--force")
        told = self.mlops(who, "run", "small.yml", "--where", "azure", "--environment", "staging", *limited, code=3)
        assert "no machine for" in told
        self.azure.faults.queue = 0.0

    def follow(self, who: Identity) -> None:
        assert self.azure.ci.role == "ci"
        self.azure.faults.queue = 1.0
        limited = ("--queue-limit", "0.0001", "--force")
        self.mlops(self.azure.ci, "run", "small.yml", "--where", "azure", "--environment", "staging", *limited, code=3)
        self.azure.faults.queue = 0.0
        assert "completed" in self.mlops(who, "resume", "latest", "--queue-limit", "0")

    def components(self, who: Identity) -> None:
        assert "make" in self.mlops(who, "component", "create", "--where", "azure", "--environment", "staging", "--json")

    def assets(self, who: Identity) -> None:
        at = ("--where", "azure", "--environment", "staging")
        name = f"of-{who.role}"
        for kind, more in (
            ("data", "type: uri_file\npath: data/rows.txt"),
            ("model", "type: custom_model\npath: data/rows.txt"),
            ("environment", "image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20250101.v1"),
        ):
            (self.root / "asset.yml").write_text(f"name: {name}\n{more}\n")
            self.mlops(who, kind, "create", "-f", "asset.yml", *at)
            assert name in self.mlops(who, kind, "list", *at)
            version = json.loads(self.mlops(who, kind, "show", name, *at, "--json"))["version"]
            self.mlops(who, kind, "archive", f"{name}:{version}", *at)
            self.mlops(who, kind, "restore", "--name", name, "--version", version, *at)

    def share(self, who: Identity) -> None:
        (self.root / "asset.yml").write_text("name: shared-rows\nversion: '1'\ntype: uri_file\npath: data/rows.txt\n")
        self.mlops(who, "data", "create", "-f", "asset.yml", "--where", "azure", "--environment", "staging")
        shared = ("data", "share", "shared-rows:1", "--registry", self.azure.registry.name, "--environment", "staging")
        assert self.azure.registry.name in self.mlops(who, *shared)

    def schedule(self, who: Identity) -> None:
        trigger = "{type: cron, expression: '0 4 * * *', start_time: '2026-01-01T00:00:00'}"
        (self.root / "nightly.yml").write_text(f"name: nightly\ntrigger: {trigger}\ncreate_job: {{type: pipeline, job: ./small.yml}}\n")
        at = ("--environment", "staging")
        self.mlops(who, "schedule", "create", "-f", "nightly.yml", "--where", "azure", *at)
        assert "nightly" in self.mlops(who, "schedule", "list", *at)
        for verb in ("disable", "enable", "trigger", "delete"):
            self.mlops(who, "schedule", verb, "nightly", *at)

    def score(self, who: Identity) -> None:
        assert json.loads(self.mlops(who, "score", "production", "--json"))["state"] == "completed"

    def doctor(self, who: Identity) -> None:
        self.mlops(who, "doctor", "--azure", "--environment", "staging")

    def look(self, who: Identity) -> None:
        told = json.loads(self.mlops(who, "status", "--json"))["environments"]
        assert {name: one["health"] for name, one in told.items()} == {"staging": "ready", "production": "ready"}
        self.mlops(who, "models", "--json")

    def register(self, who: Identity) -> None:
        told = self.mlops(who, "deliver", "--to", "registry", "--json", "--set", "blind=0.9")
        assert json.loads(told.splitlines()[-1])["outcome"] == "keep"

    def deliver(self, who: Identity) -> None:
        for blind, version in (("0.6", 1), ("0.0", 2)):
            told = json.loads(self.mlops(who, "deliver", "--json", "--set", f"blind={blind}").splitlines()[-1])
            assert told["production"]["version"] == version, told

    def unhealthy(self, who: Identity) -> None:
        models = json.loads(self.mlops(who, "models", "--json"))["versions"]
        one = next(one for one in models if one["version"] == 1)
        name = f"v1-{one['digest'].removeprefix('sha256:')[:8]}"
        self.azure.endpoints.found["shops-by-infra"].deployments.pop(name, None)
        self.azure.endpoints.late[name] = "The container did not start."
        assert "did not become healthy" in self.mlops(who, "promote", "1", "--to", "production", "--reason", "to see it fail", code=1)

    def back(self, who: Identity) -> None:
        assert "v2" in self.mlops(who, "promote", "1", "--to", "production", "--reason", "back to the first")
        assert "v1" in self.mlops(who, "rollback", "production", "--reason", "it was right")

    def stop(self, who: Identity) -> None:
        self.mlops(who, "stop", "production")
        assert self.azure.endpoints.found["shops-by-infra"].deployments == {}

    def call(self, who: Identity) -> None:
        form = {"client_id": who.client, "client_secret": who.secret, "scope": "https://ml.azure.com/.default"}
        token = self.azure.entra.token(self.azure.entra.tenant, form)["access_token"]
        variables = self.azure.variables(who)
        answer = requests.post(
            f"https://shops-by-infra.{self.azure.workspace.region}.inference.ml.azure.com/score",
            json={"input_data": {"columns": ["a", "b", "c"], "index": [0], "data": [[0.1, 0.2, 0.3]]}},
            headers={"Authorization": f"Bearer {token}"},
            proxies={"https": variables["HTTPS_PROXY"]},
            verify=variables["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )
        assert answer.status_code == 200, answer.text


FLOWS = {
    "a delivery to production": ("ci", World.deliver),
    "a run": ("ci", World.run),
    "a cancellation": ("ci", World.cancel),
    "components": ("ci", World.components),
    "assets": ("ci", World.assets),
    "sharing": ("ci", World.share),
    "a schedule": ("ci", World.schedule),
    "a batch": ("ci", World.score),
    "the doctor": ("ci", World.doctor),
    "status and models": ("ci", World.look),
    "a deployment that is not healthy": ("ci", World.unhealthy),
    "promotion and rollback": ("ci", World.back),
    "a run of one's own": ("scientist", World.run),
    "a cancellation of one's own": ("scientist", World.cancel),
    "components of one's own": ("scientist", World.components),
    "assets of one's own": ("scientist", World.assets),
    "a model of one's own": ("scientist", World.register),
    "the doctor of one's own": ("scientist", World.doctor),
    "looking": ("reader", World.look),
    "following a job": ("reader", World.follow),
    "a prediction": ("caller", World.call),
    "the end of what serves": ("ci", World.stop),
}
"""What is done, in this order: by whom, and how."""


def play(azure: Loopback, root: Path) -> None:
    """Do all of it; what was asked for is in `azure.service.judge.uses` then."""
    world = World(azure, root)
    world.prepare()
    azure.workspace.curated.add("any:1")
    with contextlib.ExitStack() as patches:
        for module, name, seconds in PAUSES:
            patches.enter_context(mock.patch.object(module, name, seconds))
        for name, (who, flow) in FLOWS.items():
            azure.service.judge.flow = name
            flow(world, getattr(azure, who))
    azure.service.judge.flow = ""


def _short(action: str) -> str:
    return action.removeprefix("Microsoft.MachineLearningServices/workspaces/").removeprefix("Microsoft.Storage/storageAccounts/")


def _flows(uses, action: str) -> str:
    return ", ".join(name for name in FLOWS if any(one.flow == name and fits(action, one.action) for one in uses))


@dataclass
class Compared:
    """The table of roles beside what was used of it."""

    told: dict
    uses: list

    @property
    def grants(self) -> list[tuple[str, str, dict]]:
        """Who, where, and the entry: of every grant."""
        return [
            (one["who"], scope, one) for kind in ("machines", "people") for scope, entries in self.told[kind].items() for one in entries
        ]

    def own(self) -> list[str]:
        return [key for key, role in self.told["roles"].items() if not role["id"]]

    def granted(self, key: str) -> list[str]:
        """Return the actions that a role of ours grants: those that are published, and those that were asked for beside them."""
        role = self.told["roles"][key]
        found = [action for pattern in role["actions"] for action in matching(pattern)]
        found += [one.action for one in self._of(key) if not matching(one.action)]
        return [one for one in dict.fromkeys(found) if not any(fits(but, one) for but in role["notActions"])]

    def _of(self, key: str) -> list:
        """Return the uses of what a role grants, by those who have it, where they have it."""
        role, where = self.told["roles"][key], {(name, scope) for name, scope, one in self.grants if one["role"] == key}
        patterns = (*role["actions"], *role["dataActions"])
        uses = [one for one in self.uses if one.granted and any((one.role, scope) in where for scope in WITHIN[one.scope])]
        uses = [one for one in uses if any(fits(pattern, one.action) for pattern in patterns)]
        return [one for one in uses if not any(fits(but, one.action) for but in role["notActions"])]

    def used(self, key: str) -> dict[str, str]:
        """Return each action of a role of ours that was used, and by which flows."""
        uses = self._of(key)
        return {action: by for action in self.granted(key) if (by := _flows(uses, action))}

    def unseen(self, key: str) -> dict[str, tuple[str, list[str]]]:
        """Return the reasons for what a role of ours grants and nobody used, and which actions each is for."""
        used, found = self.used(key), {}
        left = [one for one in self.granted(key) if one not in used]
        for pattern, why in self.told["roles"][key].get("unseen", {}).items():
            found[pattern] = (why, [one for one in left if fits(pattern, one)])
            left = [one for one in left if not fits(pattern, one)]
        return found

    def complaints(self) -> list[str]:
        """Return what is granted for nothing, and the reasons that are given for nothing."""
        found = []
        for key in self.own():
            explained = {one for _, those in self.unseen(key).values() for one in those}
            idle = set(self.granted(key)) - set(self.used(key)) - explained
            found += [f"{key} grants {one}, which no flow uses; take it away, or give the reason in `unseen`" for one in sorted(idle)]
            found += [f"{key}: the reason for {pattern} is for nothing" for pattern, (_, those) in self.unseen(key).items() if not those]
        return found

    def page(self) -> str:
        parts = [INTRO, *(self._section(key) for key in self.own()), self._builtin(), self._refused()]
        return "\n".join(parts)

    def _section(self, key: str) -> str:
        role = self.told["roles"][key]
        who = ", ".join(f"{name} ({scope})" for name, scope, one in self.grants if one["role"] == key)
        lines = [f"## {key}\n", f"{role['name']} Granted to {who}.\n", "| granted and used | in |", "|---|---|"]
        lines += [
            f"| `{_short(action)}`{'' if matching(action) else ' (not in the published list)'} | {by} |"
            for action, by in self.used(key).items()
        ]
        lines += ["", "| granted, and never asked for here | why it is granted |", "|---|---|"] if self.unseen(key) else []
        for pattern, (why, those) in self.unseen(key).items():
            names = f"{len(those)} of `{_short(pattern)}`" if "*" in pattern else f"`{_short(pattern)}`"
            lines.append(f"| {names} | {why} |")
        return "\n".join([*lines, ""])

    def _builtin(self) -> str:
        lines = [
            "## Roles of Azure's own\n",
            "As Microsoft made them. What a job and a deployment ask for as `training` and as `endpoint`, the loopback does by itself: nobody is judged there.\n",
        ]
        lines += ["| who | role | used |", "|---|---|---|"]
        for who, _, entry in self.grants:
            role, found = self.told["roles"][entry["role"]], {}
            if role["id"]:
                for one in sorted(use for use in self._of(entry["role"]) if use.role == who):
                    found.setdefault(one.action, _flows([use for use in self._of(entry["role"]) if use.role == who], one.action))
                told = "<br>".join(f"`{_short(action)}`: {by}" for action, by in found.items() if by)
                told = told or f"not asked for here: {entry['why']}"
                lines.append(f"| {who} | {role['name']} | {told} |")
        return "\n".join([*lines, ""])

    def _refused(self) -> str:
        lines = ["## Asked for, and refused\n", "Which a flow told, and went on without.\n", "| who | action | in |", "|---|---|---|"]
        refused = [one for one in self.uses if not one.granted and one.flow in FLOWS]
        for who, action in sorted({(one.role, one.action) for one in refused}):
            lines.append(f"| {who} | `{action}` | {_flows([one for one in refused if one.role == who], action)} |")
        return "\n".join([*lines, ""])


def compared(azure: Loopback) -> Compared:
    return Compared(json.loads(TABLE.read_text(encoding="utf-8")), sorted(azure.service.judge.uses))


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch, Loopback(Path(scratch), Path(sys.prefix) / f"azurite-{VERSION}") as azure:
        play(azure, Path(scratch) / "shops")
        found = compared(azure)
    PAGE.write_text(found.page(), encoding="utf-8")
    print(PAGE, *found.complaints(), sep="\n")
    return 1 if found.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
