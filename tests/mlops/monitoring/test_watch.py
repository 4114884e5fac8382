"""One look after the other at a small project in production, as its schedule would: real processes, a real registry, a real endpoint."""

import json
import os
import signal

import pytest

from mlops.cli import main
from mlops.delivery.way import Delivery
from mlops.delivery.workspace import open_workspace
from mlops.registry.versions import Registry
from mlops.serving import endpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def look(watched, monkeypatch, capsys):
    """Deliver, and return what looks with `--set` values and gives the exit code and the facts; the CI system records what it is told."""

    class Host:
        told = []

        def __getattr__(self, name):
            return lambda *words, **_: self.told.append((name, *words))

    monkeypatch.setattr("mlops.ci.host.current", lambda environ: Host())
    Delivery(open_workspace(None), lambda event: None).go()

    def look(**settings):
        Host.told.clear()
        words = [word for name, value in settings.items() for word in ("--set", f"inputs.{name}={value}")]
        capsys.readouterr()
        code = main(["monitor", "--json", *words])
        return code, json.loads(capsys.readouterr().out), dict.fromkeys(name for name, *_ in Host.told), list(Host.told)

    return look


def finding(facts, kind):
    """Return status and words of the worst finding of a kind."""
    return next((one["status"], one["said"]) for one in facts["findings"] if one["kind"] == kind)


def served():
    return endpoint.look(open_workspace(None).endpoint("production"))


@pytest.mark.e2e
def test_production_is_looked_at_as_its_data_its_answers_and_its_endpoint_change(look, watched, monkeypatch):
    """D8, R7: from well to drift, to worse predictions, to a broken contract, to an endpoint that is down or holds other files."""
    code, facts, told, _ = look()
    assert (code, facts["status"], facts["retrain"], facts["version"]) == (0, "ok", False, 1)
    assert {one["kind"] for one in facts["findings"]} == {"contract", "drift", "performance", "endpoint"}
    assert [(one["window"], one["rows"], one["labelled"]) for one in facts["windows"]] == [
        ("2024-02", 1000, 1000),
        ("2024-03", 1000, 1000),
        ("2024-04", 1000, 500),
    ]
    assert list(told) == ["output", "summary", "close_issue"]
    assert (watched / facts["folder"] / "monitor.json").is_file()

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "attachment", lambda *_: None)
        code, facts, _, _ = look()
    assert (code, facts["status"], facts["windows"]) == (0, "attention", [])
    assert finding(facts, "drift")[1].startswith("v1 was registered without a reference to hold newer rows against")
    assert finding(facts, "endpoint")[1] == "v1 is ready, and was not tried: it was registered without held-out rows"

    code, facts, told, calls = look(shift=2)
    assert (code, facts["status"], facts["retrain"]) == (0, "attention", True)
    assert facts["why"].startswith("drift: 3 of the last 3 windows drifted")
    assert ("output", "retrain", "true") in calls
    assert calls[-1][:2] == ("issue", "monitor:shops")

    code, facts, _, _ = look(noise=9)
    assert (code, facts["status"], facts["retrain"]) == (1, "bad", True)
    assert finding(facts, "performance") == ("bad", "3 of the last 3 windows fell by more than 0.03")

    code, facts, _, _ = look(odd=4)
    assert (code, facts["retrain"], facts["windows"]) == (1, False, [])
    status, said = finding(facts, "contract")
    assert (status, said.startswith("newest.c "), "4 of 4,000 break it, such as row 0: c 99; row 1: c 99" in said) == ("bad", True, True)

    endpoint.stop(open_workspace(None).endpoint("production"))
    code, facts, _, _ = look()
    assert (code, served().health) == (0, "not running")
    assert "it did not run before, was started to be tried, and ended again" in finding(facts, "endpoint")[1]

    Delivery(open_workspace(None), lambda event: None).go()
    os.kill(served().pid, signal.SIGKILL)
    code, facts, _, _ = look()
    assert (code, *finding(facts, "endpoint")) == (1, "bad", "v1 should be served, and the endpoint is not running")

    workspace = open_workspace(None)
    path = workspace.registry.fetch(workspace.registry.resolve("shops", "1")) / "model.skops"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, facts, _, _ = look()
    assert (code, facts["windows"]) == (1, [])
    assert finding(facts, "endpoint")[1].startswith("shops v1 was tampered with after registration")


def test_before_the_first_delivery_the_data_is_looked_at_and_the_rest_is_told(watched, capsys):
    assert main(["monitor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["status"], facts["version"], facts["retrain"]) == ("attention", None, False)
    assert finding(facts, "endpoint") == ("attention", "the registry knows no version in production")
    assert finding(facts, "contract")[0] == "ok"


def test_a_model_without_a_monitoring_pipeline_is_told_what_to_name(shops, capsys):
    assert main(["monitor"]) == 2
    assert "models.shops.monitor and .window" in capsys.readouterr().err
