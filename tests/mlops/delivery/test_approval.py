"""Who let a run into an environment, asked of a GitHub on this machine; what cannot be asked is no approval."""

import contextlib
from types import SimpleNamespace

import pytest
from tests.mlops.ci.loopback import Loopback

from mlops.ci.api import Patience
from mlops.ci.github import GitHub
from mlops.ci.laptop import Laptop
from mlops.delivery.approval import approved_by, check_alone
from mlops.errors import JobFailed, PlatformError, UsageError
from mlops.settings import ApprovalSettings, Environment

COMMIT = "5" * 40


@pytest.fixture
def github():
    with Loopback() as server:
        server.commits[COMMIT] = "ada"
        server.environment("production", ["ada", "grace"])
        yield server
    assert server.violations == []


def review(who, state="approved", environment="production"):
    return {"state": state, "comment": "", "environments": [{"name": environment}], "user": {"login": who}}


def asked(github, tmp_path, event="push", actor="ada", again="", **settings):
    patience = Patience(tries=2, first_wait=0.0, one_try=0.3, in_all=1.0, sleep=lambda _: None)
    started = {"GITHUB_ACTOR": actor, "GITHUB_TRIGGERING_ACTOR": again or actor}
    host = GitHub(github.variables_of(tmp_path / "runner", event, **started), patience)
    return approved_by(Environment("production", "local", approval=ApprovalSettings(**settings)), host)


@pytest.mark.parametrize("reviews", [[], [review("grace", state="rejected")], [review("grace", environment="staging")]])
def test_without_an_approval_of_this_run_for_this_environment_the_door_stays_shut(github, tmp_path, reviews):
    github.approvals[901] = reviews
    github.approvals[900] = [review("grace")]  # of another run
    with pytest.raises(JobFailed, match="nobody approved this run for production; what serves there is as it was") as told:
        asked(github, tmp_path)
    assert told.value.where == "environments/production.yml"
    assert "approval: {required: false}" in told.value.hint


@pytest.mark.parametrize("reviewers", [None, []])
def test_an_environment_that_asks_nobody_is_told_with_the_command_that_mends_it(github, tmp_path, reviewers):
    """C7."""
    github.environments.clear()
    if reviewers is not None:
        github.environment("production", reviewers)
    with pytest.raises(JobFailed) as told:
        asked(github, tmp_path)
    assert "gh api --method PUT repos/octo/flights/environments/production -F prevent_self_review=true" in told.value.hint
    assert ("there is no environment 'production'" in told.value.hint) == (reviewers is None)


def test_who_wrote_the_change_does_not_approve_it_alone(github, tmp_path):
    github.approvals[901] = [review("ada")]
    with pytest.raises(JobFailed, match="production was approved by ada only, who wrote the change"):
        asked(github, tmp_path)
    assert asked(github, tmp_path, by_author=True) == "ada"
    github.approvals[901] = [review("ada"), review("grace")]
    assert asked(github, tmp_path) == "grace"


@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_where_github_does_not_know_the_author_who_started_the_run_does_not_approve_it_alone(github, tmp_path, event):
    """An author whose address belongs to no account could be anybody."""
    github.commits[COMMIT] = None
    github.approvals[901] = [review("ada")]
    with pytest.raises(JobFailed, match="approved by ada only, who started it; who wrote the change is not known"):
        asked(github, tmp_path, event)
    github.approvals[901] = [review("grace")]
    assert asked(github, tmp_path, event) == "grace"


@pytest.mark.parametrize("merged", [True, False])
def test_a_change_that_names_somebody_else_as_its_author_is_not_approved_by_who_brought_it(github, tmp_path, merged):
    """C7: who opened its pull request, or pushed it without one, is GitHub's own word."""
    github.commits[COMMIT] = "grace"
    if merged:
        github.pull_request(7, "c" * 40, author="eve", state="closed", merge_commit_sha=COMMIT, merged_at="2026-01-01T00:00:00Z")
    actor = "ada" if merged else "eve"
    github.approvals[901] = [review("eve")]
    with pytest.raises(JobFailed, match="production was approved by eve only, who wrote the change"):
        asked(github, tmp_path, actor=actor, again="ada")
    assert asked(github, tmp_path, actor=actor, by_author=True) == "eve"
    github.approvals[901] = [review("eve"), review("linus")]
    assert asked(github, tmp_path, actor=actor) == "linus"


@pytest.mark.parametrize("again", ["", "linus"])
def test_who_typed_the_parameters_of_a_run_by_hand_does_not_approve_them(github, tmp_path, again):
    """C7: nor where somebody else starts the same run again."""
    github.approvals[901] = [review("grace")]
    with pytest.raises(JobFailed, match="production was approved by grace only, who wrote the change or started it by hand"):
        asked(github, tmp_path, "workflow_dispatch", "grace", again)
    assert asked(github, tmp_path, "workflow_dispatch", "grace", again, by_author=True) == "grace"
    assert asked(github, tmp_path, "schedule", "grace", again) == "grace"


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        ("approvals", {"status": 500}),
        ("approvals", {"status": 429, "headers": {"Retry-After": "60"}}),
        ("approvals", {"status": 200, "body": "<html>We'll be back soon</html>"}),
        ("approvals", {"status": 200, "delay": 0.5}),
        ("approvals", {"status": 403, "body": '{"message": "Resource not accessible by integration"}'}),
        ("commits", {"status": 500}),
        ("pulls", {"status": 500}),
        ("pulls", {"status": 403, "body": '{"message": "Resource not accessible by integration"}'}),
    ],
)
def test_an_api_that_does_not_answer_is_no_approval(github, tmp_path, match, fault):
    """R11, C10: it fails closed, and as a fault of the platform, not of the change."""
    github.approvals[901] = [review("grace")]
    github.fault(times=2, match=match, **fault)
    with pytest.raises(PlatformError):
        asked(github, tmp_path)


def test_where_nobody_has_to_approve_nobody_is_asked(github, tmp_path):
    assert asked(github, tmp_path, required=False) is None
    assert github.requests == []


def test_on_a_laptop_who_types_the_command_decides(monkeypatch):
    for name in ("GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    assert approved_by(Environment("production", "local", approval=ApprovalSettings(required=True))) is None


@pytest.mark.parametrize(
    ("shared", "server", "where", "to", "asks", "refused"),
    [
        (True, "", "local", "production", ["production"], "production"),
        (False, "http://127.0.0.1:9", "local", "production", ["production"], "production"),
        (False, "", "azure", "production", ["production"], "production"),
        (True, "", "local", "staging", ["staging", "production"], "staging"),
        (True, "", "local", "staging", ["production"], ""),
        (True, "", "azure", "registry", ["staging", "production"], ""),
        (True, "", "azure", "production", [], ""),
        (False, "", "local", "production", ["production"], ""),
    ],
)
def test_a_delivery_in_one_go_passes_no_door_of_a_registry_that_is_kept(
    github, tmp_path, monkeypatch, shared, server, where, to, asks, refused
):
    """C7: nobody has a ticket to approve there; a registry that ends with the runner lets it through, and so does a laptop."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    workspace = SimpleNamespace(shared=shared, environment=lambda name: Environment(name, where, approval=ApprovalSettings(name in asks)))
    check_alone(workspace, to, Laptop({}))
    host = GitHub(github.variables_of(tmp_path / "runner"))
    with pytest.raises(UsageError, match="by its ticket") if refused else contextlib.nullcontext() as told:
        check_alone(workspace, to, host)
    assert not refused or told.value.where == f"environments/{refused}.yml"
    assert github.requests == []


@pytest.mark.slow
@pytest.mark.e2e
def test_the_verb_in_ci_without_an_approval_changes_nothing_and_says_what_to_do(remote, tmp_path):
    """R11, C7: nobody approved, the API is down, a version instead of a ticket; the last approval is recorded by name elsewhere (test_shared)."""
    machine, kept = remote.machine("ci"), remote.kept()
    with Loopback("acme/shops") as github:
        env = github.variables_of(tmp_path / "runner")
        words = ("promote", kept.ticket(2), "--to", "production")
        nobody = machine.mlops(*words, **env)
        assert (nobody.code, "gh api --method PUT repos/acme/shops/environments/production" in nobody.err) == (1, True)
        github.fault(times=20, status=500, body="<html>")
        down = machine.mlops(*words, spoil=patient, **env)
        assert (down.code, "see who approved this run" in down.err, "Traceback" in down.err) == (3, True, False)
        github.faults.clear()
        github.environment("production", ["grace"])
        github.approvals[901] = [review("grace")]
        github.commits[COMMIT] = "ada"
        number = machine.mlops("promote", "2", "--to", "production", **env)
        assert (number.code, "an approval is for one version's files, and '2' names none" in number.err) == (2, True)
        alone = machine.mlops("deliver", **env)
        assert (alone.code, "in CI a version goes out by its ticket: make train, then make promote" in alone.err) == (2, True)
        staging = machine.root / "environments/staging.yml"
        staging.write_text(staging.read_text() + "approval: {required: true}\n")
        github.environment("staging", ["grace"])
        first = machine.mlops("promote", kept.ticket(2), "--to", "staging", **env)
        assert (first.code, "nobody approved this run for staging" in first.err) == (1, True)
    assert not list(machine.root.glob(".mlops/**/run.json"))
    assert (remote.commit, machine.serves()) == (kept.commit, None)


def patient():
    """Let a verb not wait between its tries."""
    import time

    time.sleep = lambda _: None


@pytest.mark.parametrize(
    ("environment", "section", "words"),
    [
        ("production", "approval:\n  reqired: false\n", "unknown key 'reqired'"),
        ("production", "watch:\n  seconds: 2\n  error_rates: 0.0\n", "unknown key 'error_rates'"),
        ("production", "monitor:\n  drfit: {mode: on}\n", "unknown key 'drfit'"),
        ("staging", "pull_request:\n  red_wen: worse\n", "unknown key 'red_wen'"),
    ],
)
def test_a_key_that_no_environment_knows_is_told_with_file_and_line_before_anything_starts(shops, capsys, environment, section, words):
    from mlops.cli import main

    path = shops / f"environments/{environment}.yml"
    path.write_text(path.read_text().strip() + "\n" + section)
    line = path.read_text().splitlines().index(section.splitlines()[-1]) + 1
    for verb in (["promote", "1", "--to", environment], ["deliver"], ["try"]):
        assert main(verb) == 2
        told = capsys.readouterr().err
        assert f"environments/{environment}.yml:{line}:" in told
        assert words in told
    assert not list(shops.glob(".mlops/**/run.json"))
    assert not list(shops.glob(".mlops/endpoints/**/state.json"))
