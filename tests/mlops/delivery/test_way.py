"""The whole way on a small project, with real processes, a real registry and real endpoints."""

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from mlops.delivery.moves import promote, rollback
from mlops.delivery.way import Delivery
from mlops.delivery.workspace import open_workspace
from mlops.engine.events import Finished, Reused
from mlops.errors import JobFailed, MlopsError, PlatformError
from mlops.release.provenance import MADE
from mlops.serving import endpoint

pytestmark = pytest.mark.slow


def deliver(to="production", **settings):
    """Deliver as a new process would, and return the facts and the events."""
    events = []
    delivery = Delivery(open_workspace(None), events.append, to, settings={k: str(v) for k, v in settings.items()})
    try:
        delivery.go()
    except MlopsError as error:
        return delivery.facts, events, error
    return delivery.facts, events, None


def serves(environment="production"):
    served = endpoint.look(open_workspace(None).endpoint(environment))
    return served.version if served.health == "ready" else None


def aliases():
    workspace = open_workspace(None)
    return {alias: v.version for v in workspace.registry.versions(workspace.model.name) for alias in v.aliases}


def ask():
    """Send the sample with the key, as the pasted curl does."""
    served = endpoint.look(open_workspace(None).endpoint("production"))
    body, key = Path(served.sample_file).read_bytes(), Path(served.key_file).read_text().split()[0]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{served.address}/score", body, headers), timeout=10) as answer:
        return json.load(answer)


def test_the_first_delivery_goes_all_the_way_and_the_second_has_nothing_to_do(shops):
    facts, events, error = deliver()
    told = {e.step: e.summary for e in events if isinstance(e, Finished)}
    assert error is None
    assert (told["train"], told["compare"][:6], told["production"][:15]) == ("trained", "AUC 0.", "v1 serves 100 %")
    assert (facts["outcome"], facts["version"], serves(), serves("staging")) == ("promote", 1, 1, 1)
    assert aliases() == {"challenger": 1, "staging": 1, "production": 1, "champion": 1}
    assert facts["staging"]["smoke"]["equal"] == facts["staging"]["smoke"]["requests"] == 20
    assert "a coin" in facts["reason"]
    assert len(ask()["predictions"]) == 2
    assert (shops / ".mlops/runs/1/report.html").is_file()
    made = json.loads(open_workspace(None).registry.resolve("shops", "1").tags[MADE])
    assert (made["run"], made["pipeline"], made["inputs"]["rows"]["value"]) == (1, "src/pipelines/train.yml", 3000)
    again, events, _ = deliver()
    assert (again["outcome"], again["version"]) == ("unchanged", 1)
    assert all(isinstance(e, Reused) for e in events if hasattr(e, "outputs"))
    assert "compare" not in {getattr(e, "step", "") for e in events}


@pytest.mark.e2e
def test_a_worse_challenger_stays_one_and_a_better_one_takes_over_and_is_taken_back(shops):
    deliver(blind=0.6)
    worse, _, error = deliver(blind=0.9)
    with pytest.raises(JobFailed, match="the gate did not approve shops v2"):
        promote(open_workspace(None), "2", "production", "")
    with pytest.raises(JobFailed, match="v2 was never tried in staging"):
        promote(open_workspace(None), "2", "production", "I know better")
    assert (worse["outcome"], error) == ("keep", None)
    assert "is worse than the champion v1" in worse["reason"]
    assert (serves(), aliases()["challenger"], aliases()["champion"]) == (1, 2, 1)
    better, _, _ = deliver(blind=0.0)
    assert (better["outcome"], serves(), aliases()["champion"]) == ("promote", 3, 3)
    facts = rollback(open_workspace(None), "production", "a test")
    assert (facts["from"], facts["version"], serves(), aliases()["production"]) == (3, 1, 1, 1)
    assert (rollback(open_workspace(None), "production", "pressed twice", 3), serves()) == ({"from": 1, "version": 1}, 1)
    kept, _, error = deliver(blind=0.0)
    assert (kept["outcome"], error) == ("keep", None)
    assert "v3 was taken back from production" in kept["reason"]
    promote(open_workspace(None), "3", "production", "on second thought")
    assert (serves(), [move.after for move in open_workspace(None).registry.history("shops") if move.environment == "production"]) == (
        3,
        [3, 1, 3, 1],
    )


def test_the_same_predictions_are_not_a_win(shops):
    deliver(rows=3000)
    facts, _, error = deliver(rows=2999)
    assert error is None
    assert facts["outcome"] == "keep"
    assert serves() == 1


def test_a_broken_limit_is_red_and_registers_nothing(shops):
    path = shops / "environments/staging.yml"
    path.write_text(path.read_text().replace("at_least: 0.6", "at_least: 0.99"))
    facts, _, error = deliver()
    assert isinstance(error, JobFailed)
    assert "is below 0.99" in error.message
    assert (facts["outcome"], aliases(), serves()) == ("stop", {}, None)


def test_an_environment_without_its_sections_is_told_before_any_work(shops):
    (shops / "environments/staging.yml").write_text("where: local\n")
    facts, events, error = deliver()
    assert (error.exit_code, facts, events) == (2, {}, [])
    assert "there is no `serve` section" in str(error)


@pytest.mark.e2e
def test_a_staging_that_fails_its_test_never_reaches_production(shops):
    deliver(blind=0.6)
    path = shops / "environments/staging.yml"
    path.write_text(path.read_text().replace("p95_ms: 1000", "p95_ms: 0.0001"))
    facts, _, error = deliver(blind=0.0)
    assert isinstance(error, JobFailed)
    assert "p95_ms" in error.message
    assert facts["reason"]
    assert facts["error"] == error.message
    assert (serves(), serves("staging"), aliases()["production"], aliases()["staging"]) == (1, 1, 1, 1)


@pytest.mark.e2e
def test_a_file_changed_after_registration_is_not_served(shops):
    """R7: tampering is found before load, promote and deploy."""
    deliver(blind=0.6)
    deliver(blind=0.0)
    workspace = open_workspace(None)
    first = workspace.registry.resolve("shops", "1")
    path = workspace.registry.fetch(first) / "model.skops"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(JobFailed, match=r"v1 was tampered with after registration: model.skops was changed"):
        rollback(open_workspace(None), "production", "")
    assert serves() == 2


@pytest.mark.e2e
def test_after_a_stop_the_champion_serves_again_whoever_wins(shops):
    deliver(blind=0.3)
    endpoint.stop(open_workspace(None).endpoint("production"))
    assert serves() is None
    again = deliver(blind=0.3)[0]
    assert again["version"] == serves() == 1
    assert again["production"]["previous"] is None
    endpoint.stop(open_workspace(None).endpoint("production"))
    facts, _, error = deliver(blind=0.9)
    assert (error, facts["outcome"], serves()) == (None, "keep", 1)


def test_two_deliveries_at_once_are_not_mixed(shops):
    """E5: one goes on, the other is told who is at it."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(deliver()[2])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [error for error in results if error]
    assert len(errors) == 1
    assert isinstance(errors[0], PlatformError)
    assert "being delivered already (pid" in errors[0].message
    assert serves() == 1


@pytest.mark.e2e
def test_promoting_against_a_champion_that_changed_is_refused(shops):
    """R5: an approval is bound to the champion that it was made against."""
    from mlops.delivery.moves import put

    deliver(blind=0.6)
    deliver("registry", blind=0.3)
    deliver(blind=0.0)
    workspace = open_workspace(None)
    second = workspace.registry.resolve("shops", "2")
    with pytest.raises(JobFailed, match="production was v1 when this was decided, and is v3 now"):
        put(workspace, "production", second, reason="late", expected={"version": 1})
    assert serves() == 3
