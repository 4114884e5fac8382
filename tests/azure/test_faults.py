"""What goes wrong between here and Azure, one thing a test: nothing is done twice, nothing is lost, and the person is told what to do."""

import json
import re
from pathlib import Path

import pytest
from tests.azure.loopback import Fault

from mlops.azure.connection import connect

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
command: echo {word}
environment: azureml:any@latest
compute: azureml:cpu-cluster
"""


@pytest.fixture
def job(there):
    """A job of one command, and what runs it."""
    there.project.write("job.yml", JOB.format(word="hello"))
    return there


def jobs_of(there):
    """The names of the jobs that this test's commands made."""
    return {call.path.rpartition("/")[2] for call in there.azure.calls if call.method == "PUT" and "/jobs/" in call.path}


def test_an_answer_lost_after_submit_makes_no_second_job(job):
    job.azure.faults.add(Fault("PUT .*/jobs/", drop=True, after=True))
    facts = job.run(file="job.yml")
    puts = [call for call in job.azure.calls if call.method == "PUT" and "/jobs/" in call.path]
    assert (facts["state"], len(puts), len(jobs_of(job))) == ("completed", 2, 1)


def test_a_command_given_again_after_the_network_went_away_finds_the_same_job(job):
    job.azure.faults.add(Fault("PUT .*/jobs/", drop=True, after=True, times=3))
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert code == 3
    assert "Azure does not answer" in errors
    assert "it makes no second job" in errors
    assert job.run(file="job.yml")["run"] == 1
    assert len(jobs_of(job)) == 1


def test_storms_are_waited_for_as_the_service_asks(job):
    for match in ("GET .*/versions", "PUT .*/jobs/"):
        job.azure.faults.add(Fault(match, status=429, code="TooManyRequests", retry_after="1"))
        job.azure.faults.add(Fault(match, status=503))
    job.azure.faults.add(Fault("GET .*/jobs/", status=503))
    assert job.run(file="job.yml")["state"] == "completed"
    first, second, *_ = [call for call in job.azure.calls if call.method == "PUT" and "/jobs/" in call.path]
    assert (first.status, second.at - first.at >= 1) == (429, True)


def test_each_client_of_the_sdk_sends_what_is_its_own(job):
    """A retry policy that two pipelines share sends the requests of both with the token of whoever was built last."""
    job.sign_in(job.azure.scientist)
    client = connect(job.settings(), "staging").client
    pipelines = [
        client._requests_pipeline,
        *(one._client._pipeline for one in (client.jobs._operation_2023_02_preview, client.models._model_versions_operation)),
    ]
    for pipeline in pipelines:
        policy = pipeline._impl_policies[0]
        while hasattr(policy, "next"):
            policy = policy.next
        assert policy._sender is pipeline._transport


def test_a_storm_that_does_not_end_is_told(job):
    job.azure.faults.add(Fault("PUT .*/jobs/", status=429, code="TooManyRequests", times=100))
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert code == 3
    assert "too busy (HTTP 429)" in errors
    assert [call.status for call in job.azure.calls if "/jobs/" in call.path] == [429, 429, 429]


@pytest.mark.e2e
@pytest.mark.parametrize("status", [429, 503])
def test_a_storm_while_a_job_is_followed_passes_or_leaves_a_run_to_be_followed_again(there, status):
    there.azure.faults.add(Fault("GET .*/children", status=status, times=2))
    there.azure.faults.add(Fault("blob get .*std_log", status=503, times=2))
    assert there.run()["state"] == "completed"
    there.azure.faults.add(Fault("GET .*/children", status=status, times=100))
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure", "--force")
    assert (code, f"too busy (HTTP {status})" in errors) == (3, True)
    assert there.record()["state"] == "detached"
    there.azure.faults.clear()
    assert there.follow()["state"] == "completed"
    assert len(jobs_of(there)) == 2


def test_tokens_that_die_are_renewed(job):
    job.azure.entra.lifetime, before = 2.0, job.azure.entra.issued
    assert job.run(file="job.yml")["state"] == "completed"
    assert job.azure.entra.issued - before > 3
    assert 401 not in {call.status for call in job.azure.calls}


def test_a_login_that_ends_in_the_middle_leaves_a_run_that_can_be_followed_again(job):
    job.azure.faults.add(
        Fault("GET .*/jobs/", status=401, code="ExpiredAuthenticationToken", message="The access token has expired.", times=9)
    )
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert (code, "az login" in errors) == (3, True)
    assert job.record()["state"] == "detached"
    job.azure.faults.clear()
    assert job.follow()["state"] == "completed"
    assert len(jobs_of(job)) == 1


@pytest.mark.parametrize("other", ["subscription", "tenant", "resource_group", "workspace"])
def test_another_place_is_refused_before_any_change(job, other):
    wrong = "11111111-1111-4111-8111-111111111111" if other in {"subscription", "tenant"} else "elsewhere"
    job.place(**{other: wrong})
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert code == 2
    assert "environments/staging.yml" in errors
    assert "Nothing was changed" in errors
    assert {call.method for call in job.azure.calls if call.host == "management.azure.com"} <= {"GET"}
    assert job.mlops("runs", "--json")[1].strip() == "[]"


def test_a_wrong_secret_and_a_missing_role_are_told_with_what_to_do(job):
    job.sign_in(job.azure.scientist, secret="wrong")
    code, out, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert (code, "az login" in errors) == (3, True)
    job.sign_in(job.azure.reader)
    code, out, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert code == 3
    assert "mlops doctor --azure" in errors
    assert "jobs/write" in errors
    assert job.azure.reader.secret not in out + errors


@pytest.mark.parametrize(("old", "new"), [("cpu-cluster", "gpu-cluster"), ("any@latest", "nowhere:1")])
def test_a_compute_or_an_environment_that_is_not_there_is_refused(job, old, new):
    job.project.edit("job.yml", old, new)
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert code == 2
    assert new.partition(":")[0] in errors


def test_what_was_created_may_not_be_seen_for_a_second(there):
    there.azure.faults.lag = 1.0
    assert there.run()["state"] == "completed"


def test_a_step_that_fails_shows_its_log_and_what_was_not_begun(there):
    there.project.write("code/rule.py", "def double(x):\n    raise ValueError('no doubling today')\n")
    code, out, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 1
    assert "no doubling today" in out
    assert "double failed" in errors
    facts = there.record()
    assert {name: step["state"] for name, step in facts["steps"].items()} == {"make": "finished", "double": "failed", "count": "skipped"}
    assert "no doubling today" in there.mlops("logs", "latest", "double")[1]


def test_a_workspace_that_was_deleted_is_told(job):
    job.azure.service.gone = True
    code, _, errors = job.mlops("run", "job.yml", "--where", "azure")
    assert (code, "was not found" in errors) == (2, True)


def test_an_interrupt_without_a_terminal_detaches_and_the_job_goes_on(there, monkeypatch):
    from mlops.azure.connection import Pace

    wait, times = Pace.wait, []

    def interrupted(pace):
        times.append(pace.on)
        if pace.on and times.count(True) == 3:
            raise KeyboardInterrupt
        wait(pace)

    monkeypatch.setattr(Pace, "wait", interrupted)
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 130
    assert "mlops resume 1" in errors
    assert "mlops cancel 1" in errors
    assert there.record()["state"] == "detached"
    assert there.follow()["state"] == "completed"
    assert "5 numbers" in there.mlops("logs", "1", "make")[1]


def test_at_a_terminal_an_interrupt_asks_and_the_job_is_canceled(job, monkeypatch):
    from mlops.azure.connection import Pace

    wait, asked = Pace.wait, []

    def interrupted(pace):
        if pace.on and not asked:
            raise KeyboardInterrupt
        wait(pace)

    job.azure.faults.queue = 600.0
    monkeypatch.setattr(Pace, "wait", interrupted)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "c")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert job.mlops("run", "job.yml", "--where", "azure")[0] == 1
    assert "[d]etach" in asked[0]
    assert job.record()["state"] == "canceled"
    assert job.azure.jobs.get(next(iter(jobs_of(job)))).status == "Canceled"


def test_a_job_is_canceled_from_another_terminal(job, monkeypatch):
    from mlops.azure.connection import Pace

    job.azure.faults.queue = 600.0
    with monkeypatch.context() as patch:
        patch.setattr(Pace, "wait", lambda pace: (_ for _ in ()).throw(KeyboardInterrupt) if pace.on else None)
        assert job.mlops("run", "job.yml", "--where", "azure")[0] == 130
    code, out, errors = job.mlops("cancel", "latest", "--json")
    assert (code, json.loads(out)) == (0, {"run": 1, "state": "canceled"}), errors
    assert job.mlops("resume", "latest")[0] == 1
    assert job.record()["state"] == "canceled"
    assert job.mlops("cancel", "latest")[0] == 2


def test_no_secret_is_left_in_the_run_or_on_the_screen(there):
    code, out, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 0
    written = out + errors + "".join(path.read_text(errors="replace") for path in Path(".mlops/runs").rglob("*") if path.is_file())
    assert there.azure.scientist.secret not in written
    assert there.azure.workspace.storage.key not in written
    assert re.findall(r"\bsig=|eyJ[\w-]{10,}\.", written) == []


def test_requests_are_no_closer_than_the_pace_while_a_job_is_followed(there, monkeypatch):
    from mlops.azure import connection

    monkeypatch.setattr(connection, "PACE", 0.5)
    submitted = len(there.azure.calls)
    there.run()
    calls = there.azure.calls[submitted:]
    begun = next(n for n, call in enumerate(calls) if "/children" in call.path)
    ended = max(n for n, call in enumerate(calls) if "/children" in call.path)
    asked = [call.at for call in calls[begun : ended + 1] if call.host != "login.microsoftonline.com"]
    assert len(asked) > 2
    assert asked[-1] - asked[0] >= 0.5 * (len(asked) - 1) - 0.4  # answers are told of a little late, each by its own time


def test_a_cancellation_that_fails_in_the_end_is_told_and_may_be_asked_again(job, monkeypatch):
    from mlops.azure.connection import Pace

    job.azure.faults.queue = 600.0
    with monkeypatch.context() as patch:
        patch.setattr(Pace, "wait", lambda pace: (_ for _ in ()).throw(KeyboardInterrupt) if pace.on else None)
        assert job.mlops("run", "job.yml", "--where", "azure")[0] == 130
    job.azure.faults.late = "the compute did not answer"
    code, _, errors = job.mlops("cancel", "latest")
    assert code in {2, 3}
    assert "cannot cancel the job: " in errors
    assert "the compute did not answer" in errors
    job.azure.faults.late = ""
    assert job.mlops("resume", "latest")[0] == 1
    assert job.record()["state"] == "canceled"
