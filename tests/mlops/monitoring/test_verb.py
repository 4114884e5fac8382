"""What the verb hands on to the CI system."""

from types import SimpleNamespace

import pytest

from mlops.errors import PlatformError
from mlops.verbs.monitor import _hand_on, monitor


class Host:
    """A CI system that records, and whose server may be down."""

    def __init__(self, down=False):
        self.down, self.told = down, []

    def output(self, name, value):
        self.told.append((name, value))

    def __getattr__(self, name):
        def call(*words):
            if self.down:
                raise PlatformError("the server answers 502")
            self.told.append((name, *words[:1]))

        return call


FACTS = {"model": "flights", "status": "bad", "retrain": True, "findings": [], "why": "performance fell"}


def hand_on(monkeypatch, host, **changed):
    monkeypatch.setattr("mlops.ci.host.current", lambda environ: host)
    _hand_on(FACTS | changed)
    return host.told


def test_outputs_are_handed_on_and_the_issue_is_kept_as_things_are(monkeypatch):
    outputs = [("status", "bad"), ("retrain", "true")]
    assert hand_on(monkeypatch, Host())[:2] == outputs
    assert hand_on(monkeypatch, Host())[-1] == ("issue", "monitor:flights")
    assert hand_on(monkeypatch, Host(), status="ok", retrain=False)[-1] == ("close_issue", "monitor:flights")


def test_what_is_looked_at_is_the_registry_that_is_kept_and_it_stays_as_it_is(tmp_path, monkeypatch):
    """On a runner there is none before it is brought."""
    done = []
    state = SimpleNamespace(bring=lambda home: done.append("brought"), send=lambda *_, **__: done.append("sent"))
    registry = SimpleNamespace(versions=lambda name: [])
    workspace = SimpleNamespace(state=state, home=tmp_path, registry=registry, model=SimpleNamespace(name="flights"))
    monkeypatch.setattr("mlops.delivery.workspace.open_workspace", lambda model: workspace)
    monkeypatch.setattr("mlops.monitoring.watch.Monitor.go", lambda self: done.append("looked") or FACTS)
    monkeypatch.setattr("mlops.ci.host.current", lambda environ: Host())
    assert (monitor(SimpleNamespace(model=None, json=True, set=[])), done) == (1, ["brought", "looked"])


@pytest.mark.parametrize("status", ["ok", "bad"])
def test_a_server_that_is_down_is_told_and_changes_nothing(monkeypatch, capsys, status):
    assert hand_on(monkeypatch, Host(down=True), status=status) == [("status", status), ("retrain", "true")]
    assert "warning: the issue could not be written: the server answers 502" in capsys.readouterr().err
