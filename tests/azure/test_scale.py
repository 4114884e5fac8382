"""A job of a thousand steps is followed by one request a second, and with as much work for each step as one of a hundred."""

import sys

import pytest

from mlops.azure.following import Progressed, Seen
from mlops.engine.events import Finished

pytestmark = pytest.mark.slow


def calls_of(work):
    """How many Python functions `work` calls: what it costs, on any machine."""
    count = 0

    def counted(_frame, event, _more):
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def followed(size):
    """Follow `size` steps that end one after the other, in twenty looks."""
    names = [f"step_{n}" for n in range(size)]
    told = Progressed({name: names[n - 1 : n] for n, name in enumerate(names)}, {})
    events = []
    for look in range(1, 21):
        done = size * look // 20
        seen = [Seen(name, f"run-of-{name}", "Completed" if n < done else "Running") for n, name in enumerate(names[: done + 2])]
        events += told.events(seen, float(look))
        assert told.running is not None
    assert sum(isinstance(event, Finished) for event in events) == size


def test_ten_times_as_many_steps_are_ten_times_the_work():
    few, many = (calls_of(lambda size=size: followed(size)) for size in (100, 1000))
    assert many < 11 * few


@pytest.mark.slow
def test_a_thousand_steps_are_followed_by_one_request_a_second(there, monkeypatch):
    """The follower's own clock goes on by what it sleeps, and by nothing else: its requests are held against that."""
    from tests.azure.loopback.jobs import Job
    from tests.azure.loopback.steps import Step

    from mlops.azure import connection
    from mlops.azure.run import begin
    from mlops.spec.pipeline import load_pipeline

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock, size = Clock(), 1000
    steps = "".join(f"  step_{n}: {{command: echo {n}, environment: azureml:any@latest}}\n" for n in range(size))
    path = there.project.write("many.yml", f"type: pipeline\nsettings: {{default_compute: azureml:cpu-cluster}}\njobs:\n{steps}")
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(connection, "PACE", 1.0)
    workspace = connection.connect(there.settings(), "staging")
    running = begin(load_pipeline(path), there.project.home, there.project.root, workspace, {})
    facts = running.record.facts["job"]
    facts.update(state="submitted", studio="", called={})
    job = Job(
        running.name,
        there.azure.jobs.workspace._resource(
            f"jobs/{running.name}",
            running.name,
            {"jobType": "Pipeline", "jobs": {}, "displayName": "many", "inputs": {}, "outputs": {}, "settings": {}},
        ),
    )
    there.azure.jobs.found[running.name], job.status = job, "Running"
    job.tree.found = {name: Step(f"run-{name}", name) for name in running.pipeline.steps}
    events, started = [], clock.now
    before = len(there.azure.calls)
    for event in running.events():
        events.append(event)
        ended = sum(isinstance(one, Finished) for one in events)
        if len(events) == size + 1:  # all have begun: now they end
            for step in job.steps.values():
                step.status = "Completed"
        if ended == size:
            job.status = "Completed"
    asked = [call for call in there.azure.calls[before:] if call.host != "login.microsoftonline.com"]
    assert ended == size
    assert len(asked) > size / 100
    assert len(asked) - 1 <= clock.now - started + 1
