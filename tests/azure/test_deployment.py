"""An environment on Azure ML: blue/green with a mirror, a shift by stages, bounds that put it back, and a process that is killed anywhere."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import dataclass, replace

import pytest
from tests.azure.deploying import MODEL, Caller, Made, environment, go, process, shifting
from tests.azure.hurry import hurry
from tests.azure.loopback import Fault, Loopback

from mlops.azure.online import Online
from mlops.azure.scoring import SCOPE
from mlops.delivery.stations import check_passed
from mlops.errors import JobFailed, Overtaken, PlatformError, UsageError
from mlops.settings import ScaleSettings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@dataclass
class Shop:
    """Production on the loopback, and how it looks from outside."""

    azure: Loopback
    root: object

    def online(self, settings=None):
        return Online(self.root, "shops", MODEL, settings or self.settings())

    def settings(self, **online):
        return environment(self.azure.place(), **online)

    @property
    def endpoint(self):
        return next(iter(self.azure.endpoints.found.values()))

    @property
    def traffic(self):
        return self.endpoint.share("traffic")

    @property
    def deployments(self):
        return {name: one.state for name, one in self.endpoint.deployments.items()}

    def answered(self, made: Made, *, mirrored=False):
        return [one for one in self.endpoint.deployments[made.name].answered if one.mirrored == mirrored and not one.direct]

    def states(self):
        """Every state of traffic and mirror that there was."""
        return [(traffic, mirror) for _, traffic, mirror in self.azure.endpoints.history]


@pytest.fixture
def shop(azure, monkeypatch, tmp_path):
    from mlops.azure import connection

    hurry(monkeypatch.setattr)
    monkeypatch.setattr(connection, "RETRIES", 2)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in azure.variables(azure.ci).items():
        monkeypatch.setenv(name, value)
    return Shop(azure, tmp_path)


def test_a_first_version_serves_and_a_second_comes_by_mirror_and_stages_while_nobody_is_turned_away(shop, versions):
    one, two = versions[:2]
    place = shop.online()
    trial = go(place, one)
    assert trial["smoke"]["equal"] == 10
    assert shop.traffic == {one.name: 100}

    token = place.connection.credential.get_token(SCOPE).token
    with Caller(place.look().address, token) as caller:
        told = go(place, two)
    assert [stage["percent"] for stage in told["shift"]] == [0, 10, 50, 100]
    old, new = one.name, two.name
    assert shop.states()[2:] == [
        ({old: 100}, {new: 10}),
        ({old: 90, new: 10}, {}),
        ({old: 50, new: 50}, {}),
        ({new: 100}, {}),
        ({new: 100}, {}),
    ]
    assert set(caller.statuses) == {200}
    assert shop.deployments == {old: "Succeeded", new: "Succeeded"}, "the old one is kept for a rollback"
    served = place.look()
    assert (served.version, served.health, served.previous["version"]) == (2, "ready", 1)
    assert shop.endpoint.deployments[new].body["tags"] == {
        "project": "shops",
        "environment": "production",
        "cost-owner": "shops",
        "model": "shops",
        "version": "2",
        "digest": two.version.digest,
        "run": "2",
        "commit": "c0ffee",
        "data": "flights:3",
    }


def test_a_rollback_is_one_update_of_the_traffic_and_the_one_before_is_deleted_only_then(shop, versions):
    one, two, three = versions
    place = shop.online()
    go(place, one)
    go(place, two)
    go(place, three)
    assert shop.deployments == {two.name: "Succeeded", three.name: "Succeeded"}
    shop.azure.calls.clear()
    go(place, two, at_once=True)
    changes = [call for call in shop.azure.calls if call.method in {"PUT", "DELETE", "PATCH"}]
    assert [call.body["properties"]["traffic"] for call in changes] == [{two.name: 100}]
    assert place.look().version == 2


def test_an_answer_that_the_sdk_does_not_understand_is_told_and_the_next_run_finds_out(shop, versions, monkeypatch):
    one, two, three = versions
    place, deletes = shop.online(), shop.azure.endpoints.delete_deployment
    go(place, one)
    go(place, two)

    def with_a_date(name, deployment):
        status, answer = deletes(name, deployment)
        return status, {"_headers": answer["_headers"] | {"Retry-After": "Wed, 30 Nov 2033 07:28:00 GMT"}}

    with monkeypatch.context() as patch:
        patch.setattr(shop.azure.endpoints, "delete_deployment", with_a_date)
        with pytest.raises(PlatformError, match=r"azure-ai-ml does not understand Azure's answer.*\n.*may be run again"):
            go(place, three)
    assert shop.traffic == {three.name: 100}
    go(place, three)
    assert shop.deployments == {two.name: "Succeeded", three.name: "Succeeded"}


def test_callers_are_split_and_mirrored_as_the_endpoint_says(shop, versions):
    one, two = versions[:2]
    place = shop.online()
    go(place, one)
    place.deploy(two.version, two.folder)
    steps = place._steps(place._endpoint, two.name)
    token = place.connection.credential.get_token(SCOPE).token
    for percent, mirrored in ((0, True), (10, False)):
        assert next(steps) == percent
        before = len(shop.answered(one))
        with Caller(place.look().address, token) as caller:
            while len(caller.statuses) < 100:
                time.sleep(0.01)
        share = len(shop.answered(two, mirrored=mirrored)) / len(caller.statuses)
        assert 0.05 < share < 0.15
        assert len(shop.answered(one)) - before == len(caller.statuses) - (0 if mirrored else len(shop.answered(two)))


@pytest.mark.parametrize("how", ["errors", "slow"])
def test_a_broken_bound_puts_the_traffic_back_by_itself_and_is_red(shop, versions, how):
    one, two = versions[:2]
    go(shop.online(), one)
    place = shop.online(shifting(shop.settings(), seconds=0.2, p95_ms=60.0 if how == "slow" else None))
    shop.azure.endpoints.broken |= {two.name: 500} if how == "errors" else {}
    shop.azure.endpoints.slow |= {two.name: 0.1} if how == "slow" else {}
    token = place.connection.credential.get_token(SCOPE).token
    with (
        Caller(place.look().address, token),
        pytest.raises(JobFailed, match=r"at (mirrored|10 %|50 %): " + {"errors": "error_rate", "slow": "p95_ms"}[how]),
    ):
        go(place, two)
    assert shop.traffic == {one.name: 100}
    assert shop.endpoint.share("mirrorTraffic") == {}
    assert shop.deployments == {one.name: "Succeeded"}
    assert place.look().version == 1


def test_an_unhealthy_container_leaves_the_traffic_untouched_and_its_log_is_told(shop, versions, tmp_path):
    one, two = versions[:2]
    place = shop.online()
    go(place, one)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "MLmodel").write_text("flavors: {python_function: {loader_module: nowhere.at_all}}\n")
    with pytest.raises(JobFailed, match="did not become healthy") as failed:
        place.deploy(replace(two.version, digest="sha256:bad0bad0bad0bad0"), bad)
    assert "nowhere" in failed.value.hint
    assert shop.states()[-1] == ({one.name: 100}, {})
    assert shop.deployments == {one.name: "Succeeded"}, "what failed is deleted"


def test_a_version_that_answers_otherwise_than_offline_gets_no_traffic(shop, versions, tmp_path):
    one, two = versions[:2]
    offline, other = json.loads(two.smoke.read_text()), tmp_path / "smoke.json"
    other.write_text(json.dumps(offline | {"expected": [1 - value for value in offline["expected"]]}))
    place = shop.online()
    go(place, one)
    place.deploy(two.version, two.folder)
    trial = place.trial(two.version, other)
    with pytest.raises(JobFailed, match="smoke"):
        check_passed("production", trial)
    place.back(two.version, one.version)
    assert shop.deployments == {one.name: "Succeeded"}
    assert {new for traffic, mirror in shop.states() for new in (*traffic, *mirror)} == {one.name}


def test_no_quota_and_no_such_size_are_told_before_anything_is_created(shop, versions, monkeypatch):
    for name, value in shop.azure.variables(shop.azure.planner).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="no machines 'Standard_DS33_v2'") as failed:
        shop.online(shop.settings(instance_type="Standard_DS33_v2")).deploy(versions[0].version, versions[0].folder)
    assert "Standard_DS3_v2" in failed.value.hint
    shop.azure.endpoints.limits["standardDSv2Family"] = 7
    with pytest.raises(PlatformError, match="reserves 8 cores, and 7 of 7 are left"):
        shop.online().deploy(versions[0].version, versions[0].folder)
    assert not shop.azure.endpoints.found
    assert not [call for call in shop.azure.calls if call.method == "PUT"]


def test_where_there_is_no_room_for_three_the_one_kept_for_a_rollback_goes_first(shop, versions, monkeypatch):
    for name, value in shop.azure.variables(shop.azure.planner).items():
        monkeypatch.setenv(name, value)
    shop.azure.endpoints.limits["standardDSv2Family"] = 16
    place = shop.online()
    for made in versions:
        go(place, made)
    assert shop.deployments == {versions[1].name: "Succeeded", versions[2].name: "Succeeded"}


def test_a_quota_that_only_the_service_knows_of_is_told_and_leaves_nothing(shop, versions):
    place = shop.online()
    go(place, versions[0])
    shop.azure.endpoints.limits["standardDSv2Family"] = 8
    with pytest.raises(PlatformError, match="Not enough quota"):
        place.deploy(versions[1].version, versions[1].folder)
    assert shop.deployments == {versions[0].name: "Succeeded"}


@pytest.mark.parametrize(("name", "says"), [("ab", "has 2 characters"), ("taken-one", "is taken")])
def test_an_endpoint_s_name_that_cannot_be_had_is_refused(shop, versions, name, says):
    shop.azure.endpoints.taken.add("taken-one")
    with pytest.raises(UsageError, match=says):
        shop.online(shop.settings(endpoint=name)).deploy(versions[0].version, versions[0].folder)
    assert not shop.azure.endpoints.found


def test_an_endpoint_whose_creation_failed_half_way_is_created_by_the_next_run(shop, versions):
    shop.azure.endpoints.late["*"] = "The storage of the endpoint could not be prepared."
    place = shop.online()
    with pytest.raises((UsageError, PlatformError), match="could not be prepared"):
        go(place, versions[0])
    go(shop.online(), versions[0])
    assert (shop.endpoint.state, shop.traffic) == ("Succeeded", {versions[0].name: 100})


def test_of_two_at_once_the_one_whose_decision_is_not_true_any_more_changes_nothing(shop, versions):
    one, two, three = versions
    slow, quick = shop.online(), shop.online()
    go(slow, one)
    slow.deploy(two.version, two.folder)
    go(quick, three)
    with pytest.raises(Overtaken, match="somebody else moved"):
        slow.shift(two.version, two.smoke, at_once=False)
    assert shop.traffic == {three.name: 100}


def test_autoscale_rules_come_and_go_with_their_deployment(shop, versions):
    place = shop.online(shop.settings(scale=ScaleSettings(2, 5)))
    for made in versions:
        go(place, made)
    names = {f"{shop.endpoint.name}-{made.name}" for made in versions[1:]}
    assert set(shop.azure.endpoints.scales) == names
    profile = shop.azure.endpoints.scales[max(names)]["properties"]["profiles"][0]
    assert profile["capacity"] == {"minimum": "2", "maximum": "5", "default": "2"}


SCRIPT = """
import json, os
import mlflow.sklearn, pandas as pd

def init():
    global model
    model = mlflow.sklearn.load_model(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model"))

def run(raw):
    asked = json.loads(raw)["input_data"]
    return {"probabilities": model.predict_proba(pd.DataFrame(asked["data"], columns=asked["columns"]))[:, 1].tolist()}
"""


def test_a_scoring_script_of_one_s_own_answers_probabilities(shop, versions):
    (shop.root / "scoring").mkdir()
    (shop.root / "scoring/score.py").write_text(SCRIPT)
    (shop.root / "image.yml").write_text("name: scoring\nversion: '1'\nimage: python:3.11\n")
    trial = go(shop.online(shop.settings(scoring="scoring/score.py", environment="image.yml")), versions[0])
    assert trial["smoke"]["equal"] == 10
    deployment = shop.endpoint.deployments[versions[0].name]
    assert deployment.body["properties"]["codeConfiguration"]["scoringScript"] == "score.py"
    assert 0 <= trial["smoke"]["worst_difference"] < 1e-9


KEEPING = """
from azureml.ai.monitoring import Collector

def init():
    global inputs, outputs
    inputs, outputs = Collector(name="model_inputs"), Collector(name="model_outputs")
"""


def kept(shop, made, collection):
    """The lines that the data collector has written of a deployment, from the workspace's blob store."""
    container = shop.azure.workspace.blobs.get_container_client("azureml-blobstore")
    place = f"modelDataCollector/{shop.endpoint.name}/{made.name}/{collection}/"
    found = [container.download_blob(blob).readall().decode() for blob in container.list_blob_names(name_starts_with=place)]
    return [json.loads(line) for text in found for line in text.splitlines()]


def test_rows_and_answers_are_kept_where_they_are_asked_for_and_nowhere_else(shop, versions):
    one, two = versions[:2]
    go(shop.online(), one)
    go(shop.online(shop.settings(collect=True)), two)
    sent = shop.endpoint.deployments[two.name].body["properties"]["dataCollector"]["collections"]
    assert {name: one["dataCollectionMode"].lower() for name, one in sent.items()} == {
        "model_inputs": "enabled",
        "model_outputs": "enabled",
    }
    asked, answered = (kept(shop, two, name) for name in ("model_inputs", "model_outputs"))
    assert len(asked) >= 10
    assert [line["correlationid"] for line in asked] == [line["correlationid"] for line in answered]
    held = json.loads(two.smoke.read_text())
    assert list(asked[0]["data"][0]) == held["columns"]
    assert list(asked[0]["data"][0].values()) in held["data"]
    assert answered[0]["data"][0]["output"] in {0, 1}
    assert kept(shop, one, "model_inputs") == []


def test_a_scoring_script_that_keeps_nothing_is_refused_where_rows_are_to_be_kept(shop, versions):
    (shop.root / "scoring").mkdir()
    script, own = shop.root / "scoring/score.py", {"scoring": "scoring/score.py", "environment": "image.yml", "collect": True}
    (shop.root / "image.yml").write_text("name: scoring\nversion: '1'\nimage: python:3.11\n")
    script.write_text(SCRIPT)
    with pytest.raises(UsageError, match="keeps nothing as model_inputs and model_outputs") as failed:
        shop.online(shop.settings(**own)).deploy(versions[0].version, versions[0].folder)
    assert "azureml-ai-monitoring" in failed.value.hint
    assert not shop.endpoint.deployments
    (shop.root / "scoring/keeping.py").write_text(KEEPING)
    shop.online(shop.settings(**own)).deploy(versions[0].version, versions[0].folder)
    assert "dataCollector" in shop.endpoint.deployments[versions[0].name].body["properties"]


def on_kubernetes(shop, **online):
    return shop.settings(compute="k8s", auth="aml_token", **{"instance_type": "", **online})


@pytest.fixture
def cluster(shop, monkeypatch):
    """The same shop, signed in as a CI identity that may also take tokens of an endpoint: on Kubernetes callers cannot sign in with Entra."""
    for name, value in shop.azure.variables(shop.azure.kubernetes).items():
        monkeypatch.setenv(name, value)
    return shop


def test_on_kubernetes_versions_come_by_stages_without_a_mirror_and_no_quota_is_asked(cluster, versions):
    one, two = versions[:2]
    go(cluster.online(on_kubernetes(cluster)), one)
    place = cluster.online(on_kubernetes(cluster, instance_type="small", scale=ScaleSettings(1, 4), collect=True))
    with Caller(place.look().address, cluster.endpoint.keys["primaryKey"]) as caller:
        told = go(place, two)
    assert [stage["percent"] for stage in told["shift"]] == [10, 50, 100]
    assert set(caller.statuses) == {200}
    assert cluster.traffic == {two.name: 100}
    assert cluster.endpoint.body["properties"]["compute"] == f"{cluster.azure.workspace.id}/computes/k8s"
    usual, own = (cluster.endpoint.deployments[made.name].body["properties"] for made in (one, two))
    assert (usual["endpointComputeType"], usual.get("instanceType"), own["instanceType"]) == ("Kubernetes", None, "small")
    assert (own["scaleSettings"]["scaleType"], own["scaleSettings"]["maxInstances"]) == ("TargetUtilization", 4)
    assert own["scaleSettings"]["targetUtilizationPercentage"] == 70
    assert len(kept(cluster, two, "model_inputs")) >= 10
    assert not cluster.azure.endpoints.scales, "Azure Monitor scales the service's own machines alone"
    assert not [call for call in cluster.azure.calls if "/locations/" in call.path and "/mfeOperationsStatus/" not in call.path]
    assert go(cluster.online(on_kubernetes(cluster)), one, at_once=True)["shift"] == []
    assert cluster.traffic == {one.name: 100}


def test_on_kubernetes_the_role_of_ci_is_not_enough_to_ask_an_endpoint_and_that_is_told(shop, versions):
    place = shop.online(on_kubernetes(shop))
    place.deploy(versions[0].version, versions[0].folder)
    with pytest.raises(PlatformError, match=r"not allowed: .*onlineEndpoints/token/action"):
        place.trial(versions[0].version, versions[0].smoke)
    assert shop.traffic == {}


def test_an_instance_type_that_the_cluster_has_not_is_told(cluster, versions):
    with pytest.raises(UsageError, match="instance type Standard_DS3_v2 is not found in the Kubernetes cluster"):
        cluster.online(on_kubernetes(cluster, instance_type="Standard_DS3_v2")).deploy(versions[0].version, versions[0].folder)
    assert not cluster.endpoint.deployments or cluster.traffic == {}


def test_an_endpoint_with_a_key_gets_a_new_one_and_one_without_says_why_not(shop, versions, monkeypatch):
    place = shop.online()
    go(place, versions[0])
    with pytest.raises(UsageError, match="has no key"):
        place.rotate_key()
    for name, value in shop.azure.variables(shop.azure.builtin).items():
        monkeypatch.setenv(name, value)
    keyed = shop.online(shop.settings(auth="key", endpoint="keyed-shops"))
    go(keyed, versions[0], at_once=True)  # a data scientist may read keys, and no metrics
    keys = shop.azure.endpoints.found["keyed-shops"].keys
    before = dict(keys)
    assert "secondary key is new" in keyed.rotate_key()
    assert keys["primaryKey"] == before["primaryKey"]
    assert keys["secondaryKey"] != before["secondaryKey"]


def test_a_shift_that_cannot_be_watched_is_put_back(shop, versions, monkeypatch):
    go(shop.online(), versions[0])
    for name, value in shop.azure.variables(shop.azure.builtin).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PlatformError, match="cannot read the metrics"):
        go(shop.online(), versions[1])
    assert shop.traffic == {versions[0].name: 100}
    assert shop.deployments == {versions[0].name: "Succeeded"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_storm_during_a_deployment_is_waited_for_and_one_without_end_leaves_the_traffic_whole(shop, versions, status):
    one, two = versions[:2]
    for asked in ("PUT .*/deployments/", "GET .*/metrics", "PUT .*/onlineEndpoints/[^/]+$", "GET .*/onlineEndpoints/[^/]+$"):
        shop.azure.faults.add(Fault(asked, status=status, times=2))
    go(shop.online(), one)
    assert shop.traffic == {one.name: 100}
    place = shop.online()
    place.deploy(two.version, two.folder)
    shop.azure.faults.add(Fault("PUT .*/onlineEndpoints/[^/]+$", status=status, times=1000))
    with pytest.raises(PlatformError, match=rf"too busy \(HTTP {status}\)"):
        place.shift(two.version, two.smoke, at_once=False)
    assert (shop.traffic, shop.endpoint.share("mirrorTraffic")) == ({one.name: 100}, {})
    shop.azure.faults.clear()
    go(shop.online(), two)
    assert shop.traffic == {two.name: 100}


POINTS = {
    "create": lambda call: call.method == "PUT" and "/deployments/v2" in call.path,
    "smoke": lambda call: call.method == "GET" and call.path.endswith("/deployments") and call.status == 200,
    "mirror": lambda call: call.method == "PUT" and bool((call.body or {}).get("properties", {}).get("mirrorTraffic")),
    "shift": lambda call: call.method == "PUT" and 10 in ((call.body or {}).get("properties", {}).get("traffic") or {}).values(),
    "verify": lambda call: "Insights/metrics" in call.path and "v2" in call.query["$filter"],
    "last": lambda call: call.method == "PUT" and list(((call.body or {}).get("properties", {}).get("traffic") or {}).values()) == [100],
    "delete": lambda call: call.method == "DELETE" and "/deployments/v1" in call.path,
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("again", ["same", "another"])
def test_killed_anywhere_the_traffic_is_whole_and_the_next_run_goes_on(shop, versions, point, again):
    one, two, three = versions
    place, target = shop.online(), two
    go(place, one)
    if point == "delete":  # there must be one before the one before
        go(place, two)
        target = three
    reached = threading.Event()

    def watch(call):
        if POINTS[point](call) and not reached.is_set():
            reached.set()
            os.kill(child.pid, signal.SIGKILL)

    child = process(shop.azure.variables(shop.azure.ci), shop.settings(), shop.root, target)
    shop.azure.service.after = watch
    child.join()
    assert reached.is_set()
    assert child.exitcode == -signal.SIGKILL
    shop.azure.service.after = None
    whole(shop)
    last = target if again == "same" else (one if point == "delete" else three)
    go(shop.online(), last)
    whole(shop)
    assert shop.traffic == {last.name: 100}
    assert shop.online().look().version == last.version.version
    kept = {last.name, shop.endpoint.body["tags"]["slipway-before"]}
    assert set(shop.deployments) == kept - {""}, "nothing is orphaned"


def whole(shop):
    """Check that at each moment all traffic went to deployments that exist and are healthy, and summed up to nothing or all."""
    for traffic, mirror in shop.states():
        assert sum(traffic.values()) in {0, 100}
        assert not set(traffic) & set(mirror)
    assert sum(shop.traffic.values()) == 100
    assert all(shop.endpoint.deployments[name].state == "Succeeded" for name in shop.traffic)
