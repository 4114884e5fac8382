"""GitHub as a host, against a GitHub on this machine that judges every request by GitHub's own description."""

import json
import re

import pytest

from mlops.ci.api import Patience
from mlops.ci.github import GitHub
from mlops.ci.host import Approval, Host, Job, PullRequest, current
from mlops.errors import PlatformError

HEAD, BASE = "a" * 40, "b" * 40
RUN = "https://github.com/octo/flights/actions/runs/800"
NASTY = [
    '$(touch x)"; `id`\n::set-output name=x::y',
    "<!-- slipway:verdict -->",
    "a\r\n::error::b%0A",
    "--><script>alert(1)</script>",
    "\ud800 half",
]


class Waits(list):
    """The seconds that a call would have waited."""

    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def host(github, tmp_path, waits):
    """A host in a run with the event and the variables that are given."""

    def make(event="push", payload=None, **more) -> Host:
        patience = Patience(first_wait=0.01, one_try=0.3, in_all=3.0, sleep=waits)
        return GitHub(github.variables_of(tmp_path / "runner", event, payload, **more), patience)

    return make


# the context


def pull_request_event(**more):
    repo = {"full_name": "octo/flights"}
    head = {"sha": HEAD, "ref": "change", "repo": repo}
    labels = [{"name": "full"}, {"name": "data"}]
    return {"number": 7, "pull_request": {"number": 7, "head": head, "base": {"sha": BASE, "repo": repo}, "labels": labels, **more}}


def test_a_pull_request_is_looked_at_by_its_head_and_not_by_the_merge(host):
    context = host("pull_request", pull_request_event()).context
    assert (context.system, context.event, context.commit, context.base, context.branch) == ("github", "pull_request", HEAD, BASE, "change")
    assert (context.pull_request, context.fork, context.labels, context.actor) == (7, False, ("full", "data"), "ada")
    assert context.run_url == "https://github.com/octo/flights/actions/runs/901"


@pytest.mark.parametrize("repo", [{"full_name": "eve/flights"}, None])
def test_a_pull_request_of_another_repository_is_a_fork_also_when_that_is_gone(host, repo):
    """C1: and so is treated as one that may hold anything."""
    assert host("pull_request", pull_request_event(head={"sha": HEAD, "ref": "x", "repo": repo})).context.fork


@pytest.mark.parametrize(
    ("event", "payload", "wanted"),
    [
        ("push", {"before": BASE, "after": "f" * 40}, ("push", "5" * 40, BASE, "main")),
        ("push", {"before": "0" * 40}, ("push", "5" * 40, None, "main")),
        ("schedule", {}, ("schedule", "5" * 40, None, "main")),
        ("workflow_dispatch", {"inputs": {}}, ("manual", "5" * 40, None, "main")),
        ("merge_group", {"merge_group": {"head_sha": HEAD, "base_sha": BASE, "head_ref": "q"}}, ("merge_group", HEAD, BASE, "q")),
        ("workflow_run", {"workflow_run": {"head_sha": HEAD, "head_branch": "x"}}, ("workflow_run", HEAD, None, "x")),
        ("issues", {"issue": {"number": 3}}, ("issues", "5" * 40, None, "main")),
        ("pull_request", {}, ("pull_request", "5" * 40, None, "main")),
        ("pull_request", {"pull_request": {"head": None, "labels": None}}, ("pull_request", "5" * 40, None, "main")),
        ("push", [], ("push", "5" * 40, None, "main")),
    ],
)
def test_what_an_event_leaves_out_is_told_by_the_variables(host, event, payload, wanted):
    context = host(event, payload).context
    assert (context.event, context.commit, context.base, context.branch) == wanted


def test_the_number_of_a_pull_request_is_in_its_ref_where_the_event_has_none(host):
    assert host("pull_request", {}, GITHUB_REF="refs/pull/12/merge").context.pull_request == 12


def test_a_run_that_was_started_again_names_its_attempt(host):
    assert host(GITHUB_RUN_ATTEMPT="2").context.run_url.endswith("/runs/901/attempts/2")


def test_an_event_that_is_not_json_is_told(github, tmp_path):
    variables = github.variables_of(tmp_path)
    (tmp_path / "event.json").write_text("{")
    with pytest.raises(PlatformError, match="the event cannot be read"):
        current(variables)


# what the runner reads


@pytest.mark.parametrize("value", [*NASTY, "", "one\ntwo\n", "x<<EOF\ny\nEOF"])
def test_an_output_is_exactly_its_value_whatever_is_in_it(host, tmp_path, value):
    """C2: a value cannot end itself and begin another output."""
    host().output("verdict", value)
    raw = (tmp_path / "runner/output").read_bytes().decode()
    found = re.fullmatch(r"verdict<<(end_[0-9a-f]{32})\n(.*)\n\1\n", raw, re.DOTALL)
    assert found[2] == value.encode("utf-8", "replace").decode()
    assert found[1] not in value


@pytest.mark.parametrize("text", NASTY)
def test_an_error_is_one_line_and_one_command(host, capsys, text):
    """C2: neither a message nor a file name begins another command or another property."""
    host().error(text, file=f"a,line=9::{text}", line=3)
    told = capsys.readouterr().out
    assert re.fullmatch(r"::error file=[^\r\n,:]*,line=3::[^\r\n]*\n", told), told


def test_an_error_is_escaped_as_the_runner_reads_it(host, capsys):
    host().error("50% of it\nis wrong", file="a:b,c.yml", line=3)
    host().error("plain")
    assert capsys.readouterr().out == "::error file=a%3Ab%2Cc.yml,line=3::50%25 of it%0Ais wrong\n::error::plain\n"


def test_a_summary_is_cut_before_the_megabyte_at_which_all_of_it_is_dropped(host, tmp_path):
    """C10: the size is counted in bytes, with what the step has written before, and open blocks are closed."""
    host().summary("before")
    host().summary("<details>\n\n```\n" + "é, line\n" * 150_000)
    host().summary("after\n" * 1000)
    text = (tmp_path / "runner/summary").read_text()
    assert 1_000_000 < len(text.encode()) < 1024 * 1024
    assert text.startswith("before\n<details>")
    assert "\n```\n</details>\n\n> [!NOTE]\n> Cut here: a summary has 1 MiB at most." in text
    assert "after" not in text


def test_outside_of_a_step_there_is_nothing_to_write_to(github, tmp_path):
    variables = github.variables_of(tmp_path)
    del variables["GITHUB_OUTPUT"], variables["GITHUB_STEP_SUMMARY"]
    GitHub(variables).output("a", "b")
    GitHub(variables).summary("c")
    assert [path.name for path in tmp_path.iterdir()] == ["event.json"]


# the comment


def test_the_comment_is_made_once_and_then_rewritten_in_place(host, github):
    github.pull_request(7, HEAD)
    first = host().comment(7, "verdict", "worse")
    assert host().comment(7, "verdict", "better") == first
    assert host().comment(7, "verdict", "better") == first
    host().comment(7, "another", "beside it")
    assert [comment["body"] for comment in github.comments[7]] == [
        "<!-- slipway:verdict -->\nbetter",
        "<!-- slipway:another -->\nbeside it",
    ]
    assert github.seen("POST", "PATCH") == [
        "POST /issues/7/comments",
        f"PATCH /issues/comments/{github.comments[7][0]['id']}",
        "POST /issues/7/comments",
    ]


def test_nobody_else_s_comment_is_edited_whatever_it_begins_with(host, github):
    """C2, C3: a marker is no proof of who wrote it."""
    github.pull_request(7, HEAD)
    people = [{"login": "eve", "type": "User"}, {"login": "other[bot]", "type": "Bot"}, {"login": "github-actions[bot]", "type": "User"}]
    for user in people:
        github.write_comment(7, "<!-- slipway:verdict -->\nmine", {**user, "id": 5})
    github.write_comment(7, "> <!-- slipway:verdict -->\nquoted", github.author)
    host().comment(7, "verdict", "ours")
    bodies = [comment["body"] for comment in github.comments[7]]
    assert bodies[-1] == "<!-- slipway:verdict -->\nours"
    assert [body for body in bodies[:-1] if "ours" in body] == []


def test_our_comment_is_found_behind_hundreds_of_others(host, github):
    github.pull_request(7, HEAD)
    for number in range(230):
        github.write_comment(7, f"talk {number}", {"login": "eve", "id": 5, "type": "User"})
    host().comment(7, "verdict", "one")
    host().comment(7, "verdict", "two")
    assert len(github.comments[7]) == 231


@pytest.mark.parametrize("text", ["row of the table\n", "🛫 ", "x"])
def test_a_comment_that_is_too_long_is_cut_with_a_link_to_the_run(host, github, text):
    """C10: in the longest way to count, and never in the middle of a block."""
    github.pull_request(7, HEAD)
    host().comment(7, "verdict", "verdict first\n\n```\n" + text * 70_000)
    body = github.comments[7][0]["body"]
    assert 60_000 < len(body.encode("utf-16-le")) // 2 <= 65_536
    assert body.startswith("<!-- slipway:verdict -->\nverdict first")
    assert "\n```\n\n> [!NOTE]\n> Cut here" in body
    assert "([run 901](https://github.com/octo/flights/actions/runs/901))" in body


def test_a_run_that_follows_another_names_the_other_where_it_cuts(host, github):
    github.pull_request(7, HEAD)
    host("workflow_run", github.workflow_run(7, run=800)).comment(7, "verdict", "row\n" * 20_000)
    assert f"([run 800]({RUN}))" in github.comments[7][0]["body"]


@pytest.mark.parametrize("text", NASTY)
def test_odd_text_is_carried_and_a_key_cannot_end_its_marker(host, github, text):
    github.pull_request(7, HEAD)
    host().comment(7, f"verdict-{text}", text)
    marker, _, body = github.comments[7][0]["body"].partition("\n")
    assert re.fullmatch(r"<!-- slipway:[\w.%~-]+ -->", marker)
    assert body == text.encode("utf-8", "replace").decode()


# checks, issues, deployments


def test_a_check_is_set_on_the_commit_with_the_run_that_set_it(host, github):
    assert host().check("gate", HEAD, "failure", NASTY[0], "x" * 70_000).startswith("https://github.com/octo/flights/runs/")
    (made,) = github.checks
    assert (made["name"], made["head_sha"], made["conclusion"], made["external_id"]) == ("gate", HEAD, "failure", "901.1")
    assert made["details_url"] == "https://github.com/octo/flights/actions/runs/901"
    assert "\n" not in made["output"]["title"]
    assert len(made["output"]["summary"]) <= 65_535
    host().check("gate", HEAD, "failure", "t", "s", RUN)
    assert github.checks[-1]["details_url"] == RUN


def test_an_issue_is_opened_once_and_kept_up_to_date_until_it_is_closed(host, github):
    first = host().issue("drift", "Drift", "three columns")
    assert host().issue("drift", "Drift", "three columns") == first
    assert host().issue("drift", "Drift\n in  four", "four columns") == first
    (issue,) = github.issues.values()
    assert (issue["title"], issue["body"]) == ("Drift in four", "<!-- slipway:drift -->\nfour columns")
    assert [label["name"] for label in issue["labels"]] == ["slipway"]
    assert [comment["body"] for comment in github.comments[issue["number"]]] == [
        "The evidence above is new ([run 901](https://github.com/octo/flights/actions/runs/901))."
    ]
    assert host().close_issue("drift", "All is well.") == first
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert github.comments[issue["number"]][-1]["body"] == "All is well."
    assert host().close_issue("drift", "again") is None
    assert host().issue("drift", "Drift", "back") != first


def test_an_issue_of_somebody_else_with_our_marker_and_label_is_left_alone(host, github):
    theirs = github.write_issue("x", "<!-- slipway:drift -->\nmine", ["slipway"], {"login": "eve", "id": 5, "type": "User"})
    host().issue("drift", "Drift", "three columns")
    assert host().close_issue("drift", "done")
    assert (theirs["body"], theirs["state"]) == ("<!-- slipway:drift -->\nmine", "open")


@pytest.mark.parametrize(("ok", "state"), [(True, "success"), (False, "failure")])
def test_a_deployment_is_recorded_with_its_state(host, github, ok, state):
    host().deployed("production", HEAD, "delay v3 " + "x" * 200, "http://127.0.0.1:8801/", ok=ok)
    (made,) = github.deployments
    assert (made["ref"], made["environment"], made["payload"]["run"]) == (HEAD, "production", "901")
    (status,) = github.statuses[made["id"]]
    assert (status["state"], status["environment_url"], len(status["description"])) == (state, "http://127.0.0.1:8801/", 140)


# who may, who did


def test_an_environment_that_is_not_there_guards_nothing_and_the_command_that_mends_it_is_told(host, github):
    """C7: a job that names it would make it, and ask nobody."""
    told = host().protection("production")
    assert (told.exists, told.reviewers, told.author_may_approve) == (False, 0, True)
    assert told.mend == (
        "gh api --method PUT repos/octo/flights/environments/production "
        "-F prevent_self_review=true -f 'reviewers[][type]=User' -F \"reviewers[][id]=77\""
    )


def test_an_environment_without_reviewers_guards_nothing_and_what_else_guards_it_is_kept(host, github):
    """C7: GitHub forgets what a call leaves out."""
    github.environment("production", branches=["main"])
    github.environments["production"]["wait_timer"] = 30
    told = host().protection("production")
    assert (told.exists, told.reviewers) == (True, 0)
    assert "custom_branch_policies]=true'" in told.mend
    assert told.mend.endswith("-F wait_timer=30")


def test_an_organisation_is_asked_for_a_team(host, github):
    github.owner_facts["type"] = "Organization"
    assert '-F "reviewers[][id]=$(gh api orgs/octo/teams/TEAM --jq .id)"' in host().protection("production").mend


@pytest.mark.parametrize("self_review", [True, False])
def test_an_environment_with_reviewers_is_guarded(host, github, self_review):
    github.environment("production", ["ada", "grace"], self_review=self_review)
    told = host().protection("production")
    assert (told.exists, told.reviewers, told.author_may_approve, told.mend) == (True, 2, self_review, "")


def test_only_what_was_approved_counts_and_only_for_its_environment(host, github):
    def review(who, state, *names):
        return {"user": {"login": who}, "state": state, "comment": "go", "environments": [{"name": name} for name in names]}

    github.approvals[901] = [
        review("ada", "rejected", "production"),
        review("bob", "approved", "staging"),
        review("eve", "approved", "production"),
    ]
    assert host().approvals("production") == (Approval("eve", "production", comment="go"),)
    assert host(GITHUB_RUN_ID="902").approvals("production") == ()


def test_the_authors_are_who_github_knows_and_nobody_where_it_does_not(host, github):
    github.commits = {HEAD: "ada", BASE: None}
    github.committers = {HEAD: "grace", BASE: "web-flow"}
    assert [host("schedule").authors(commit) for commit in (HEAD, BASE, "c" * 40)] == [("ada", "grace"), (), ()]


def test_who_opened_the_pull_request_that_brought_a_commit_is_an_author_whatever_git_says(host, github):
    """C7: git's author is what its writer typed."""
    github.commits = {HEAD: "grace"}
    merged = {"state": "closed", "merge_commit_sha": HEAD, "merged_at": "2026-01-01T00:00:00Z"}
    github.pull_request(7, "c" * 40, author="eve", **merged)
    github.pull_request(8, HEAD, author="mallory")
    assert host().authors(HEAD) == ("grace", "eve")


def test_who_pushed_what_no_pull_request_brought_is_an_author_whatever_git_says(host, github):
    """C7: also where somebody else starts the run again."""
    github.commits = {HEAD: "grace"}
    assert host(GITHUB_TRIGGERING_ACTOR="eve").authors(HEAD) == ("grace", "ada")


# the run that follows another


def test_the_pull_request_of_a_fork_is_found_in_github_s_own_list(host, github):
    """C3: the event of a fork names no pull request, and nothing that was downloaded is asked."""
    github.pull_request(5, HEAD, branch="change", author="ada")
    github.pull_request(6, HEAD, branch="change", author="mallory", repository="eve/else")
    github.pull_request(7, HEAD, branch="change", author="eve", repository="eve/flights")
    assert host("workflow_run", github.workflow_run(7)).tested() == PullRequest(7, HEAD, "eve", fork=True, run_url=RUN)
    assert host("workflow_run", github.workflow_run(5)).tested() == PullRequest(5, HEAD, "ada", fork=False, run_url=RUN)


def test_a_pull_request_that_moved_on_is_closed_or_lost_its_fork_is_not_found(host, github):
    """C3: the verdict of one commit is not written under another."""
    pull = github.pull_request(7, HEAD, repository="eve/flights")
    event = github.workflow_run(7)
    pull["head"] = {**pull["head"], "sha": "c" * 40}
    assert host("workflow_run", event).tested() is None
    pull["head"] = {**pull["head"], "sha": HEAD}
    assert host("workflow_run", event).tested().number == 7
    pull["state"] = "closed"
    assert host("workflow_run", event).tested() is None
    event["workflow_run"]["head_repository"] = None
    assert host("workflow_run", event).tested() is None


def test_a_run_that_was_not_about_a_pull_request_is_about_none(host, github):
    github.pull_request(7, HEAD)
    assert host("workflow_run", github.workflow_run(7, event="push")).tested() is None
    assert host("push").tested() is None
    assert github.requests == []


def test_half_a_character_in_a_branch_name_is_an_error_and_no_trace(host, github):
    github.pull_request(7, HEAD, branch="\ud800")
    with pytest.raises(PlatformError, match="could not find the pull request"):
        host("workflow_run", github.workflow_run(7)).tested()


def test_what_a_server_says_stays_on_one_line(host, github):
    """C2: a line of its own could be a command of the runner."""
    github.fault(status=422, body=json.dumps({"message": "no\n::set-env name=x::y"}))
    with pytest.raises(PlatformError) as raised:
        host().check("gate", HEAD, "success", "t", "s")
    assert "no ::set-env" in raised.value.message


@pytest.mark.parametrize("branch", ["$(touch x)", "a&state=all#b", "é/ü`id`", "x:y"])
def test_a_branch_name_is_never_part_of_a_request(host, github, branch):
    """C2: it is a parameter's value, quoted, and compared with what comes back."""
    github.pull_request(7, HEAD, branch=branch)
    assert host("workflow_run", github.workflow_run(7)).tested().number == 7
    assert github.requests[0].query["head"] == f"octo:{branch}"


def test_the_jobs_are_those_of_the_other_run_and_only_what_has_ended(host, github):
    def job(name, conclusion, status="completed"):
        times = {"started_at": "2026-01-01T10:00:00Z", "completed_at": "2026-01-01T10:01:30Z" if status == "completed" else None}
        return {"name": name, "status": status, "conclusion": conclusion, "html_url": f"https://x/{name}", "run_id": 800, **times}

    github.pull_request(7, HEAD)
    github.jobs = {
        800: [job("check", "success"), job("train", "timed_out"), job("report", None, "in_progress")],
        901: [job("own", "skipped")],
    }
    assert host("workflow_run", github.workflow_run(7, run=800)).jobs() == (
        Job("check", "success", "https://x/check", 90.0),
        Job("train", "failure", "https://x/train", 90.0),
    )
    assert [job.name for job in host().jobs()] == ["own"]


# faults of the service

BAD = {
    "500": {"status": 500},
    "502 with HTML": {"status": 502, "body": "<html>bad gateway</html>", "headers": {"Content-Type": "text/html"}},
    "200 with HTML": {"status": 200, "body": "<!DOCTYPE html><html></html>"},
    "half an answer": {"status": 200, "body": '{"id": 1, "body": "' + "x" * 100, "half": True},
    "half of JSON": {"status": 200, "body": '[{"id": 1'},
    "nothing": {"status": 200},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "403 for too many": {"status": 403, "body": '{"message": "You have exceeded a secondary rate limit"}'},
    "403 for none left": {"status": 403, "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000"}},
    "slow": {"delay": 0.6, "status": 200},
    "a byte now and then": {"drip": 0.1, "status": 200, "body": "[]" + " " * 50},
}


@pytest.mark.parametrize("name", BAD)
def test_what_passes_is_tried_again(host, github, waits, name):
    """C10: an answer of 500, of HTML, of half a document, too late or "too many" is none."""
    github.pull_request(7, HEAD)
    github.fault(**BAD[name])
    host().comment(7, "verdict", "worse")
    assert [comment["body"] for comment in github.comments[7]] == ["<!-- slipway:verdict -->\nworse"]
    assert len(waits) == 1


@pytest.mark.parametrize("name", ["500", "200 with HTML", "half an answer"])
def test_what_was_made_although_its_answer_was_lost_is_not_made_twice(host, github, name):
    """C10: a second comment, issue or deployment would stay for ever."""
    github.pull_request(7, HEAD)
    for act in (lambda: host().comment(7, "v", "x"), lambda: host().issue("d", "t", "b"), lambda: host().deployed("staging", HEAD, "v3")):
        github.fault(**BAD[name], after=True, match="POST")
        act()
    assert (len(github.comments[7]), len(github.issues), len(github.deployments)) == (1, 1, 1)


@pytest.mark.parametrize("name", [name for name in BAD if name[0] not in "sa"])
def test_what_does_not_pass_ends_in_one_clear_error(host, github, waits, name):
    """C10, and the tries are few."""
    github.fault(times=9, **BAD[name])
    with pytest.raises(PlatformError) as raised:
        host().comment(7, "verdict", "worse")
    assert raised.value.message.startswith("could not write the comment on pull request 7: ")
    assert raised.value.where == "GET /repos/octo/flights/issues/7/comments"
    assert "again" in raised.value.hint
    assert "<html" not in str(raised.value)
    assert github.token not in str(raised.value)
    assert len(github.requests) == 4
    assert len(waits) == 3


def test_a_wait_that_is_longer_than_a_job_should_stand_still_is_not_waited_for(host, github, waits):
    github.fault(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(PlatformError) as raised:
        host().authors(HEAD)
    assert raised.value.hint.endswith("Run the job again in 3600 s.")
    assert (len(github.requests), waits) == (1, [])


def test_a_slow_server_does_not_hold_a_job_for_long(host, github):
    """C10: with the longest wait of one try and of all."""
    host = GitHub({**host()._environ}, Patience(tries=9, first_wait=0.01, one_try=0.2, in_all=0.5))
    github.fault(times=9, delay=5.0)
    with pytest.raises(PlatformError, match="no answer") as raised:
        host.authors(HEAD)
    assert re.search(r"\([2-4] tries\)", raised.value.message)


def test_nobody_listens(host, github):
    with pytest.raises(PlatformError, match=r"could not see who wrote the commit: 127\.0\.0\.1 gave no answer \(ConnectError"):
        host(GITHUB_API_URL="http://127.0.0.1:9").authors(HEAD)


@pytest.mark.parametrize(
    ("status", "call", "needs"),
    [
        (403, lambda host: host.comment(7, "v", "x"), "`pull-requests: write`"),
        (404, lambda host: host.check("gate", HEAD, "success", "t", "s"), "`checks: write`"),
        (403, lambda host: host.issue("d", "t", "b"), "`issues: write`"),
        (403, lambda host: host.deployed("staging", HEAD, "v3"), "`deployments: write`"),
        (403, lambda host: host.protection("production"), "`actions: read`"),
        (404, lambda host: host.approvals("production"), "`actions: read`"),
        (404, lambda host: host.jobs(), "`actions: read`"),
        (401, lambda host: host.authors(HEAD), "github.token"),
    ],
)
def test_a_permission_that_is_missing_is_named_at_once(host, github, waits, status, call, needs):
    github.fault(status=status, body=json.dumps({"message": f"Resource not accessible by integration {github.token}"}))
    with pytest.raises(PlatformError) as raised:
        call(host())
    assert needs in raised.value.hint
    assert f"GitHub answered {status}: Resource not accessible by integration ***" in raised.value.message
    assert waits == []


def test_what_github_refuses_is_told_in_its_own_words(host, github):
    github.fault(status=422, body='{"message": "Validation Failed", "errors": [{"field": "head_sha"}]}')
    with pytest.raises(PlatformError, match="head_sha"):
        host().check("gate", "nonsense", "success", "t", "s")


@pytest.mark.parametrize("token", ["", "  "])
def test_without_a_token_the_line_to_add_is_told(host, token):
    with pytest.raises(PlatformError, match="GITHUB_TOKEN is not set") as raised:
        host(GITHUB_TOKEN=token).authors(HEAD)
    assert "GITHUB_TOKEN: ${{ github.token }}" in raised.value.hint


def test_a_token_with_odd_characters_is_told_without_being_shown(host, github):
    with pytest.raises(PlatformError) as raised:
        host(GITHUB_TOKEN="ghs_abc\ndef").authors(HEAD)
    assert "not a token" in raised.value.message
    assert "abc" not in str(raised.value)
    github.commits = {HEAD: "ada"}
    assert host(GITHUB_TOKEN=f"{github.token}\n").authors(HEAD) == ("ada",)
