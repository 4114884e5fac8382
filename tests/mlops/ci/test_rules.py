"""Branch rules and environments as code: shown first, set on request, and set once."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.ci.github import GitHub
from mlops.ci.rules import Change, apply, differences, read_rules
from mlops.cli import main
from mlops.errors import SpecError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def fork(github, tmp_path, monkeypatch):
    """A project with the template's rules, whose repository is `github`."""
    (tmp_path / "src/project").mkdir(parents=True)
    (tmp_path / "src/project/project.yml").write_text("name: flights\n")
    (tmp_path / ".github").mkdir()
    shutil.copy(ROOT / ".github/rules.yml", tmp_path / ".github")
    (tmp_path / "environments").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "TF_BUILD", "MLOPS_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": github.token, "GITHUB_REPOSITORY": "octo/flights"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def edit(fork, old, new):
    path = fork / ".github/rules.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def changes(capsys, *words):
    capsys.readouterr()
    assert main(["rules", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)["changes"]


def test_the_calls_are_shown_and_nothing_is_done(fork, github, capsys):
    assert main(["rules"]) == 0
    told = capsys.readouterr().out
    assert "gh api --method POST repos/octo/flights/rulesets --input - <<'JSON'\n{" in told
    assert "gh api --method PUT repos/octo/flights/environments/production --input" in told
    assert told.endswith("nothing was changed; mlops rules --apply makes these calls\n")
    assert github.seen("POST", "PUT", "PATCH", "DELETE") == []


def test_the_calls_are_made_once_and_the_doctor_is_content(fork, github, capsys):
    """C7: the reviewer, and that nobody approves the own run, are set by code."""
    assert main(["rules", "--apply"]) == 0
    made = github.seen("POST", "PUT", "PATCH", "DELETE")
    assert made == [
        "POST /rulesets",
        "PUT /environments/staging",
        "POST /environments/staging/deployment-branch-policies",
        "PUT /environments/production",
        "POST /environments/production/deployment-branch-policies",
    ]
    held = github.environments["production"]
    assert (held["reviewers"], held["prevent_self_review"], list(held["branches"].values())) == ([("User", 77)], True, ["main"])
    (ruleset,) = github.rulesets.values()
    assert [rule["type"] for rule in ruleset["rules"]] == [
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "pull_request",
        "required_status_checks",
    ]
    assert changes(capsys, "--apply") == []
    assert github.seen("POST", "PUT", "PATCH", "DELETE") == made
    assert main(["doctor", "--ci"]) == 0


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (
            lambda github: github.environments["production"].update(reviewers=[]),
            "environment production: other reviewers, prevent_self_review",
        ),
        (
            lambda github: github.environments["production"].update(prevent_self_review=False),
            "environment production: other prevent_self_review",
        ),
        (
            lambda github: github.environments["staging"].update(policy=None, branches={}),
            "environment staging: other deployment_branch_policy",
        ),
        (lambda github: github.environments["staging"]["branches"].update({5: "wild/*"}), "environment staging: wild/* may deploy"),
        (lambda github: next(iter(github.rulesets.values())).update(enforcement="disabled"), "branch rules: other enforcement"),
        (lambda github: next(iter(github.rulesets.values()))["rules"].pop(), "branch rules: other rules"),
        (lambda github: next(iter(github.rulesets.values()))["rules"].append({"type": "update"}), "branch rules: other rules"),
        (
            lambda github: github.permissions.update(default_workflow_permissions="write"),
            "token of a job: other default_workflow_permissions",
        ),
    ],
)
def test_what_was_changed_by_hand_is_told_and_set_again(fork, github, spoil, what):
    host, wanted = GitHub(os.environ), read_rules(fork)
    for change in differences(host, wanted):
        apply(host, change)
    spoil(github)
    found = differences(host, wanted)
    assert f"{found[0].what}: {found[0].why}" == what
    for change in found:
        apply(host, change)
    assert differences(host, wanted) == ()


def test_what_github_adds_and_other_rulesets_are_left_alone(fork, github, capsys):
    main(["rules", "--apply"])
    (ours,) = github.rulesets.values()
    ours["rules"].reverse()
    ours["rules"][0]["parameters"]["do_not_enforce_on_create"] = False
    github.rulesets[1] = {"id": 1, "name": "theirs", "enforcement": "active", "source": "octo/flights"}
    github.environments["production"]["wait_timer"] = 30
    assert changes(capsys) == []
    github.environments["production"]["prevent_self_review"] = False
    main(["rules", "--apply"])
    assert github.environments["production"]["wait_timer"] == 30


def test_people_and_teams_are_found_by_name(fork, github, capsys):
    github.people["ada"], github.teams["octo/ml"] = 5, 6
    edit(fork, '["{owner}"]', "[ada, octo/ml]")
    main(["rules", "--apply"])
    assert github.environments["production"]["reviewers"] == [("User", 5), ("Team", 6)]
    assert changes(capsys) == []


@pytest.mark.parametrize(
    ("who", "told"),
    [("nobody", "knows no reviewer 'nobody'"), ("octo/none", "knows no reviewer"), ("../x", "is no name that GitHub could know")],
)
def test_a_reviewer_who_is_not_there_is_told_before_anything_is_set(fork, github, capsys, who, told):
    edit(fork, '["{owner}"]', f'["{who}"]')
    assert main(["rules", "--apply"]) == 2
    assert told in capsys.readouterr().err
    assert github.seen("POST", "PUT") == []


def test_an_organisation_cannot_approve(fork, github, capsys):
    github.owner_facts["type"] = "Organization"
    assert main(["rules"]) == 2
    assert "octo is an organisation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "reviewers", "prevented"),
    [("approval: {by_author: true}\n", [("User", 77)], False), ("approval: {required: false}\n", [], False)],
)
def test_the_environment_s_own_file_says_whether_somebody_approves(fork, github, settings, reviewers, prevented):
    (fork / "environments/production.yml").write_text(settings)
    assert main(["rules", "--apply"]) == 0
    held = github.environments["production"]
    assert (held["reviewers"], held["prevent_self_review"]) == (reviewers, prevented)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("approvals: 1", "aprovals: 1", 3, "unknown key 'aprovals'"),
        ("approvals: 1", "approvals: many", 3, "must be a whole number"),
        ("token: read ", "token: admin", 17, "one of read, write"),
        ('reviewers: ["{owner}"]', "reviewers: []", 13, "production has no `reviewers`"),
        ('["{owner}"]', "[a, b, c, d, e, f, g]", 14, "six reviewers at most"),
    ],
)
def test_a_mistake_in_the_rules_is_told_at_its_line(fork, capsys, old, new, line, told):
    edit(fork, old, new)
    with pytest.raises(SpecError) as raised:
        read_rules(fork)
    assert (raised.value.problems[0].line, told in str(raised.value)) == (line, True)
    assert main(["rules"]) == 2


def test_a_check_reads_the_rules_and_what_the_audit_lets_pass_once_each(fork, capsys):
    """A mistake of production's approval is met twice, and told once."""
    shutil.copy(ROOT / ".github/audit.yml", fork / ".github")
    (fork / "environments/production.yml").write_text("approval: {required: perhaps}\n")
    assert main(["check"]) == 2
    assert capsys.readouterr().err.count("`required` is 'perhaps'") == 1
    (fork / "environments/production.yml").unlink()
    edit(fork, "token: read", "token: admin")
    (fork / ".github/audit.yml").write_text("packages: {servce: osv}\n")
    assert main(["check", ".github/rules.yml", ".github/audit.yml"]) == 2
    told = capsys.readouterr().err
    assert "one of read, write" in told
    assert "unknown key 'servce'" in told


def test_what_github_takes_and_does_not_keep_is_no_success(fork, github, capsys, monkeypatch):
    """C7: on a plan without reviewers, a call that is answered with 200 guards nothing."""
    keeps = github.repos_create_or_update_environment
    told = lambda request: keeps(replace(request, body={**request.body, "reviewers": []}))  # noqa: E731
    monkeypatch.setattr(github, "repos_create_or_update_environment", told)
    assert main(["rules", "--apply"]) == 3
    assert "did not keep: environment production" in capsys.readouterr().err


def test_a_command_is_read_by_a_shell_as_it_is_meant(tmp_path):
    """C2: names with shell characters are words of the call, and nothing in its JSON is run."""
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"; cat\n')
    gh.chmod(0o755)
    odd = "$(touch x)`touch y`'\"\nJSON\n"
    command = Change("w", "y", "PUT", "/repos/o/$(touch x) 'r", {"name": odd}).command()
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    words, _, body = done.stdout.partition("-\n{")
    assert words.splitlines() == ["api", "--method", "PUT", "repos/o/$(touch x) 'r", "--input"]
    assert json.loads("{" + body) == {"name": odd}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gh"]


def test_the_rules_of_the_template_can_be_read():
    rules = read_rules(ROOT)
    assert (rules.checks, [guard.name for guard in rules.guards]) == (("required",), ["staging", "production"])
