"""GitHub's workflows, run for real on a small fork: real commits and pushes, act as the runner, a GitHub that judges what it is asked."""

import subprocess
import time

import pytest
from tests.mlops.monitoring.conftest import CONTRACT, NEWEST, PIPELINE
from tests.mlops.workflows.conftest import ADA, BEN, approve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BASE = "0" * 40


def told(fork, ref="mlops-state/shops"):
    """The registry that is kept: aliases, and the moves of production."""
    code = (
        "import os, json; os.environ['MLOPS_STATE'] = 'mlops-state'\n"
        "from mlops.delivery.workspace import open_workspace\nfrom mlops.delivery.shared import on_state\n"
        "w = open_workspace(None)\n"
        "v = on_state(w, lambda: (w.registry.versions('shops'), w.registry.history('shops')))\n"
        "print(json.dumps({'aliases': {a: x.version for x in v[0] for a in x.aliases},"
        " 'commits': {a: x.tags['slipway.commit'] for x in v[0] for a in x.aliases}, 'count': len(v[0]),"
        " 'moves': [[m.environment, m.after, m.who, m.reason] for m in v[1]]}))"
    )
    import json
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=fork.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def pull_request(fork, github, number, branch, *, labels=(), author=ADA, repository=None, title="a change"):
    """Push a branch and open a pull request; return the event."""
    fork.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    commit = fork.git("rev-parse", "HEAD")
    github.pull_request(number, commit, branch=branch, author=author, repository=repository, title=title)
    github.commits[commit] = author
    source = repository or "acme/shops"
    head = {"sha": commit, "ref": branch, "repo": {"full_name": source, "owner": {"login": source.split("/")[0]}}}
    base = {"sha": fork.git("rev-parse", "origin/main"), "ref": "main", "repo": {"full_name": "acme/shops"}}
    facts = {
        "number": number,
        "title": title,
        "user": {"login": author},
        "labels": [{"name": name} for name in labels],
        "head": head,
        "base": base,
    }
    return {"action": "opened", "number": number, "pull_request": facts}


def comment(fork, github, number, run):
    """The run that follows a pull request's: GitHub tells which one, and what its jobs were."""
    fork.git("checkout", "--quiet", "main")
    ran = fork.run("workflow_run", "comment", github.workflow_run(number, run=run))
    assert ran.code == 0, ran.log[-4000:]
    bodies = [entry["body"] for entry in github.comments.get(number, [])]
    assert [body for body in bodies if f"https://github.com/acme/shops/actions/runs/{run}#artifacts" not in body] == []
    assert github.checks[-1]["details_url"] == f"https://github.com/acme/shops/actions/runs/{run}"
    return bodies


def jobs_of(github, run, **conclusions):
    made = []
    for n, (name, conclusion) in enumerate(conclusions.items()):
        facts = {"id": 9000 + n, "run_id": run, "name": name, "status": "completed", "conclusion": conclusion}
        made.append(facts | {"html_url": f"https://github.com/acme/shops/actions/runs/{run}/job/{n}"})
    github.jobs[run] = made


def test_a_merge_goes_through_staging_and_approval_to_production(delivered, fork):
    """Green path, from an empty registry in one pass."""
    _, ran = delivered
    assert ran.jobs == {
        "make plan": "success",
        "make check": "success",
        "make test": "success",
        "make audit": "success",
        "make train": "success",
        "make promote ENV=staging": "success",
        "make promote ENV=production": "success",
    }
    kept = told(fork)
    assert kept["aliases"] == {"challenger": 1, "staging": 1, "production": 1, "champion": 1}
    assert kept["moves"][0][:3] == ["production", 1, BEN]
    assert "shops/v1" in fork.git("ls-remote", "--tags", "origin")


def test_a_pull_request_that_makes_the_model_worse_is_red_and_says_so(fork, github):
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.95")
    fork.commit("Blind it $(touch boom) `touch boom`")
    event = pull_request(fork, github, 7, "worse-$(touch${IFS}boom)", title="Worse `touch boom` $(touch boom) ::set-output name=x::y")
    before = fork.state()
    ran = fork.run("pull_request", "ci", event)
    assert "make try" in ran.ended("failure")
    assert "the change makes the model worse" in ran.log
    jobs_of(github, fork.number, **{"try (shops) / make try": "failure", "check / make test": "success"})
    [body] = comment(fork, github, 7, fork.number)
    assert "worse ▼" in body
    assert "not ready to merge; v1 stays in production" in body
    assert [check["conclusion"] for check in github.checks] == ["failure"]
    assert (fork.state(), list(fork.place.rglob("boom"))) == (before, [])


def test_a_pull_request_that_is_merely_not_better_is_green_and_its_comment_is_kept_up_to_date(fork, github):
    fork.edit("src/project/train.py", 'print("trained")', 'print("trained well")')
    fork.commit("Say it better")
    event = pull_request(fork, github, 8, "same")
    ran = fork.run("pull_request", "ci", event)
    assert ran.code == 0, ran.log[-4000:]
    looked_at = fork.number
    jobs_of(github, looked_at, **{"try (shops) / make try": "success"})
    [body] = comment(fork, github, 8, looked_at)
    assert "no clear difference ≈ — may be merged" in body
    assert [check["conclusion"] for check in github.checks] == ["neutral"]
    jobs_of(github, looked_at, **{"try (shops) / make try": "success", "check / make test": "failure"})  # the run went on meanwhile
    [again] = comment(fork, github, 8, looked_at)
    assert "not ready to merge: 1 job failed" in again
    assert github.seen("POST").count("POST /issues/8/comments") == 1


def test_bad_data_never_reaches_a_model_and_the_comment_shows_the_rows(fork, github):
    fork.edit("data/shops.csv", "0.1,0\n", "4711.5,0\n")
    fork.commit("New data")
    event = pull_request(fork, github, 9, "data")
    ran = fork.run("pull_request", "ci", event)
    assert "make try" in ran.ended("failure")
    jobs_of(github, fork.number, **{"try (shops) / make try": "failure"})
    [body] = comment(fork, github, 9, fork.number)
    assert "the data break the contract" in body
    assert "4711.5" in body


def test_a_failing_test_is_red_and_named_in_the_comment(fork, github):
    fork.commit("Break a test", {"tests/project/test_train.py": "def test_it():\n    assert 1 + 1 == 3\n"})
    event = pull_request(fork, github, 10, "broken")
    ran = fork.run("pull_request", "ci", event)
    assert ran.ended("failure") == {"make check", "make test"}
    assert "make try" not in ran.jobs  # nothing of the model changed
    jobs_of(github, fork.number, **{"check / make test": "failure", "check / make check": "failure"})
    [body] = comment(fork, github, 10, fork.number)
    assert "check / make test" in body


def test_prose_is_checked_as_prose_and_nothing_else_with_the_proof(fork, github):
    fork.commit("Say more", {"README.md": "# Shops\n\nMore.\n"})
    ran = fork.run("pull_request", "ci", pull_request(fork, github, 11, "prose"))
    assert ran.jobs == {"make plan": "success", "required": "success"}
    assert "1 file changed since" in ran.log
    assert "all of them prose; the rest is sha256:" in ran.log


def test_a_fork_without_secrets_gets_everything_and_its_comment_from_a_run_that_trusts_nothing(fork, github):
    """C1, C3: the pull request's own run has no token that can write; what it leaves behind is data."""
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.0")
    fork.commit("See more")
    event = pull_request(fork, github, 12, "patch-1", author="eve", repository="eve/shops")
    ran = fork.run("pull_request", "ci", event, token="")
    assert ran.code == 0, ran.log[-4000:]
    assert github.seen("POST", "PATCH") == []
    jobs_of(github, fork.number, **{"try (shops) / make try": "success"})
    poisoned = next(fork.artifacts.joinpath(str(fork.number)).rglob("shops.json"))
    github.pull_request(13, "c" * 40, author="mallory")
    poisoned.write_text(poisoned.read_text().replace('"model"', '"pull_request": 13, "number": 13, "model"', 1))
    [body] = comment(fork, github, 12, fork.number)
    assert "better ▲" in body
    assert github.comments.get(13, []) == []


def test_without_an_approval_production_stays_and_a_re_run_after_it_goes_on_where_it_stopped(fork, github):
    """C7: an environment without reviewers, and one whose reviewers said nothing."""
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.0")
    github.commits[fork.commit("See more")] = ADA
    fork.git("push", "--quiet", "origin", "main")
    github.environment("production")
    ran = fork.run("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    assert "make promote ENV=production" in ran.ended("failure")
    assert "nobody approved this run for production" in ran.log
    assert "gh api" in ran.log
    assert told(fork)["aliases"]["production"] == 1
    assert told(fork)["aliases"]["staging"] == 2
    github.environment("production", [BEN])
    approve(github, fork.number + 1, ADA)
    ran = fork.run("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    assert "was approved by ada only, who wrote the change" in ran.log
    approve(github, fork.number + 1)
    ran = fork.run("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    assert ran.code == 0, ran.log[-4000:]
    assert "v2 was made of the same data, code and parameters" in ran.log
    kept = told(fork)
    assert (kept["count"], kept["aliases"]["production"], kept["moves"][0][2]) == (2, 2, BEN)
    assert [deployment["environment"] for deployment in github.deployments].count("production") >= 1


def test_two_merges_at_once_go_out_in_turn_and_none_is_lost(fork, github):
    """C6: act starts both at once, as two runners that know nothing of each other would; the registry keeps both."""
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.7")
    github.commits[fork.commit("See more")] = ADA
    first = fork.git("rev-parse", "HEAD")
    fork.git("push", "--quiet", "origin", "main")
    approve(github, fork.number + 1)
    approve(github, fork.number + 2)
    one = fork.start("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    time.sleep(1.0)
    fork.edit("src/pipelines/train.yml", "blind: 0.7", "blind: 0.0")
    github.commits[fork.commit("See all")] = ADA
    fork.git("push", "--quiet", "origin", "main")
    two = fork.start("push", "deliver", {"before": first})
    ends = [one.wait(), two.wait()]
    kept = told(fork)
    assert (kept["count"], kept["aliases"]["production"] > 1) == (3, True)
    for ran in ends:
        assert ran.code == 0 or "was approved against v1, and production serves v" in ran.log, ran.log[-4000:]
    assert any(ran.code == 0 for ran in ends)
    approve(github, fork.number + 1)
    again = fork.run("push", "deliver", {"before": first})
    assert again.code == 0, again.log[-4000:]
    assert told(fork)["commits"]["production"] == fork.git("rev-parse", "HEAD")


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_a_run_that_is_cancelled_or_taken_away_leaves_what_was_and_the_next_goes_on(fork, github, how):
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.0")
    github.commits[fork.commit("See more")] = ADA
    fork.git("push", "--quiet", "origin", "main")
    approve(github, fork.number + 2)
    running = fork.start("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    wait_for(running, "Run Main make train")
    time.sleep(2.0)
    getattr(running, how)()
    if how == "cancel":
        running.wait(60)
    assert told(fork)["aliases"]["production"] == 1
    ran = fork.run("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    assert ran.code == 0, ran.log[-4000:]
    kept = told(fork)
    assert (kept["count"], kept["aliases"]["production"]) == (2, 2)


def wait_for(running, words, seconds=90):
    until = time.monotonic() + seconds
    while words not in running.log.read_text(errors="replace"):
        assert time.monotonic() < until, running.log.read_text()[-3000:]
        time.sleep(0.1)


def test_a_lost_state_stops_the_delivery_and_the_told_command_brings_it_back(fork, github):
    fork.git("push", "--quiet", "origin", "--delete", "mlops-state/shops")
    fork.edit("src/pipelines/train.yml", "blind: 0.8", "blind: 0.0")
    github.commits[fork.commit("See more")] = ADA
    fork.git("push", "--quiet", "origin", "main")
    ran = fork.run("push", "deliver", {"before": fork.git("rev-parse", "HEAD~1")})
    assert "make train" in ran.ended("failure")
    assert "the state of shops is gone" in ran.log
    assert fork.state() == ""
    command = next(line for line in ran.log.splitlines() if "Bring back" in line).split(": ", 1)[1]
    assert subprocess.run(command, shell=True, cwd=fork.root, check=False, capture_output=True).returncode == 0
    assert told(fork)["aliases"]["production"] == 1


def test_retraining_by_hand_with_a_parameter_wins_and_a_rollback_by_hand_takes_it_back(fork, github):
    approve(github, fork.number + 1)
    ran = fork.run("workflow_dispatch", "retrain", inputs={"model": "", "set": "inputs.blind=0.0 inputs.rows=2990"})
    assert ran.code == 0, ran.log[-4000:]
    assert told(fork)["aliases"]["production"] == 2
    reason = "odd at EWR $(touch boom) `touch boom` \" ' ::set-output name=a::b"
    ran = fork.run("workflow_dispatch", "rollback", inputs={"model": "shops", "reason": reason})
    assert ran.code == 0, ran.log[-4000:]
    kept = told(fork)
    assert (kept["aliases"]["production"], kept["moves"][0][3]) == (1, reason)
    assert list(fork.place.rglob("boom")) == []


def test_only_the_model_that_a_change_touches_is_tried(fork, github):
    project = (fork.root / "src/project/project.yml").read_text()
    second = (
        project.split("models:\n", 1)[1]
        .replace("shops:", "stalls:", 1)
        .replace("src/project", "src/stalls")
        .replace("src/pipelines", "src/stall_pipelines")
    )
    fork.write({"src/project/project.yml": project + second.replace("data/shops", "data/stalls")})
    for name in ("project/train.py", "project/raw.py", "pipelines/train.yml", "pipelines/validate.yml"):
        text = (fork.root / "src" / name).read_text().replace("../project", "../stalls").replace("data/shops", "data/stalls")
        fork.write({f"src/{name.replace('project/', 'stalls/').replace('pipelines/', 'stall_pipelines/')}": text})
    for name in ("shops.odcs.yml", "shops.csv"):
        fork.write({f"data/{name.replace('shops', 'stalls', 1)}": (fork.root / "data" / name).read_text()})
    fork.commit("A second model")
    fork.git("push", "--quiet", "origin", "main")
    fork.edit("src/stall_pipelines/train.yml", "blind: 0.8", "blind: 0.3")
    fork.commit("Tune the second")
    ran = fork.run("pull_request", "ci", pull_request(fork, github, 14, "stalls"))
    assert ran.code == 0, ran.log[-4000:]
    assert "none of what it is made of changed" in ran.log
    assert [path.name for path in sorted(fork.artifacts.joinpath(str(fork.number)).glob("verdict-*"))] == ["verdict-stalls"]


def test_monitoring_looks_at_what_is_in_production_keeps_one_issue_and_trains_again_after_a_drift(fork, github):
    fork.write(
        {
            "src/project/newest.py": NEWEST,
            "data/newest.odcs.yml": CONTRACT,
            "src/pipelines/monitor.yml": PIPELINE.replace("odd: 0", "odd: 9"),
        }
    )
    fork.edit("src/project/project.yml", "target: late", "monitor: src/pipelines/monitor.yml\n    target: late")
    fork.commit("Watch it")
    before = fork.state()
    ran = fork.run("schedule", "monitor", {"schedule": "17 5 * * *"})
    assert ran.jobs["make monitor"] == "failure", ran.log[-4000:]
    [issue] = github.issues.values()
    assert "newest.c must be" in issue["body"]
    assert "9 of " in issue["body"]
    assert "shops v1" in issue["title"] + issue["body"]
    assert "was started to be tried, and ended again" in issue["body"]
    assert ("make train" in ran.jobs, fork.state()) == (False, before)
    fork.edit("src/pipelines/monitor.yml", "odd: 9", "odd: 0")
    fork.edit("src/pipelines/monitor.yml", "shift: 0.0", "shift: 2.0")
    fork.commit("The data are in order again, and others")
    ran = fork.run("workflow_dispatch", "monitor")
    assert (ran.jobs["make monitor"], ran.jobs["make train"]) == ("success", "success"), ran.log[-4000:]
    assert (len(github.issues), "newest.c must be" in issue["body"]) == (1, False)
    assert "3 of the last 3 windows drifted" in issue["body"]
    assert told(fork)["aliases"]["production"] == 1  # the rows to learn from are those of v1


def test_a_release_by_hand_is_tagged_pushed_and_its_files_are_signed(fork, github):
    ran = fork.run("workflow_dispatch", "release", inputs={"version": "0.2.0"})
    assert ran.code == 0, ran.log[-4000:]
    assert "refs/tags/v0.2.0" in fork.git("ls-remote", "origin")
    kept = sorted(path.name for path in fork.artifacts.joinpath(str(fork.number), "release").rglob("shops-0.2.0*"))
    assert {name.rpartition(".")[2] for name in kept} == {"whl", "gz", "json"}
    assert len([line for line in ran.log.splitlines() if "would sign" in line and "dist/shops" in line]) == len(kept) == 4
    fork.git("pull", "--quiet", "origin", "main")
    assert "0.2.0" in (fork.root / "CHANGELOG.md").read_text()
