"""What can be known of the Bicep files without a compiler: what they would ask of Azure, by whom it may be used, and that no key opens it."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pycep
import pytest
from tests.contract.bicep import Later, Resource, evaluate, parameters, read

from mlops.azure.roles import page, read_roles
from mlops.settings import read_project

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
BICEP = [INFRA / "main.bicep", INFRA / "shared.bicep", *sorted((INFRA / "modules").glob("*.bicep"))]
ENVIRONMENTS = sorted(INFRA.glob("*.bicepparam"))
CHECKOV = ROOT / ".venv/scan/bin/checkov"
PAGE = (ROOT / "docs/azure.md").read_text()
ONLY_PREVIEW = {"Microsoft.Insights/diagnosticSettings@2021-05-01-preview"}
"""Its only stable version is of 2016 and knows one setting by the name of `service`, without groups of categories: nobody documents it any more."""
GIVEN = {path.stem: parameters(path, {}) for path in ENVIRONMENTS}
PROJECT, MODELS = GIVEN["staging"]["project"], GIVEN["staging"]["models"]
SHARED = f"rg-{PROJECT}-shared"
EVERYTHING = {
    "newEndpoints": MODELS,
    "registryGroup": SHARED,
    "registryName": "mlr-shared",
    "groups": {"data-scientists": "group-1", "readers": "group-2", "callers": "group-3"},
    "allowedHosts": ["packages.example.com"],
    "githubRepository": "owner/name",
    "devopsIssuer": "https://login.microsoftonline.com/tenant/v2.0",
    "devopsSubject": "/eid1/c/pub/t/x/a/y/sc/organization/connection",
}
GITHUB_JOBS = {
    "staging": ["environment:staging", "environment:production", "ref:refs/heads/main"],
    "production": ["environment:production", "ref:refs/heads/main"],
}
"""Whose jobs of GitHub act in which environment's workspace: the workflows say so too, and tests/azure/test_workflows.py shows that it is enough."""
VARIANTS = [(environment, network) for environment in ("staging", "production") for network in ("public", "private")]
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
ML = "Microsoft.MachineLearningServices"
UNTAGGED = {DEFINITIONS, ASSIGNMENTS, "Microsoft.Insights/diagnosticSettings", "Microsoft.Consumption/budgets"}
"""Azure takes no tags on these."""

by_name = {"ids": lambda path: path.name}


@cache
def asked(environment: str = "staging", network: str = "public", *, bare: bool = False) -> tuple[Resource, ...]:
    """Every resource of an environment, with all that its parameters can switch on; bare: as its file says."""
    given = GIVEN[environment]
    more = {} if bare else {**EVERYTHING, "network": network}
    return tuple(evaluate(INFRA / "main.bicep", {**given, **more}, f"rg-{PROJECT}-{environment}"))


@cache
def shared() -> tuple[Resource, ...]:
    return tuple(evaluate(INFRA / "shared.bicep", GIVEN["shared"], SHARED))


def of(kind: str, resources: tuple[Resource, ...]) -> list[Resource]:
    found = [resource for resource in resources if resource.kind == kind]
    assert found
    return found


def only(kind: str, resources: tuple[Resource, ...]) -> Resource:
    (found,) = of(kind, resources)
    return found


@pytest.mark.parametrize("path", BICEP, **by_name)
@pytest.mark.slow
def test_two_readers_see_the_same_declarations(path: Path) -> None:
    """Ours, which evaluates, and pycep-parser, which checkov has."""
    other, own = pycep.BicepParser().parse(text=path.read_text()), read(path)
    assert set(other.get("parameters", {})) == set(own.params)
    assert set(other.get("variables", {})) == set(own.variables)
    assert set(other.get("outputs", {})) == set(own.outputs)
    assert {name: module["detail"]["path"] for name, module in other.get("modules", {}).items()} == {
        n: t for n, (t, _) in own.modules.items()
    }
    assert {name: (one["type"], one["api_version"], one["existing"]) for name, one in other.get("resources", {}).items()} == {
        name: told[:3] for name, told in own.resources.items()
    }


def calls(node: object) -> list[str]:
    """Names of the functions that an expression calls outside of texts, in order, as either reader has it."""
    if isinstance(node, dict):
        own = [node["type"].replace("_", "").lower()] if "parameters" in node else []
        return own + [name for value in node.values() for name in calls(value)]
    if isinstance(node, tuple) and node[0] == "call":
        return [node[1][1].lower(), *calls(node[2])]
    if isinstance(node, list | tuple) and (not node or node[0] != "text"):
        return [name for value in node for name in calls(value)]
    return []


@pytest.mark.parametrize("name", ["unique", "storageName", "vaultName", "imagesName", "workspaceName", "endpointNames"])
@pytest.mark.slow
def test_two_readers_see_the_same_calls_in_a_name(name: str) -> None:
    main = INFRA / "main.bicep"
    own = calls(read(main).variables[name])
    assert calls(pycep.BicepParser().parse(text=main.read_text())["variables"][name]["value"]) == own
    assert own or name == "endpointNames"  # whose calls are all within its text


def test_every_module_is_used() -> None:
    used = {target for main in ("main", "shared") for target, _ in read(INFRA / f"{main}.bicep").modules.values()}
    assert {INFRA / target for target in used} == set((INFRA / "modules").glob("*.bicep"))


def test_each_deployment_environment_has_its_parameters() -> None:
    assert {path.stem for path in ENVIRONMENTS} == {"staging", "production", "shared"}
    assert all((ROOT / "environments" / f"{path.stem}.yml").is_file() for path in ENVIRONMENTS if path.stem != "shared")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_can_be_made_as_its_file_says(environment: str) -> None:
    assert GIVEN[environment]["environment"] == environment
    assert GIVEN[environment]["models"] == list(read_project(ROOT).models)
    names = {resource.name for resource in asked(environment, bare=True)}
    assert f"mlw-{PROJECT}-{environment}" in names


def test_a_parameter_that_is_not_known_is_found() -> None:
    with pytest.raises(ValueError, match=r"missing \['project'.*unknown \['colour'\]"):
        evaluate(INFRA / "main.bicep", {"colour": "red"})


@pytest.mark.parametrize("path", BICEP, **by_name)
def test_every_resource_pins_a_stable_api_version(path: Path) -> None:
    kinds = {f"{kind}@{version}" for kind, version, _, _ in read(path).resources.values()}
    assert [kind for kind in sorted(kinds - ONLY_PREVIEW) if not re.fullmatch(r"Microsoft\.[\w./]+@20\d\d-\d\d-\d\d", kind)] == []


def test_one_resource_type_has_one_api_version() -> None:
    kinds = {(kind, version) for path in BICEP for kind, version, _, _ in read(path).resources.values()}
    assert len({kind for kind, _ in kinds}) == len(kinds)


@pytest.mark.parametrize(("environment", "network"), VARIANTS)
def test_no_two_resources_are_one(environment: str, network: str) -> None:
    ids = [resource.id.lower() for resource in asked(environment, network)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("environment", "network"), VARIANTS)
def test_every_resource_says_who_pays(environment: str, network: str) -> None:
    for resources, owner in ((asked(environment, network), GIVEN[environment]["costOwner"]), (shared(), GIVEN["shared"]["costOwner"])):
        silent = {r.kind for r in resources if r.body.get("tags", {}).get("cost-owner") != owner and not r.parent}
        assert silent <= UNTAGGED


@pytest.mark.parametrize("path", BICEP + ENVIRONMENTS, **by_name)
def test_no_file_holds_or_hands_out_a_secret(path: Path) -> None:
    """X3: neither in the text, nor as an output, which a deployment's history shows to every reader."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith("//"))
    assert not re.search(r"list(Keys|Credentials|AccountSas)|ConnectionString|InstrumentationKey|AccountKey=|SharedAccessSignature", text)
    assert not re.search(r"(?i)\b(password|secret|api_?key)\b\s*[:=]\s*'[^']+'", text)
    assert not re.search(r"'[A-Za-z0-9+/]{40,}={0,2}'", text)


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        ("Microsoft.Storage/storageAccounts", "allowSharedKeyAccess", False),
        ("Microsoft.Storage/storageAccounts", "allowBlobPublicAccess", False),
        ("Microsoft.Storage/storageAccounts", "minimumTlsVersion", "TLS1_2"),
        ("Microsoft.KeyVault/vaults", "enableRbacAuthorization", True),
        ("Microsoft.KeyVault/vaults", "enablePurgeProtection", True),
        ("Microsoft.ContainerRegistry/registries", "adminUserEnabled", False),
        ("Microsoft.ContainerRegistry/registries", "anonymousPullEnabled", False),
        (f"{ML}/workspaces", "systemDatastoresAuthMode", "Identity"),
        (f"{ML}/workspaces/computes", "disableLocalAuth", True),
        (f"{ML}/workspaces/onlineEndpoints", "authMode", "AADToken"),
    ],
)
def test_nothing_is_opened_by_a_key_where_an_identity_will_do(kind: str, setting: str, value: object) -> None:
    assert {one.body["properties"][setting] for one in of(kind, asked())} == {value}


def test_logs_are_opened_by_no_key() -> None:
    assert only("Microsoft.OperationalInsights/workspaces", asked()).body["properties"]["features"]["disableLocalAuth"] is True


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_cluster_without_work_has_no_machine(environment: str) -> None:
    cluster = only(f"{ML}/workspaces/computes", asked(environment)).body["properties"]["properties"]
    assert cluster["scaleSettings"]["minNodeCount"] == 0
    assert cluster["remoteLoginPortPublicAccess"] == "Disabled"


def test_an_endpoint_that_is_there_is_never_written() -> None:
    """To write it without its traffic takes the traffic away. Its alerts and logs are asked for all the same."""
    kinds = [resource.kind for resource in asked(bare=True)]
    assert f"{ML}/workspaces/onlineEndpoints" not in kinds
    assert kinds.count("Microsoft.Insights/metricAlerts") == 2 * len(MODELS)


def test_an_endpoint_acts_as_an_identity_of_its_own() -> None:
    endpoint, cluster = of(f"{ML}/workspaces/onlineEndpoints", asked())[0], only(f"{ML}/workspaces/computes", asked())
    assert [path.rsplit("/", 1)[1] for path in endpoint.body["identity"]["userAssignedIdentities"]] == [f"id-{PROJECT}-staging-endpoint"]
    assert [path.rsplit("/", 1)[1] for path in cluster.body["identity"]["userAssignedIdentities"]] == [f"id-{PROJECT}-staging-training"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_ci_signs_in_as_the_jobs_that_need_it_and_as_nobody_else(environment: str) -> None:
    trusted = of("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", asked(environment))
    assert {one.parent.name for one in trusted if one.parent} == {f"id-{PROJECT}-{environment}-ci"}
    told = {one.name: one.body["properties"] for one in trusted}
    subjects = {one["subject"].removeprefix("repo:owner/name:") for name, one in told.items() if name.startswith("github")}
    assert subjects == {*GITHUB_JOBS[environment]}
    assert told["github"]["subject"] == f"repo:owner/name:environment:{environment}"
    assert {one["issuer"] for name, one in told.items() if name.startswith("github")} == {"https://token.actions.githubusercontent.com"}
    assert told["azure-devops"]["subject"] == EVERYTHING["devopsSubject"]
    assert {audience for one in told.values() for audience in one["audiences"]} == {"api://AzureADTokenExchange"}


def test_subjects_of_a_form_of_one_s_own_are_taken_as_they_are() -> None:
    given = {**GIVEN["staging"], **EVERYTHING, "githubSubjects": ["repository_id:4242:environment:staging"]}
    found = evaluate(INFRA / "main.bicep", given, f"rg-{PROJECT}-staging")
    trusted = of("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", tuple(found))
    assert [one.body["properties"]["subject"] for one in trusted if one.name.startswith("github")] == given["githubSubjects"]


def test_nobody_signs_in_where_nobody_was_named() -> None:
    assert "federatedIdentityCredentials" not in " ".join(resource.kind for resource in asked(bare=True))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_private_environment_has_no_public_address(environment: str) -> None:
    closed = ("storageAccounts", "vaults", "registries", "workspaces", "onlineEndpoints")
    for network, said in (("private", "Disabled"), ("public", "Enabled")):
        told = {
            r.kind: r.body["properties"]["publicNetworkAccess"]
            for r in asked(environment, network)
            if r.kind.rsplit("/", 1)[1] in closed and "Insights" not in r.kind
        }
        assert set(told.values()) == {said}
        assert len(told) == len(closed)


def test_every_private_address_has_a_name_that_leads_there() -> None:
    private = asked("production", "private")
    made = {zone.id for zone in of("Microsoft.Network/privateDnsZones", private)}
    named = {
        config["properties"]["privateDnsZoneId"]
        for group in of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups", private)
        for config in group.body["properties"]["privateDnsZoneConfigs"]
    }
    linked = {link.parent.id for link in of("Microsoft.Network/privateDnsZones/virtualNetworkLinks", private) if link.parent}
    assert made == named == linked
    served = {
        connection["properties"]["privateLinkServiceId"]
        for endpoint in of("Microsoft.Network/privateEndpoints", private)
        for connection in endpoint.body["properties"]["privateLinkServiceConnections"]
    }
    there = {resource.id for resource in private}
    assert served <= there


def test_jobs_of_a_private_workspace_reach_what_is_named_and_nothing_else() -> None:
    private, public = asked("production", "private"), asked("production", "public")
    assert only(f"{ML}/workspaces", private).body["properties"]["managedNetwork"] == {"isolationMode": "AllowOnlyApprovedOutbound"}
    assert only(f"{ML}/workspaces", private).body["properties"]["imageBuildCompute"] == only(f"{ML}/workspaces/computes", private).name
    assert [rule.body["properties"]["destination"] for rule in of(f"{ML}/workspaces/outboundRules", private)] == ["packages.example.com"]
    assert not [
        resource for resource in public if resource.kind.startswith("Microsoft.Network/") or resource.kind.endswith("outboundRules")
    ]


def test_what_has_logs_sends_them() -> None:
    """Of each kind that writes a log of who did what; the others write none."""
    sends = {
        setting.body["scope"].kind for setting in of("Microsoft.Insights/diagnosticSettings", (*asked("production", "private"), *shared()))
    }
    assert sends == {
        "Microsoft.OperationalInsights/workspaces",
        "Microsoft.Storage/storageAccounts/blobServices",
        "Microsoft.KeyVault/vaults",
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.Network/networkSecurityGroups",
        f"{ML}/workspaces",
        f"{ML}/workspaces/onlineEndpoints",
        f"{ML}/registries",
    }


def test_errors_latency_and_money_are_told_to_somebody() -> None:
    group = only("Microsoft.Insights/actionGroups", asked())
    assert group.body["properties"]["emailReceivers"][0]["emailAddress"] == GIVEN["staging"]["alertEmails"][0]
    alerts = of("Microsoft.Insights/metricAlerts", asked())
    assert {alert.body["properties"]["criteria"]["allOf"][0]["metricName"] for alert in alerts} == {
        "RequestsPerMinute",
        "RequestLatency_P95",
    }
    assert all(alert.body["properties"]["actions"] == [{"actionGroupId": group.id}] for alert in alerts)
    budget = only("Microsoft.Consumption/budgets", asked()).body["properties"]
    assert budget["timePeriod"]["startDate"].endswith("-01")
    assert {one["thresholdType"] for one in budget["notifications"].values()} == {"Actual", "Forecasted"}
    assert all(one["contactGroups"] == [group.id] for one in budget["notifications"].values())


def test_what_monitoring_finds_is_told_to_the_same_group_by_the_event_that_is_sent() -> None:
    rule = only("Microsoft.Insights/scheduledQueryRules", asked()).body["properties"]
    assert rule["actions"]["actionGroups"] == [only("Microsoft.Insights/actionGroups", asked()).id]
    assert rule["scopes"] == [only("Microsoft.Insights/components", asked()).id]
    source = (ROOT / "src/mlops/azure/insights.py").read_text()
    assert f'EVENT = "{re.search(r"name == .([a-z.]+).", rule["criteria"]["allOf"][0]["query"])[1]}"' in source


def test_the_registry_outlives_the_environments() -> None:
    assert only(f"{ML}/registries", shared()).group == SHARED
    assert {resource.group for resource in asked("production")} == {f"rg-{PROJECT}-production", SHARED}
    assert {r.kind for r in asked("production") if r.group == SHARED} == {ASSIGNMENTS}


def assignments(environment: str = "staging") -> set[tuple[str, str, str]]:
    """Who, which role, and at which kind of resource, as the Bicep files would ask for it."""
    table = read_roles(ROOT)
    resources = asked(environment)
    custom = {one.name: one.body["properties"]["description"] for one in of(DEFINITIONS, resources)}
    keys = {role.id or next(name for name, said in custom.items() if said == role.name): role.key for role in table.roles.values()}
    groups = {value: key for key, value in EVERYTHING["groups"].items()}
    found = set()
    for one in of(ASSIGNMENTS, resources):
        told = one.body["properties"]
        principal = told["principalId"]
        who = principal.path.split(".")[0] if isinstance(principal, Later) else groups[principal]
        scope = one.body["scope"].kind if "scope" in one.body else "group"
        found.add((who, keys[told["roleDefinitionId"].rsplit("/", 1)[1]], scope))
    return found


PLACES = {
    "workspace": f"{ML}/workspaces",
    "storage": "Microsoft.Storage/storageAccounts",
    "images": "Microsoft.ContainerRegistry/registries",
    "endpointIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities",
    "group": "group",
    "registry": f"{ML}/registries",
    "endpoint": f"{ML}/workspaces/onlineEndpoints",
}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_granted_is_what_the_table_says(environment: str) -> None:
    publishes = GIVEN[environment].get("registryPublishes", False)
    told = {(grant.who, grant.role.key, PLACES[grant.scope]) for grant in read_roles(ROOT).grants if grant.always or publishes}
    assert assignments(environment) == told


def test_a_role_assignment_is_named_by_what_it_grants() -> None:
    """So that the same one is asked for twice and made once, and two environments never share one."""
    one, other = ({r.name for r in of(ASSIGNMENTS, asked(environment))} for environment in ("staging", "production"))
    assert one.isdisjoint(other)
    assert {
        r.name for r in of(ASSIGNMENTS, tuple(evaluate(INFRA / "main.bicep", {**GIVEN["staging"], **EVERYTHING}, f"rg-{PROJECT}-staging")))
    } == one


def test_our_own_roles_are_for_this_group_alone() -> None:
    for one in of(DEFINITIONS, asked()):
        assert [scope.rsplit("/", 1)[1] for scope in one.body["properties"]["assignableScopes"]] == [f"rg-{PROJECT}-staging"]


def test_the_page_has_the_table_of_roles() -> None:
    assert page(read_roles(ROOT)) in PAGE


@pytest.mark.slow
@pytest.mark.skipif(not CHECKOV.is_file(), reason="checkov is not in .venv/scan: make test puts it there")
def test_checkov_finds_nothing_and_reads_every_file() -> None:
    done = subprocess.run(
        [CHECKOV, "-d", INFRA, "--framework", "bicep", "--skip-download", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    told = json.loads(done.stdout)
    results = told["results"]
    assert [f"{one['check_id']} {one['file_path']} {one['resource']}" for one in results["failed_checks"]] == []
    assert results["parsing_errors"] == []
    declared = {(f"/{path.relative_to(INFRA)}", f"{kind}.{name}") for path in BICEP for name, (kind, *_) in read(path).resources.items()}
    seen = {(one["file_path"], one["resource"]) for one in results["passed_checks"] + results["skipped_checks"]}
    assert seen <= declared
    assert told["summary"]["resource_count"] >= len(declared)
    said = re.search(r"checkov [\d.]+: (\d+) checks pass, 0 fail, (\d+) skipped", PAGE)
    assert said
    assert said.groups() == (str(told["summary"]["passed"]), str(told["summary"]["skipped"]))


def test_a_check_that_is_skipped_says_why() -> None:
    skips = [skip for path in BICEP for skip in re.findall(r"checkov:skip=(\S+?):(.*)", path.read_text())]
    assert skips
    assert [check for check, reason in skips if len(reason.split()) <= 5] == []
