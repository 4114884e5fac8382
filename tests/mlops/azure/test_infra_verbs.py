"""`mlops infra` and `mlops infra-destroy` against a stand-in of `az`: what they ask it, what they show, and when they change nothing."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.mlops.azure.stand_in import SUBSCRIPTION, Az, change, entry, installed

from mlops.ci.host import Approval, Context, Protection
from mlops.cli import main

CAUSE = json.dumps({"error": {"code": "VaultAlreadyExists", "message": "The vault name kv-flights is already in use."}})
DETAILS = [{"code": "Conflict", "message": CAUSE}]
NESTED = "ERROR: " + json.dumps(
    {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed.", "details": DETAILS}
)
ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    return installed(tmp_path, monkeypatch)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """Have a person type lines, one for each question."""
    return lambda *lines: monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def in_ci(monkeypatch: pytest.MonkeyPatch, *approvers: str) -> None:
    context = Context("github", "push", "owner/name", "abc", actor="ana")
    host = SimpleNamespace(
        context=context,
        approvals=lambda environment: tuple(Approval(one, environment) for one in approvers),
        authors=lambda commit: ("ana",),
        protection=lambda environment: Protection(
            exists=True, reviewers=0, author_may_approve=True, told="the environment has no reviewers"
        ),
    )
    monkeypatch.setattr("mlops.verbs.infra.current", lambda environ: host)


def test_what_would_change_is_shown_then_asked_then_done(az: Az, typed, capsys) -> None:
    delta = [
        {
            "path": "properties",
            "propertyChangeType": "Modify",
            "children": [{"path": "retentionInDays", "propertyChangeType": "Modify", "before": 30, "after": 90, "children": None}],
        }
    ]
    changes = [
        change("Microsoft.OperationalInsights/workspaces", "log-flights-staging", "Modify", delta),
        change("Microsoft.KeyVault/vaults", "kv-flights", "Create"),
        change("Microsoft.Storage/storageAccounts", "flights", "NoChange"),
    ]
    az.says("deployment group what-if", {"changes": changes, "error": None, "status": "Succeeded"})
    typed("yes")
    assert main(["infra", "staging"]) == 0
    told = capsys.readouterr()
    assert f"the subscription Team ({SUBSCRIPTION}), tenant tenant-1, as ana@example.com" in told.out
    assert "+ Microsoft.KeyVault/vaults kv-flights" in told.out
    assert "properties.retentionInDays: 30 -> 90" in told.out
    assert "1 to create, 1 to modify; 1 stay as they are" in told.out
    assert "Make these changes?" in told.err
    order = [" ".join(call[:3]) for call in az.calls]
    assert order.index("deployment group what-if") < order.index("deployment group create")
    asked, done = az.called("deployment group what-if")[0], az.called("deployment group create")[0]
    assert [word for word in asked if "bicepparam" in word or "newEndpoints" in word] == [
        word for word in done if "bicepparam" in word or "newEndpoints" in word
    ]


@pytest.mark.parametrize("answer", ["no", "", "staging"])
def test_any_other_answer_changes_nothing(az: Az, typed, capsys, answer: str) -> None:
    typed(answer)
    assert main(["infra", "staging"]) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert az.called("deployment group create") == []


def test_without_anybody_to_ask_nothing_changes(az: Az, typed, capsys) -> None:
    typed()
    assert main(["infra", "staging"]) == 2
    assert "nobody is here to answer" in capsys.readouterr().err
    assert az.called("deployment group create") == []


def test_only_shown_is_never_asked(az: Az, typed, capsys) -> None:
    typed()
    assert main(["infra", "staging", "--what-if", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"] == [{"kind": "Microsoft.KeyVault/vaults", "name": "kv-flights", "what": "Create", "details": []}]
    assert az.called("deployment group create") == []


def test_where_nothing_would_change_nobody_is_asked(az: Az, typed, capsys) -> None:
    az.says(
        "deployment group what-if", {"changes": [change("Microsoft.KeyVault/vaults", "kv", "Ignore")], "error": None, "status": "Succeeded"}
    )
    typed()
    assert main(["infra", "staging"]) == 0
    assert "nothing to change; 1 stay as they are" in capsys.readouterr().out


@pytest.mark.parametrize(("there", "asked"), [([], '["flights"]'), ([entry(ENDPOINT, "mlw/flights-abc", model="flights")], "[]")])
def test_an_endpoint_that_is_there_is_not_asked_for_again(az: Az, typed, there: list, asked: str) -> None:
    az.says("resource list", there)
    typed("yes")
    assert main(["infra", "staging"]) == 0
    assert f"newEndpoints={asked}" in az.called("deployment group create")[0]


def test_what_environments_share_has_no_endpoints(az: Az, typed) -> None:
    typed("yes")
    assert main(["infra", "shared"]) == 0
    call = az.called("deployment group create")[0]
    assert "rg-flights-shared" in call
    assert not [word for word in call if "newEndpoints" in word]


def test_a_missing_group_is_made_where_somebody_says(az: Az, typed, capsys) -> None:
    az.says("group exists", False)
    assert main(["infra", "staging"]) == 2
    assert "make infra ENV=staging LOCATION=<region, as westeurope>" in capsys.readouterr().err
    typed("yes", "yes")
    assert main(["infra", "staging", "--location", "westeurope"]) == 0
    made = az.called("group create")[0]
    assert made[made.index("--location") + 1] == "westeurope"
    assert "cost-owner=flights-team" in made


def test_in_ci_an_approval_of_the_environment_is_the_answer(az: Az, monkeypatch, capsys) -> None:
    in_ci(monkeypatch, "bob")
    assert main(["infra", "production"]) == 0
    assert az.called("deployment group create")


@pytest.mark.parametrize(
    ("approvers", "said"), [((), "nobody approved this run for production"), (("ana",), "approved by ana only, who wrote the change")]
)
def test_in_ci_without_it_nothing_changes(az: Az, monkeypatch, capsys, approvers: tuple, said: str) -> None:
    in_ci(monkeypatch, *approvers)
    assert main(["infra", "production"]) == 1
    assert said in capsys.readouterr().err
    assert az.called("deployment group create") == []


def test_what_environments_share_is_changed_by_a_person(az: Az, monkeypatch, capsys) -> None:
    in_ci(monkeypatch, "bob")
    assert main(["infra", "shared"]) == 2
    assert "no environment that somebody could approve" in capsys.readouterr().err
    assert az.called("deployment group create") == []


@pytest.mark.parametrize(
    ("words", "error", "said", "hint"),
    [
        ("account show", "ERROR: Please run 'az login' to setup account.", "Please run 'az login'", "az login, then run this again."),
        ("group exists", "ERROR: AADSTS700082: The refresh token has expired due to inactivity.\nTrace ID: 1", "AADSTS700082", "az login"),
        (
            "deployment group what-if",
            "ERROR: (AuthorizationFailed) The client 'ana' does not have authorization to perform action 'x/write'.\nCode: AuthorizationFailed\nMessage: y",
            "does not have authorization",
            "Contributor and User Access Administrator",
        ),
        (
            "deployment group create",
            NESTED,
            "VaultAlreadyExists: The vault name kv-flights is already in use.",
            "az keyvault recover",
        ),
        (
            "deployment group create",
            'ERROR: {"code": "InvalidTemplateDeployment", "message": "See inner errors.", "details": [{"code": "RoleDefinitionDoesNotExist", "message": "No such role."}]}',
            "RoleDefinitionDoesNotExist: No such role.",
            "Run the same command again.",
        ),
    ],
)
def test_a_refusal_is_told_with_what_to_do(az: Az, typed, capsys, words: str, error: str, said: str, hint: str) -> None:
    az.refuses(words, error)
    typed("yes")
    assert main(["infra", "staging"]) == 3
    told = capsys.readouterr().err
    assert said in told
    assert hint in told
    assert "Traceback" not in told


def test_without_the_program_it_says_what_to_install(az: Az, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["infra", "staging"]) == 3
    assert "Install it (https://aka.ms/install-azure-cli), sign in (az login)" in capsys.readouterr().err


def test_a_program_that_is_too_old_is_told(az: Az, capsys) -> None:
    az.says("version", {"azure-cli": "2.9.1"})
    assert main(["infra", "staging"]) == 3
    assert "az upgrade" in capsys.readouterr().err


def test_another_subscription_than_is_meant_is_refused_before_anything(az: Az, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "another")
    assert main(["infra", "staging"]) == 2
    assert "az account set --subscription another" in capsys.readouterr().err
    assert [call[0] for call in az.calls] == ["version", "account"]


@pytest.mark.parametrize(
    ("name", "said"), [("qa", "there is no infra/qa.bicepparam"), ("../infra/staging", "cannot be part of Azure's names")]
)
def test_an_environment_that_is_not_there_is_told(az: Az, capsys, name: str, said: str) -> None:
    assert main(["infra", name]) == 2
    assert said in capsys.readouterr().err
    assert az.calls == []


THERE = [
    entry("Microsoft.Storage/storageAccounts", "flightsabc"),
    entry("Microsoft.KeyVault/vaults", "kv-flights-abc"),
    entry("Microsoft.MachineLearningServices/workspaces", "mlw-flights-staging"),
    entry(ENDPOINT, "mlw-flights-staging/flights-abc", model="flights"),
    entry("Microsoft.Insights/metricAlerts", "flights-abc-errors"),
]


def test_the_end_names_what_is_lost_and_takes_the_name_of_the_group(az: Az, typed, capsys) -> None:
    az.says("resource list", THERE)
    typed("rg-flights-staging")
    assert main(["infra-destroy", "staging"]) == 0
    told = capsys.readouterr()
    for name in ("flightsabc", "kv-flights-abc", "mlw-flights-staging", "flights-abc"):
        assert name in told.out
    assert "its name cannot be used again until then" in told.out
    assert "1 that make infra makes again as they were: Microsoft.Insights/metricAlerts" in told.out
    assert az.called("group delete") == [["group", "delete", "--name", "rg-flights-staging", "--yes", "--output", "json"]]


@pytest.mark.parametrize("answer", ["staging", "yes", "", "RG-FLIGHTS-STAGING"])
def test_another_name_ends_nothing(az: Az, typed, capsys, answer: str) -> None:
    typed(answer)
    assert main(["infra-destroy", "staging"]) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert az.called("group delete") == []


def test_nothing_is_ended_in_ci(az: Az, monkeypatch, capsys) -> None:
    in_ci(monkeypatch, "bob")
    assert main(["infra-destroy", "production"]) == 2
    assert az.calls == []


def test_a_group_that_is_gone_is_no_mistake(az: Az, typed, capsys) -> None:
    az.says("group exists", False)
    typed()
    assert main(["infra-destroy", "staging"]) == 0
    assert "nothing to end" in capsys.readouterr().out
