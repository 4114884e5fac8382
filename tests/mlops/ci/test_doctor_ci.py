"""`mlops doctor --ci` in a fork: what is missing, and the command for each; nothing is changed by it."""

import json
import subprocess

import pytest
from tests.mlops.ci.azure_loopback import Fault, azure_devops

from mlops.cli import main


@pytest.fixture
def fork(github, tmp_path, monkeypatch):
    """A project whose repository is `github`; returns a way to look at it."""
    (tmp_path / "src/project").mkdir(parents=True)
    (tmp_path / "src/project/project.yml").write_text("name: flights\n")
    (tmp_path / "environments").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "TF_BUILD", "MLOPS_HOME", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": github.token, "GITHUB_REPOSITORY": "octo/flights"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def look(fork, capsys):
    """Run it; the exit code, and the findings by name."""

    def looked():
        code = main(["doctor", "--ci", "--json"])
        return code, {finding["name"]: finding for finding in json.loads(capsys.readouterr().out.splitlines()[0])["findings"]}

    return looked


def in_order(github):
    """A repository with nothing to mend."""
    github.environment("staging")
    github.environment("production", ["grace"], self_review=False)
    check = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "required"}]}}
    check["parameters"]["strict_required_status_checks_policy"] = False
    github.rulesets[1] = {"id": 1, "name": "any", "enforcement": "active", "source": "octo/flights", "rules": [check]}


def test_a_fresh_fork_is_told_everything_that_is_missing_with_the_command_for_each(fork, github, capsys):
    """C7: without reviewers, an approval would be nobody's."""
    github.permissions["default_workflow_permissions"] = "write"
    assert main(["doctor", "--ci"]) == 3
    told = capsys.readouterr()
    lines = [line.strip() for line in told.out.splitlines()]
    assert lines[0] == "✔ repository   octo/flights on github"
    assert [line.removeprefix("mend: ") for line in lines if line.startswith("mend: ")] == [
        "gh api --method PUT repos/octo/flights/environments/staging",
        """gh api --method PUT repos/octo/flights/environments/production -F prevent_self_review=true -f 'reviewers[][type]=User' -F "reviewers[][id]=77\"""",
        "mlops rules --apply (mlops rules shows the calls first)",
        "gh api --method PUT repos/octo/flights/actions/permissions/workflow -f default_workflow_permissions=read -F can_approve_pull_request_reviews=false",
    ]
    assert "4 of 5 not in order: staging, production, branch rules, job's token" in told.err
    assert github.seen("POST", "PUT", "PATCH", "DELETE") == []


def test_a_fork_that_is_set_up_is_in_order(look, github):
    in_order(github)
    code, findings = look()
    assert code == 0
    assert findings["production"]["said"] == "1 may approve, but not who started the run"


def test_the_old_kind_of_branch_protection_counts_too(look, github):
    in_order(github)
    github.rulesets.clear()
    github.classic_checks = ["required"]
    assert look()[0] == 0


def test_a_ruleset_that_is_only_evaluated_does_not_count(look, github):
    in_order(github)
    github.rulesets[1]["enforcement"] = "evaluate"
    assert look()[1]["branch rules"]["good"] is False


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ("where: local\n", False),
        ("where: local\napproval: {required: true}\n", False),
        ("where: local\napproval: {by_author: true}\n", False),
        ("where: local\napproval: {required: false}\n", True),
    ],
)
def test_production_needs_reviewers_unless_its_file_says_otherwise(look, fork, github, settings, good):
    """C7: it fails closed."""
    in_order(github)
    github.environment("production")
    (fork / "environments/production.yml").write_text(settings)
    assert look()[1]["production"]["good"] is good


@pytest.mark.parametrize(("settings", "good"), [("", False), ("approval: {by_author: true}\n", True)])
def test_who_started_the_run_may_approve_only_where_the_file_allows_it(look, fork, github, settings, good):
    in_order(github)
    github.environment("production", ["ada", "grace"], self_review=True)
    (fork / "environments/production.yml").write_text(settings)
    finding = look()[1]["production"]
    assert finding["good"] is good
    assert finding["mend"].count("reviewers[][id]=") == (0 if good else 2)


def test_what_may_not_be_seen_is_not_in_order(look, github):
    """C7: that nobody could tell does not pass for an approval."""
    in_order(github)
    github.fault(status=403, match="environments/production")
    github.fault(status=404, match="permissions/workflow")
    code, findings = look()
    assert code == 3
    assert [name for name, finding in findings.items() if not finding["good"]] == ["production", "job's token"]
    assert findings["production"]["said"].startswith("not seen: could not see what guards the environment 'production'")
    assert "admin" in findings["job's token"]["mend"]


def test_inside_a_job_what_takes_an_admin_s_token_is_told_and_no_fault(look, fork, github, monkeypatch):
    in_order(github)
    for name, value in github.variables_of(fork / "runner").items():
        monkeypatch.setenv(name, value)
    github.fault(status=403, match="permissions/workflow")
    code, findings = look()
    assert code == 0
    assert findings["job's token"]["said"].startswith("not seen: ")


THERE = """
where: azure
azure:
  tenant: 11111111-1111-4111-8111-111111111111
  subscription: 22222222-2222-4222-8222-222222222222
  resource_group: rg
  workspace: ml
"""
CLIENT, CONNECTION = "33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"


def test_where_an_environment_is_azure_its_file_must_say_whom_ci_signs_in_as(look, fork, github):
    in_order(github)
    (fork / "environments/production.yml").write_text(THERE)
    code, findings = look()
    assert (code, "staging: Azure" in findings) == (3, False)
    assert "no ci_client" in findings["production: Azure"]["said"]
    assert "ciClientId that make infra prints" in findings["production: Azure"]["mend"]
    (fork / "environments/production.yml").write_text(f"{THERE}  ci_client: {CLIENT}\n")
    code, findings = look()
    assert (code, findings["production: Azure"]["said"]) == (0, f"CI signs in as {CLIENT}")


@pytest.mark.parametrize(
    ("told", "subjects"),
    [
        ({"use_default": True}, ("repo:octo/flights:environment:production", "repo:octo/flights:ref:refs/heads/main")),
        (
            {"use_default": True, "use_immutable_subject": False, "sub_claim_prefix": "repo:octo@77/flights@4242"},
            ("repo:octo@77/flights@4242:environment:production", "repo:octo@77/flights@4242:ref:refs/heads/main"),
        ),
        ({"use_default": False}, ("repo:octo/flights:environment:production", "repo:octo/flights:ref:refs/heads/main")),
        (
            {"use_default": False, "include_claim_keys": ["repository_owner_id", "repository_id", "context"]},
            (
                "repository_owner_id:77:repository_id:4242:environment:production",
                "repository_owner_id:77:repository_id:4242:ref:refs/heads/main",
            ),
        ),
        ({"use_default": False, "include_claim_keys": ["repository_id"]}, ("repository_id:4242",)),
        (
            {"use_default": False, "include_claim_keys": ["repo", "environment", "job_workflow_ref"]},
            (
                "repo:octo/flights:environment:production:job_workflow_ref:<its value in the job's token>",
                "repo:octo/flights:environment:<its value in the job's token>:job_workflow_ref:<its value in the job's token>",
            ),
        ),
    ],
)
def test_the_subjects_are_those_that_the_repository_really_sends(look, fork, github, told, subjects):
    """C9: by GitHub's own word; names alone, names with ids, or what an organisation made of it."""
    in_order(github)
    github.oidc = told
    (fork / "environments/production.yml").write_text(f"{THERE}  ci_client: {CLIENT}\n")
    code, findings = look()
    assert code == 0
    assert findings["production: OIDC"]["said"] == f"the federated credentials' subjects must be exactly {', '.join(subjects)}"


def test_staging_is_acted_in_by_the_jobs_of_both_environments(look, fork, github):
    """The registry is in staging's workspace, and a move of production is written there."""
    in_order(github)
    (fork / "environments/staging.yml").write_text(f"{THERE}  ci_client: {CLIENT}\n")
    said = look()[1]["staging: OIDC"]["said"]
    ends = ("environment:staging", "environment:production", "ref:refs/heads/main")
    assert said.endswith(f"exactly {', '.join(f'repo:octo/flights:{end}' for end in ends)}")


def test_without_a_token_it_says_what_to_do(fork, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    monkeypatch.setenv("PATH", str(fork))
    assert main(["doctor", "--ci"]) == 3
    assert "gh auth login" in capsys.readouterr().err


# a fork on Azure DevOps


@pytest.fixture
def project(fork, monkeypatch):
    """An Azure DevOps whose repository the fork's remote names, and whose token is a person's own."""
    for name in ("GITHUB_API_URL", "GITHUB_TOKEN", "GITHUB_REPOSITORY", "SYSTEM_ACCESSTOKEN"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q", fork], check=True)
    subprocess.run(["git", "-C", fork, "remote", "add", "origin", "git@ssh.dev.azure.com:v3/org/my%20project/flights"], check=True)
    with azure_devops() as found:
        monkeypatch.setenv("SYSTEM_COLLECTIONURI", found.url)
        monkeypatch.setenv("AZURE_DEVOPS_EXT_PAT", found.personal)
        yield found


def approval(**settings):
    return {"type": {"name": "Approval"}, "settings": {"approvers": [{"id": "1"}], **settings}}


def test_on_azure_devops_an_environment_that_is_not_there_or_asks_nobody_is_told_with_its_page(look, project):
    """C7: the first run that names it would make it, without any approval."""
    project.environments = [{"id": 3, "name": "production"}]
    code, findings = look()
    assert (code, list(findings)) == (3, ["repository", "staging", "production"])
    assert findings["repository"]["said"] == "my project/flights on azure"
    assert [findings[name]["mend"].split(" ")[0] for name in ("staging", "production")] == [
        f"{project.url}my%20project/_environments:",
        f"{project.url}my%20project/_environments/3",
    ]
    assert "nobody has to approve what goes to production" in findings["production"]["said"]


@pytest.mark.parametrize(("variable", "token"), [("AZURE_DEVOPS_EXT_PAT", "personal"), ("SYSTEM_ACCESSTOKEN", "token")])
def test_on_azure_devops_a_fork_that_is_set_up_is_in_order_with_either_token(look, project, monkeypatch, variable, token):
    monkeypatch.delenv("AZURE_DEVOPS_EXT_PAT")
    monkeypatch.setenv(variable, getattr(project, token))
    project.environments = [{"id": 3, "name": "staging"}, {"id": 4, "name": "production"}]
    project.checks = [approval(requesterCannotBeApprover=True)]
    code, findings = look()
    assert code == 0, findings


def test_on_azure_devops_an_environment_on_azure_names_its_service_connection_too(look, fork, project):
    project.environments = [{"id": 3, "name": "staging"}, {"id": 4, "name": "production"}]
    project.checks = [approval(requesterCannotBeApprover=True)]
    (fork / "environments/staging.yml").write_text(f"{THERE}  ci_client: {CLIENT}\n")
    assert "no ci_connection" in look()[1]["staging: Azure"]["said"]
    (fork / "environments/staging.yml").write_text(f"{THERE}  ci_client: {CLIENT}\n  ci_connection: {CONNECTION}\n")
    assert look()[0] == 0


def test_on_azure_devops_who_started_the_run_may_approve_only_where_the_file_allows_it(look, fork, project):
    """C7: also where another part of that file is wrong."""
    project.environments = [{"id": 3, "name": "staging"}, {"id": 4, "name": "production"}]
    project.checks = [approval(requesterCannotBeApprover=False)]
    assert look()[1]["production"]["good"] is False
    (fork / "environments/production.yml").write_text("workers: many\napproval: {by_author: true}\n")
    assert look()[0] == 0


def test_on_azure_devops_what_may_not_be_seen_is_not_in_order(look, project, monkeypatch):
    """C7: neither without the permission, nor with a token that has ended."""
    project.environments = [{"id": 3, "name": "staging"}, {"id": 4, "name": "production"}]
    project.checks = [approval(requesterCannotBeApprover=True)]
    project.faults = [Fault("configurations.*resourceId=4", 403, '{"message": "Access denied"}')]
    code, findings = look()
    assert (code, findings["staging"]["good"]) == (3, True)
    assert findings["production"]["said"].startswith("not seen: could not see what guards the environment 'production'")
    assert "the scopes" in findings["production"]["mend"]
    monkeypatch.setenv("AZURE_DEVOPS_EXT_PAT", "ended-token")
    _, findings = look()
    assert "does not take the token: 203" in findings["production"]["said"]
    assert "has it ended" in findings["production"]["mend"]
    assert "ended-token" not in str(findings)


def test_an_approval_that_is_wrong_is_not_in_order_and_no_other_look_is_lost(look, fork, github):
    """C7: it fails closed."""
    in_order(github)
    (fork / "environments/production.yml").write_text("approval: {requried: false}\n")
    findings = look()[1]
    assert [name for name, finding in findings.items() if not finding["good"]] == ["production"]
    assert "unknown key 'requried'" in findings["production"]["said"]
