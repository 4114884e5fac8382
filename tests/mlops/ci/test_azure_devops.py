"""Azure DevOps as a host: its variables, its logging commands as the agent reads them, and its REST API on a loopback that knows the published calls."""

import json
import subprocess

import pytest
from tests.mlops.ci.azure_loopback import Fault, azure_devops

from mlops.ci.api import Patience
from mlops.ci.azure_devops import LONGEST_COMMENT, AzureDevOps, harmless
from mlops.ci.host import Approval, Job, current
from mlops.ci.markdown import cut, utf8, utf16
from mlops.errors import PlatformError, UsageError

HEAD, MERGE = "a" * 40, "b" * 40
SHELL = "x'; $(touch pwned) `id` \"\n##vso[task.setvariable variable=PATH]/evil\n##[error]no;100% %0A]"
PULL_REQUEST = {
    "BUILD_REASON": "PullRequest",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
    "SYSTEM_PULLREQUEST_SOURCECOMMITID": HEAD,
    "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/topic/one",
    "SYSTEM_PULLREQUEST_ISFORK": "False",
    "BUILD_SOURCEBRANCH": "refs/pull/7/merge",
}


@pytest.fixture
def project():
    with azure_devops() as found:
        yield found


@pytest.fixture
def host(project, tmp_path):
    def build(**environ):
        variables = {
            "TF_BUILD": "True",
            "BUILD_REASON": "IndividualCI",
            "BUILD_SOURCEVERSION": MERGE,
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "BUILD_BUILDID": "42",
            "BUILD_REPOSITORY_ID": "11111111-2222",
            "BUILD_REPOSITORY_NAME": "flights",
            "BUILD_REPOSITORY_PROVIDER": "TfsGit",
            "BUILD_REQUESTEDFOR": "Ada L",
            "BUILD_REQUESTEDFOREMAIL": "Ada@example.com",
            "SYSTEM_COLLECTIONURI": project.url,
            "SYSTEM_TEAMPROJECT": "my project",
            "SYSTEM_ACCESSTOKEN": "the-job-token",
            "AGENT_TEMPDIRECTORY": str(tmp_path),
        }
        return AzureDevOps({**variables, **environ}, Patience(first_wait=0.01))

    return build


def read_by_agent(line):
    """What the agent makes of a line: area.event, properties, data (its parser, in a few words)."""
    info, _, data = line[line.index("##vso[") + 6 :].partition("]")
    name, _, rest = info.partition(" ")

    def plain(text):
        for code, letter in {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}.items():
            text = text.replace(code, letter)
        return text

    return name, {key: plain(value) for key, _, value in (part.partition("=") for part in rest.split(";") if part)}, plain(data)


def test_a_process_of_azure_pipelines_gets_this_host():
    assert isinstance(current({"TF_BUILD": "True"}), AzureDevOps)


@pytest.mark.parametrize(
    ("reason", "event"),
    [("IndividualCI", "push"), ("BatchedCI", "push"), ("Schedule", "schedule"), ("Manual", "manual"), ("ResourceTrigger", "workflow_run")],
)
def test_a_reason_is_an_event(host, reason, event):
    context = host(BUILD_REASON=reason).context
    assert (context.system, context.event, context.branch, context.commit) == ("azure", event, "main", MERGE)
    assert (context.pull_request, context.fork, context.actor) == (None, False, "ada@example.com")


def test_a_pull_request_is_about_its_head_and_its_labels_are_the_service_s(host, project):
    project.labels = [{"name": "full", "active": True}, {"name": "gone", "active": False}]
    context = host(**PULL_REQUEST, SYSTEM_STAGEATTEMPT="2").context
    assert (context.event, context.pull_request, context.commit, context.branch) == ("pull_request", 7, HEAD, "topic/one")
    assert (context.labels, context.attempt, context.repository) == (("full",), 2, "my project/flights")
    assert context.run_url == f"{project.url}my%20project/_build/results?buildId=42"


def test_without_a_token_or_from_a_fork_nothing_is_asked(host, project):
    assert host(**PULL_REQUEST, SYSTEM_ACCESSTOKEN="").context.labels == ()
    assert host(**{**PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"}).context.fork
    assert project.calls == []


def test_the_base_is_the_first_parent_of_what_was_checked_out(host, tmp_path):
    def git(*words):
        done = subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x", *words], cwd=tmp_path, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    base = git("rev-parse", "HEAD")
    git("commit", "-q", "--allow-empty", "-m", "two")
    here = {"BUILD_SOURCESDIRECTORY": str(tmp_path), "BUILD_SOURCEVERSION": git("rev-parse", "HEAD")}
    assert host(**here).context.base == base
    assert host(**{**here, "BUILD_SOURCEVERSION": base}).context.base is None


def test_an_output_arrives_as_it_was_and_is_one_command(host, capsys):
    """C2: a title with shell, newlines and commands of the agent is a value."""
    host().output("title", SHELL)
    (line,) = capsys.readouterr().out.splitlines()
    assert read_by_agent(line) == ("task.setvariable", {"variable": "title", "isOutput": "true"}, SHELL)


def test_an_error_marks_its_line_and_holds_no_command(host, capsys):
    """C2: neither the agent nor the log finds a command in a message or a file name."""
    host().error(SHELL, "a;b]\n##vso[x.y].py", 3)
    (line,) = capsys.readouterr().out.splitlines()
    name, properties, data = read_by_agent(line)
    assert (name, properties["type"], properties["linenumber"]) == ("task.logissue", "error", "3")
    assert properties["sourcepath"] == "a;b]\n##vso[x.y].py"
    assert "##vso[" not in data
    assert "##[" not in data
    assert harmless("##VSO[a.b]c") == "# #VSO[a.b]c"


def test_every_summary_is_a_file_of_its_own_and_too_long_a_one_is_cut_with_the_address(host, capsys, tmp_path):
    """C10: what the page does not take is cut after a line, with a word about it; the job goes on."""
    azure = host()
    azure.summary("one")
    azure.summary("```\n" + "é" * 30 + "\n" + ("é" * 99 + "\n") * 6000)
    files = [read_by_agent(line)[2] for line in capsys.readouterr().out.splitlines()]
    assert files == [str(tmp_path / "summary.md"), str(tmp_path / "summary-2.md")]
    assert (tmp_path / "summary.md").read_text() == "one"
    text = (tmp_path / "summary-2.md").read_text()
    assert len(text.encode()) <= 1_000_000
    assert text.endswith("buildId=42")
    assert text.count("```") == 2


@pytest.mark.parametrize("text", ["short", "é" * 60, "\N{GRINNING FACE}" * 60, "line\n" * 40])
def test_what_is_cut_is_never_longer_than_the_limit(text):
    for unit, coding, size in ((1, "utf-8", utf8), (2, "utf-16-le", utf16)):
        assert len(cut(text, 90, size, "more").encode(coding)) <= 90 * unit


def test_the_comment_is_written_once_and_then_in_place(host, project):
    azure = host(**PULL_REQUEST)
    first = azure.comment(7, "verdict flights", "better")
    second = azure.comment(7, "verdict flights", "worse")
    other = azure.comment(7, "verdict delays", "same")
    assert first == second != other
    assert first == f"{project.url}my%20project/_git/flights/pullrequest/7?discussionId=100"
    assert [one["comments"][0]["content"].split("\n")[1] for one in project.threads] == ["worse", "same"]
    assert {one["status"] for one in project.threads} == {"closed"}


def test_a_thread_of_somebody_else_with_our_mark_stays_theirs(host, project):
    azure = host(**PULL_REQUEST)
    azure.comment(7, "verdict", "forged")
    project.foreign = {100}
    assert azure.comment(7, "verdict", "ours").endswith("discussionId=101")
    assert azure.comment(7, "verdict", "ours again").endswith("discussionId=101")
    assert [one["comments"][0]["content"].split("\n")[1] for one in project.threads] == ["forged", "ours again"]


def test_a_comment_that_is_too_long_is_cut_with_the_address_of_the_run(host, project):
    """C10: the service refuses more than 150,000 characters."""
    host(**PULL_REQUEST).comment(7, "verdict", "\N{GRINNING FACE} line\n" * 50_000)
    content = project.threads[0]["comments"][0]["content"]
    assert len(content.encode("utf-16-le")) // 2 <= LONGEST_COMMENT
    assert content.endswith("buildId=42")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("threads", 500),
        Fault("threads", 408),
        Fault("threads", 429, headers={"Retry-After": "0"}, times=2),
        Fault("GET .*threads", 502, "<html>Bad gateway</html>", "text/html"),
        Fault("GET .*threads", 200, '{"value": [', "application/json"),
        Fault("GET .*threads", drop=True),
        Fault("POST .*threads", 503, times=2),
    ],
    ids=["500", "408", "429", "html", "half", "dropped", "post"],
)
def test_what_passes_is_asked_again(host, project, fault):
    """R11, C10: errors, throttling, half an answer and a lost connection are tried again, a bounded number of times."""
    project.faults = [fault]
    host(**PULL_REQUEST).comment(7, "verdict", "better")
    assert len(project.threads) == 1
    assert project.faults == []


@pytest.mark.parametrize(
    "lost", [Fault("POST .*threads", after=True), Fault("POST .*threads", after=True, drop=True)], ids=["500", "dropped"]
)
def test_a_comment_whose_answer_was_lost_is_not_written_twice(host, project, lost):
    project.faults = [lost]
    assert host(**PULL_REQUEST).comment(7, "verdict", "better").endswith("discussionId=100")
    assert len(project.threads) == 1


def test_a_server_that_stays_down_is_a_platform_error_after_a_bounded_number_of_tries(host, project):
    """R11: four tries, then it is told, and nothing was written."""
    project.faults = [Fault("threads", 503, "<html>down</html>", "text/html", times=99)]
    with pytest.raises(PlatformError, match="503: a page of HTML") as caught:
        host(**PULL_REQUEST).comment(7, "verdict", "better")
    assert project.count("threads") == 4
    assert caught.value.exit_code == 3
    assert "Try again" in caught.value.hint
    assert project.threads == []


def test_a_token_that_is_not_taken_is_told_at_once_and_is_in_no_message(host, project):
    """C10: the service answers 203 and a sign-in page, which is no success."""
    with pytest.raises(PlatformError, match="does not take the token: 203, a page of HTML") as caught:
        host(**PULL_REQUEST, SYSTEM_ACCESSTOKEN="expired-secret").comment(7, "verdict", "better")
    assert len(project.calls) == 1
    assert "expired-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("threads", 302, "", headers={"Location": "/_signin"}),
        Fault("threads", 200, "<html>Sign In</html>", "text/html"),
        Fault("threads", 401, '{"message": "TF400813: not authorized"}'),
    ],
    ids=["the way to a page", "a page", "401"],
)
def test_what_leads_to_a_sign_in_page_is_no_answer_and_is_not_asked_again(host, project, fault):
    """C10: nor is it followed, so the token goes nowhere else."""
    project.faults = [fault]
    with pytest.raises(PlatformError) as caught:
        host(**PULL_REQUEST).comment(7, "verdict", "better")
    assert "SYSTEM_ACCESSTOKEN is not good for" in caught.value.hint
    assert len(project.calls) == 1


@pytest.mark.parametrize("token", ["", "$(System.AccessToken)"])
def test_a_step_without_the_token_is_told_how_to_get_it(host, token):
    with pytest.raises(PlatformError, match="no SYSTEM_ACCESSTOKEN") as caught:
        host(SYSTEM_ACCESSTOKEN=token).issue("drift", "t", "b")
    assert "env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}" in caught.value.hint


def test_a_permission_that_is_missing_is_named(host, project):
    project.faults = [Fault("POST", 403, '{"message": "TF401027: You need the Git \'PullRequestContribute\' permission"}')]
    with pytest.raises(PlatformError, match="TF401027") as caught:
        host(**PULL_REQUEST).comment(7, "verdict", "better")
    assert "allow 'Contribute to pull requests'" in caught.value.hint


def test_a_repository_at_github_has_no_pull_request_here(host):
    azure = host(**PULL_REQUEST, BUILD_REPOSITORY_PROVIDER="GitHub", BUILD_REPOSITORY_NAME="team/flights")
    assert azure.context.repository == "team/flights"
    assert azure.authors(HEAD) == ()
    with pytest.raises(PlatformError, match="the repository is at GitHub"):
        azure.comment(7, "verdict", "better")


@pytest.mark.parametrize(("conclusion", "state"), [("success", "succeeded"), ("neutral", "succeeded"), ("failure", "failed")])
def test_the_check_of_a_pull_request_is_a_status_of_the_iteration_that_was_looked_at(host, project, conclusion, state):
    project.iterations = [{"id": 1, "sourceRefCommit": {"commitId": HEAD}}, {"id": 2, "sourceRefCommit": {"commitId": "c" * 40}}]
    host(**PULL_REQUEST).check("model flights", HEAD, conclusion, "t" * 300, "the table")
    (status,) = project.statuses
    assert (status["at"], status["iterationId"], status["state"]) == ("7", 1, state)
    assert status["context"] == {"genre": "slipway", "name": "model flights"}
    assert len(status["description"]) <= 250


def test_a_commit_that_is_no_head_of_the_pull_request_gets_no_check(host, project):
    with pytest.raises(PlatformError, match="no iteration with aaaaaaaaaaaa"):
        host(**PULL_REQUEST).check("model", HEAD, "success", "title", "")
    assert project.statuses == []


def test_the_check_of_a_push_is_a_status_of_the_commit(host, project):
    assert host().check("model", MERGE, "success", "title", "").endswith(f"/_git/flights/commit/{MERGE}")
    assert [status["at"] for status in project.statuses] == [MERGE]


def test_one_issue_is_opened_brought_up_to_date_closed_and_opened_anew(host, project):
    azure = host()
    first = azure.issue("drift flights", "Drift in May", "<b>psi</b> 0.3")
    assert azure.issue("drift flights", "Drift in June", "psi 0.4") == first == f"{project.url}my%20project/_workitems/edit/1"
    assert azure.issue("drift delays", "Another", "x") != first
    (fields, _) = [one["fields"] for one in project.items]
    assert fields == {
        "System.WorkItemType": "Issue",
        "System.State": "To Do",
        "System.Title": "Drift in June",
        "System.Description": "<pre>psi 0.4</pre>",
        "System.Tags": "slipway drift flights",
    }
    assert azure.close_issue("drift flights", "gone") == first
    assert (project.items[0]["fields"]["System.State"], project.items[0]["fields"]["System.History"]) == ("Done", "<pre>gone</pre>")
    assert azure.close_issue("drift flights", "gone") is None
    assert azure.issue("drift flights", "Drift again", "x").endswith("/3")


def test_markup_in_an_issue_is_text(host, project):
    host().issue("drift", "t" * 300, "<script>alert(1)</script>")
    fields = project.items[0]["fields"]
    assert fields["System.Description"] == "<pre>&lt;script&gt;alert(1)&lt;/script&gt;</pre>"
    assert len(fields["System.Title"]) == 255


def test_an_issue_is_of_a_type_that_the_process_has(host, project):
    project.types, project.states = ("Bug",), {"New": "Proposed", "Closed": "Completed"}
    azure = host()
    azure.issue("drift", "title", "steps")
    azure.issue("drift", "title", "more steps")
    assert project.items[0]["fields"]["Microsoft.VSTS.TCM.ReproSteps"] == "<pre>more steps</pre>"
    azure.close_issue("drift", "gone")
    assert project.items[0]["fields"]["System.State"] == "Closed"
    project.states = {"New": "Proposed"}
    azure.issue("other", "title", "steps")
    with pytest.raises(PlatformError, match="no state that counts as completed"):
        azure.close_issue("other", "gone")
    project.types = ("Epic",)
    with pytest.raises(PlatformError, match="none of the work item types Issue, Task, Bug"):
        azure.issue("third", "title", "body")


def test_an_issue_whose_answer_was_lost_is_not_opened_twice(host, project):
    project.faults = [Fault(r"POST .*\$Issue", after=True)]
    assert host().issue("drift", "title", "body").endswith("/1")
    assert len(project.items) == 1


def test_a_key_that_could_end_the_query_is_refused(host):
    with pytest.raises(UsageError, match="cannot be the tag"):
        host().issue("x' OR 1=1", "title", "body")


APPROVAL = {
    "type": {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d", "name": "Approval"},
    "settings": {"approvers": [{"id": "1"}, {"id": "2"}]},
}
LOCK = {"type": {"id": "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563", "name": "ExclusiveLock"}}


def test_an_environment_that_is_not_there_guards_nothing(host, project):
    """C7: the first run that names it would make it without rules, so preflight is told to stop."""
    found = host().protection("production")
    assert (found.exists, found.reviewers) == (False, 0)
    assert f"{project.url}my%20project/_environments" in found.mend


@pytest.mark.parametrize("checks", [[], [LOCK], [{**APPROVAL, "isDisabled": True}], [{**APPROVAL, "settings": {"approvers": []}}]])
def test_an_environment_without_approvers_guards_nothing(host, project, checks):
    """C7: nobody to ask is not an approval; the page that mends it is named."""
    project.environments, project.checks = [{"id": 3, "name": "production"}], checks
    found = host().protection("production")
    assert (found.exists, found.reviewers, found.author_may_approve) == (True, 0, True)
    assert "_environments/3 > Approvals and checks" in found.mend


def test_an_environment_with_approvers_says_how_many_and_whether_one_may_approve_one_s_own_run(host, project):
    strict = {**APPROVAL, "settings": {**APPROVAL["settings"], "minRequiredApprovers": 1, "requesterCannotBeApprover": True}}
    project.environments = [{"id": 4, "name": "production-eu"}, {"id": 3, "name": "Production"}]
    project.checks = [strict, LOCK]
    found = host().protection("production")
    assert (found.reviewers, found.author_may_approve, found.mend) == (2, False, "")
    assert found.told == (
        "1 of 2 approvers must approve what goes to production, who started the run may not approve; it has an exclusive lock"
    )
    project.checks = [APPROVAL]
    found = host().protection("production")
    assert (found.reviewers, found.author_may_approve) == (2, True)
    assert found.mend.endswith("Exclusive Lock.")
    assert project.count("resourceId=3&%24expand=settings") == 2


def test_a_rule_that_cannot_be_asked_for_is_no_rule(host, project):
    """C7: without the right to read them, the answer is an error and not "no checks"."""
    project.environments = [{"id": 3, "name": "production"}]
    project.faults = [Fault("configurations", 403, '{"message": "denied"}')]
    with pytest.raises(PlatformError, match="denied"):
        host().protection("production")


def record(kind, number, parent=None, **more):
    return {"id": number, "type": kind, "parentId": parent, "name": more.get("identifier", kind), **more}


def given(project):
    project.records = [
        record("Stage", "s1", identifier="staging"),
        record("Checkpoint", "c1", "s1"),
        record("Checkpoint.Approval", "a1", "c1"),
        record("Stage", "s2", identifier="production"),
        record("Checkpoint", "c2", "s2"),
        record("Checkpoint.Approval", "a2", "c2"),
    ]
    step = {
        "status": "approved",
        "actualApprover": {"uniqueName": "Eve@example.com", "displayName": "Eve"},
        "comment": "fine",
        "lastModifiedOn": "t",
    }
    project.approvals = [{"id": "a2", "status": "approved", "steps": [step, {"status": "pending", "assignedApprover": {}}]}]


def test_who_approved_is_read_from_the_checkpoint_of_the_stage_that_deploys(host, project):
    given(project)
    found = host(ENVIRONMENT_NAME="production", SYSTEM_STAGENAME="production").approvals("production")
    assert found == (Approval("eve@example.com", "production", "t", "fine"),)
    assert project.count("approvalIds=a2&%24expand=steps") == 1


def test_outside_of_the_deployment_job_the_environment_s_history_names_the_stage(host, project):
    given(project)
    project.environments = [{"id": 3, "name": "production"}]
    project.deployments = [{"stageName": "staging", "owner": {"id": 41}}, {"stageName": "production", "owner": {"id": 42}}]
    assert [approval.by for approval in host().approvals("production")] == ["eve@example.com"]
    project.deployments = []
    assert host().approvals("production") == ()


def test_an_approval_that_is_not_given_is_none(host, project):
    given(project)
    project.approvals[0]["status"] = "rejected"
    assert host(ENVIRONMENT_NAME="production", SYSTEM_STAGENAME="production").approvals("production") == ()


def test_an_author_is_who_git_says_and_an_unknown_commit_has_none(host, project):
    project.commits[HEAD] = {"commitId": HEAD, "author": {"name": "Ada", "email": "Ada@example.com"}}
    assert host().authors(HEAD) == ("ada@example.com",)
    assert host().authors("d" * 40) == ()


def test_who_opened_the_pull_request_that_brought_a_commit_is_an_author_whatever_git_says(host, project):
    """C7: git's author is what its writer typed."""
    project.commits[HEAD] = {"commitId": HEAD, "author": {"name": "Ada", "email": "ada@example.com"}}

    def brought(how, commit, who, status="completed"):
        return how, commit, {"pullRequestId": 7, "status": status, "createdBy": {"uniqueName": who}}

    project.brought = [
        brought("lastMergeCommit", HEAD, "Eve@example.com"),
        brought("commit", HEAD, "Bob@example.com"),
        brought("commit", HEAD, "mallory@example.com", "active"),
        brought("commit", MERGE, "grace@example.com"),
    ]
    assert host().authors(HEAD) == ("ada@example.com", "eve@example.com", "bob@example.com")


def test_where_azure_devops_does_not_tell_what_brought_a_commit_nothing_is_known(host, project):
    """R11: it fails closed."""
    project.commits[HEAD] = {"commitId": HEAD, "author": {"name": "Ada", "email": "ada@example.com"}}
    project.faults = [Fault("POST .*pullrequestquery", 403)]
    with pytest.raises(PlatformError, match="could not see which pull requests brought the commit"):
        host().authors(HEAD)


def test_the_jobs_are_those_of_the_timeline_that_have_ended(host, project):
    times = {"startTime": "2026-01-01T10:00:00.123Z", "finishTime": "2026-01-01T10:01:30Z"}
    project.records = [
        record("Stage", "s"),
        record("Job", "2", identifier="b", order=2, state="inProgress"),
        record("Job", "1", identifier="a", order=1, state="completed", result="succeededWithIssues", **times),
        record("Job", "3", identifier="c", order=3, state="completed", result="abandoned"),
    ]
    page = f"{project.url}my%20project/_build/results?buildId=42&view=logs&j="
    assert host().jobs() == (Job("a", "success", f"{page}1", 90.0), Job("c", "cancelled", f"{page}3", None))


def test_a_run_that_follows_another_tells_of_the_other(host, project):
    host(RESOURCES_TRIGGERINGALIAS="deliver-main", RESOURCES_PIPELINE_DELIVER_MAIN_RUNID="40").jobs()
    host(BUILD_TRIGGEREDBY_BUILDID="39").jobs()
    assert [call.split("builds/")[1].split("/")[0] for call in project.calls] == ["40", "39"]
    assert host().tested() is None


def test_a_deployment_is_said_on_the_page_of_the_run_and_nothing_is_called(host, project, tmp_path):
    host().deployed("production", MERGE, "flights v3", "https://x", ok=False)
    assert (
        tmp_path / "summary.md"
    ).read_text() == f"flights v3 did not go to **production**, from commit `{MERGE[:12]}`. It answers at https://x"
    assert project.calls == []


def test_the_loopback_is_awake(project):
    """A call that the description does not have is refused and remembered."""
    import httpx

    url, token = f"{project.url}my%20project/_apis/git/repositories/r/pullRequests/7", {"Authorization": "Bearer the-job-token"}
    wrong = [
        httpx.post(f"{url}/threads?api-version=7.1", headers=token, json={"comments": []}),
        httpx.get(f"{url}/threads?api-version=5.0", headers=token),
        httpx.get(f"{url}/nothing?api-version=7.1", headers=token),
        httpx.post(f"{project.url}my%20project/_apis/wit/workitems/$Issue?api-version=7.1", headers=token, json=[]),
    ]
    assert [answer.status_code for answer in wrong] == [400] * 4
    assert len(project.refused) == 4
    assert json.loads(wrong[2].text) == {"message": "no such call"}
    project.refused.clear()
