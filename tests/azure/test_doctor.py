"""`mlops doctor --azure` names what is wrong with the way to a workspace, where, and the command that mends it."""

import json
from pathlib import Path

import pytest
from tests.azure.loopback import Fault, Identity

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ROOT = Path(__file__).parents[2]
IDENTITY, SUBJECT = "id-flights-staging-ci", "repo:them/flights:environment:staging"
OTHERS = ["repo:them/flights:environment:production", "repo:them/flights:ref:refs/heads/main"]


@pytest.fixture
def doctor(there, monkeypatch):
    """Runs the verb as the CI identity of an environment where all is right, and returns its exit code and what each look said."""
    for name in ("infra/roles.json", "infra/staging.bicepparam"):
        there.project.write(name, (ROOT / name).read_text(encoding="utf-8"))
    ci = Identity("ci that looks")
    there.azure.entra.identities.append(ci)
    there.sign_in(ci)
    monkeypatch.setenv("AZURE_GITHUB_REPOSITORY", "them/flights")
    there.administration = there.azure.service.administration
    there.administration.subjects[IDENTITY] = [SUBJECT, *OTHERS]

    def run():
        code, out, errors = there.mlops("doctor", "--azure", "--json")
        return code, {one["name"]: one for one in json.loads(out.splitlines()[0])["findings"]} if out else errors

    there.looked = run
    yield there
    there.administration.clear()
    there.azure.entra.identities.remove(ci)
    there.azure.proxy.down = lambda _host: False


def wrong(found):
    return {name for name, one in found.items() if not one["good"] and one["seen"]}


def test_where_all_is_right_it_says_so_and_changes_nothing(doctor):
    code, found = doctor.looked()
    assert (code, wrong(found)) == (0, set()), found
    assert {call.method for call in doctor.azure.calls if call.host == "management.azure.com"} == {"GET"}
    assert doctor.azure.entra.tenant in found["login"]["said"]
    assert SUBJECT in found["identity of CI"]["said"]


def test_without_a_login_it_says_so_and_asks_nothing_more(doctor, monkeypatch):
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("PATH", "/nowhere")
    code, found = doctor.looked()
    assert (code, wrong(found)) == (3, {"login"})
    assert "az login" in found["login"]["mend"]
    assert found["quota"]["said"] == "not looked at: nobody is signed in to this tenant"


def faults(doctor, monkeypatch):
    """Name -> what goes wrong, the look that sees it, what it says, and what it tells to do."""
    own = doctor.administration
    return {
        "subscription": (
            lambda: monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "11111111-1111-4111-8111-111111111111"),
            "login",
            "names",
            "export",
        ),
        "deleted": (lambda: setattr(doctor.azure.service, "gone", True), "workspace", "was not found", "environments/staging.yml"),
        "role": (
            lambda: own.denied.add("Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"),
            "roles",
            "may not: onlineEndpoints/write",
            "make infra ENV=staging",
        ),
        "quota": (
            lambda: doctor.azure.faults.add(Fault("GET .*/usages", status=200, body=usage(limit=10, used=6))),
            "quota",
            "2 machines Standard_D4s_v5 take 8 cores of low priority; 4 of 10 are left",
            "Quotas",
        ),
        "size": (
            lambda: doctor.project.edit("infra/staging.bicepparam", "Standard_D4s_v5", "Standard_D0"),
            "quota",
            "Standard_D0 is no size",
            "trainingVmSize",
        ),
        "network": (
            lambda: setattr(doctor.azure.proxy, "down", lambda host: host.endswith("blob.core.windows.net")),
            "network",
            "no answer from",
            "HTTPS_PROXY",
        ),
        "provider": (
            lambda: own.unregistered.add("Microsoft.KeyVault"),
            "providers",
            "Microsoft.KeyVault: NotRegistered",
            "az provider register --namespace Microsoft.KeyVault",
        ),
        "subject": (
            lambda: own.subjects.update({IDENTITY: [SUBJECT.replace("them", "Them"), *OTHERS]}),
            "identity of CI",
            f"CI shows {SUBJECT}; {IDENTITY} believes repo:Them/flights",
            "letter by letter",
        ),
        "identity": (own.subjects.clear, "identity of CI", "was not found", "environments/staging.yml"),
    }


def usage(limit, used):
    name = "Total Cluster LowPriority Regional vCPUs"
    return {"value": [{"name": {"value": name, "localizedValue": name}, "limit": limit, "currentValue": used}]}


@pytest.mark.parametrize("fault", ["subscription", "deleted", "role", "quota", "size", "network", "provider", "subject", "identity"])
def test_what_is_wrong_is_named_with_what_mends_it(doctor, monkeypatch, fault):
    break_it, look, said, mend = faults(doctor, monkeypatch)[fault]
    break_it()
    code, found = doctor.looked()
    assert (code, wrong(found)) == (3, {look}), found
    assert said in found[look]["said"]
    assert mend in found[look]["mend"]


def test_the_registry_that_the_file_names_is_looked_at(doctor):
    doctor.place(registry=doctor.azure.registry.name)
    code, found = doctor.looked()
    assert (code, found["registry"]["said"]) == (0, f"{doctor.azure.registry.name} is there, and its models can be read"), found
    doctor.place(registry="another")
    code, found = doctor.looked()
    assert (code, wrong(found)) == (3, {"registry"}), found
    assert "there is no registry 'another'" in found["registry"]["said"]
    assert "make infra ENV=shared" in found["registry"]["mend"]


def test_a_login_of_another_tenant_is_named_beside_the_file_s(doctor):
    doctor.place(tenant="11111111-1111-4111-8111-111111111111")
    code, found = doctor.looked()
    assert (code, wrong(found)) == (3, {"login"})
    assert "az login --tenant 11111111" in found["login"]["mend"]


def test_what_may_not_be_seen_is_neither_right_nor_wrong_and_no_secret_is_told(doctor):
    doctor.sign_in(doctor.azure.builtin)
    code, out, errors = doctor.mlops("doctor", "--azure")
    assert "? quota" in out
    assert "✔ workspace" in out
    assert "may more than that: read keys, delete models and data" in out
    assert doctor.azure.builtin.secret not in out + errors
    assert code == 0, out
