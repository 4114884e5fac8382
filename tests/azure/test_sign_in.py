"""A job of a CI system signs in by its own token, as whom the environment's file names; on a loopback of the token services and of Entra."""

from __future__ import annotations

import os
import time

import pytest
from tests.azure.loopback import Identity
from tests.azure.loopback.issuer import DEVOPS, GITHUB, Issuer

from mlops.settings import AzureSettings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
SUBJECT, CONNECTION = "repo:acme/shops:environment:staging", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.fixture
def job(there):
    """A process in a job of GitHub, with an identity that believes it; nothing else that it could sign in with."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        there.monkeypatch.delenv(name)
    there.identity = Identity("ci", trusts={(GITHUB, SUBJECT), (DEVOPS, "/eid1/sc/org/to-staging")})
    there.azure.entra.identities.append(there.identity)
    there.place(ci_client=there.identity.client, ci_connection=CONNECTION)
    with Issuer(there.azure.entra) as issuer:
        there.issuer = issuer

        def begin(issuer_name, subjects):
            variables = {"GITHUB_ACTIONS": "true"} if issuer_name == GITHUB else {"TF_BUILD": "True", "SYSTEM_ACCESSTOKEN": "the-job-s"}
            for name, value in {**variables, **issuer.job(issuer_name, subjects)}.items():
                there.monkeypatch.setenv(name, value)

        there.begin = begin
        yield there
    there.azure.entra.identities.remove(there.identity)


def test_a_job_of_github_signs_in_by_its_own_token(job):
    job.begin(GITHUB, {"": SUBJECT})
    assert job.run()["state"] == "completed"
    assert set(job.issuer.asked) == {SUBJECT}


def test_a_login_that_has_ended_is_renewed_by_a_fresh_token_of_the_job(job):
    from mlops.azure.connection import ARM, credential_of

    job.begin(GITHUB, {"": SUBJECT})
    job.azure.entra.lifetime = 1.0
    credential = credential_of(AzureSettings(**job.azure.place(ci_client=job.identity.client)))
    first = credential.get_token(ARM).token
    while credential.get_token(ARM).token == first:
        time.sleep(0.1)
    assert len(job.issuer.asked) == 2


def test_a_job_of_azure_pipelines_signs_in_by_its_service_connection(job):
    job.begin(DEVOPS, {CONNECTION: "/eid1/sc/org/to-staging"})
    assert job.run()["state"] == "completed"


def test_a_job_that_the_identity_does_not_believe_is_told_which_one_it_is(job):
    job.begin(GITHUB, {"": "repo:acme/shops:pull_request"})
    code, _, errors = job.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 3
    assert "No matching federated identity record found for presented assertion subject 'repo:acme/shops:pull_request'" in errors
    assert "mlops doctor --ci" in errors


def test_a_job_that_may_not_ask_for_a_token_is_told_what_it_takes(job):
    job.monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, _, errors = job.mlops("run", "pipeline.yml", "--where", "azure")
    assert (code, job.issuer.asked) == (2, [])
    assert "id-token: write" in errors


def test_a_job_that_names_no_service_connection_is_told_so_in_the_service_s_own_words(job):
    job.begin(DEVOPS, {})
    code, _, errors = job.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 3
    assert f"There is no explicit reference to service connection {CONNECTION} from current stage." in errors
    assert "`connections:`" in errors


def test_on_a_laptop_whom_ci_signs_in_as_does_not_matter(job):
    job.sign_in(job.azure.scientist)
    assert job.run()["state"] == "completed"
    assert job.issuer.asked == []
