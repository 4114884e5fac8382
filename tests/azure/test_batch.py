"""Batches on Azure ML: the scoring pipeline is deployed with each version in it, moved by its default, and asked for jobs that really run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from tests.azure.deploying import COLUMNS, MODEL, environment
from tests.azure.hurry import hurry
from tests.azure.loopback import Fault, Loopback, description
from tests.azure.scoring_rows import batch, go, lay, process

from mlops import cli
from mlops.azure.batch import Batch
from mlops.azure.online import Online
from mlops.azure.serving import OnlineAndBatch
from mlops.delivery.batch import lineage_of
from mlops.errors import Overtaken, PlatformError, UsageError
from mlops.settings import BatchSettings

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@dataclass
class Shop:
    """The batch side of production on the loopback, and how it looks from outside."""

    azure: Loopback
    root: Path

    def settings(self, **other):
        return replace(environment(self.azure.place()), batch=BatchSettings("src/pipelines/batch.yml", **other))

    def batch(self, **other) -> Batch:
        return batch(self.root, self.settings(**other))

    @property
    def endpoint(self):
        return next(iter(self.azure.service.batch.found.values()))

    @property
    def deployments(self):
        return {name: one.state for name, one in self.endpoint.deployments.items()}


@pytest.fixture
def shop(azure, monkeypatch, tmp_path, versions):
    from mlops.azure import connection

    hurry(monkeypatch.setattr)
    monkeypatch.setattr(connection, "RETRIES", 2)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in azure.variables(azure.ci).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLOPS_HOME", raising=False)
    lay(tmp_path, versions[0], azure.place())
    monkeypatch.chdir(tmp_path)
    return Shop(azure, tmp_path)


def test_a_version_s_deployment_holds_the_pipeline_with_that_version_in_it_and_becomes_the_default(shop, versions):
    one, two = versions[:2]
    place = shop.batch()
    told = go(place, one)
    assert (told["version"], told["deployment"], told["previous"]) == (1, one.name, None)
    assert go(place, two)["previous"] == 1
    assert shop.azure.service.batch.history == [None, one.name, two.name]
    assert shop.deployments == {one.name: "Succeeded", two.name: "Succeeded"}
    body = shop.endpoint.deployments[two.name].body
    _, version = body["tags"]["component"].split(" on ")[0].split(":")
    spec = shop.azure.workspace.held("components", "shops_batch", version)["properties"]["componentSpec"]
    assert set(spec["inputs"]) == {"rows", "scale"}
    assert spec["jobs"]["score"]["inputs"]["lineage"]["value"] == lineage_of(two.version)
    assert spec["jobs"]["score"]["inputs"]["model"]["uri"].endswith(f"/models/shops/versions/{two.version.digest[7:23]}")


def test_a_rollback_is_one_update_and_the_one_before_is_deleted_only_when_another_came(shop, versions):
    two, three = versions[1:]
    place = shop.batch()
    for made in versions:
        go(place, made)
    assert set(shop.deployments) == {two.name, three.name}
    (shop.root / "src/pipelines/batch.yml").write_text("a pipeline that was broken since")
    shop.azure.calls.clear()
    assert go(place, two)["version"] == 2
    changes = [call for call in shop.azure.calls if call.method in {"PUT", "DELETE", "POST"}]
    assert [call.body["properties"]["defaults"] for call in changes] == [{"deploymentName": two.name}]
    assert set(shop.deployments) == {two.name, three.name}
    assert shop.batch().look()["previous"] == 3


def test_a_pipeline_that_changed_comes_with_the_next_promotion_of_the_same_version(shop, versions):
    go(shop.batch(), versions[0])
    before = shop.endpoint.deployments[versions[0].name].body["tags"]["component"]
    shop.azure.calls.clear()
    go(shop.batch(), versions[0])
    assert not [call for call in shop.azure.calls if call.method == "PUT"], "nothing is made twice"
    component = shop.root / "src/pipelines/components/score.yml"
    component.write_text(component.read_text().replace("score.py --rows", "score.py  --rows"))
    go(shop.batch(), versions[0])
    after = shop.endpoint.deployments[versions[0].name].body["tags"]["component"]
    assert before != after
    assert shop.endpoint.deployments.keys() == {versions[0].name}


def test_the_example_s_own_pipeline_is_deployed_as_it_is(shop, versions):
    root = Path(__file__).parents[2]
    settings = replace(shop.settings(), batch=BatchSettings())
    go(Batch(root, replace(MODEL, pipeline="src/pipelines/train.yml"), settings, shop.batch().connected), versions[0])
    named = shop.endpoint.deployments[versions[0].name].body["properties"]["deploymentConfiguration"]["componentId"]["assetId"]
    spec = shop.azure.workspace.held("components", "shops_batch", named.rpartition("/")[2])["properties"]["componentSpec"]
    files = {name for name, port in spec["inputs"].items() if port["type"].startswith("uri_")}
    assert (files, set(spec["jobs"])) == ({"data", "contract"}, {"import", "features", "score"})
    assert spec["inputs"]["months"]["default"] == "2013-12"


def test_every_body_is_held_against_microsoft_s_description(shop, versions):
    for made in versions[:2]:
        go(shop.batch(), made)
    sent = [call for call in shop.azure.calls if call.method == "PUT" and "/batchEndpoints/" in call.path]
    assert len(sent) == 5
    below = [call.path.partition(f"/workspaces/{shop.azure.workspace.name}")[2] for call in sent]
    assert all(description.judged(call.query["api-version"], "PUT", path) for call, path in zip(sent, below, strict=True))


def test_of_two_at_once_the_one_whose_decision_is_not_true_any_more_changes_nothing(shop, versions):
    one, two, three = versions
    slow, quick = shop.batch(), shop.batch()
    go(slow, one)
    slow.deploy(two.version, two.folder, {"version": "2"})
    go(quick, three)
    with pytest.raises(Overtaken, match="somebody else moved the batch endpoint"):
        slow.shift(two.version)
    assert shop.endpoint.default == three.name


@pytest.mark.parametrize("what", ["batch", "deployment"])
def test_what_could_not_be_created_is_created_by_the_next_run(shop, versions, what):
    shop.azure.endpoints.late[versions[0].name if what == "deployment" else "batch"] = "The storage could not be prepared."
    with pytest.raises((UsageError, PlatformError), match="storage could not be prepared"):
        go(shop.batch(), versions[0])
    assert go(shop.batch(), versions[0])["version"] == 1
    assert shop.deployments == {versions[0].name: "Succeeded"}


def test_a_version_that_did_not_pass_leaves_what_was_before_and_nothing_where_nothing_was(shop, versions):
    one, two = versions[:2]
    go(shop.batch(), one)
    place = shop.batch()
    place.deploy(two.version, two.folder, {"version": "2"})
    place.back(two.version)
    assert (shop.endpoint.default, set(shop.deployments)) == (one.name, {one.name})
    place.deploy(two.version, two.folder, {"version": "2"})
    place.shift(two.version)
    place.back(two.version)
    assert (shop.endpoint.default, set(shop.deployments)) == (one.name, {one.name})
    place.back(one.version)
    assert not shop.azure.service.batch.found


@pytest.mark.parametrize(
    ("other", "says"),
    [({"endpoint": "ab"}, "has 2 characters"), ({"endpoint": "taken-one"}, "already exists"), ({"compute": "gpu"}, "Compute target gpu")],
)
def test_what_cannot_be_had_is_told(shop, versions, other, says):
    shop.azure.endpoints.taken.add("taken-one")
    with pytest.raises(UsageError, match=says):
        go(shop.batch(**other), versions[0])
    assert not [one.default for one in shop.azure.service.batch.found.values() if one.default]


def test_where_batches_cannot_be_deployed_nothing_is_left_of_the_online_deployment_either(shop, versions):
    one, two = versions[:2]
    settings = shop.settings()
    good = OnlineAndBatch(Online(shop.root, "shops", MODEL, settings), shop.batch())
    good.deploy(one.version, one.folder)
    good.shift(one.version, one.smoke, at_once=True)
    bad = OnlineAndBatch(Online(shop.root, "shops", MODEL, settings), shop.batch(compute="gpu"))
    with pytest.raises(UsageError, match="Compute target gpu"):
        bad.deploy(two.version, two.folder)
    online = next(iter(shop.azure.endpoints.found.values()))
    assert (set(online.deployments), online.share("traffic")) == ({one.name}, {one.name: 100})
    served = bad.look()
    assert (served.version, served.batch["version"], served.note) == (1, 1, None)
    good.batch.shift(one.version)
    shop.endpoint.body["properties"]["defaults"] = {}
    assert "batches are scored by nothing: a move was cut short. mlops promote 1" in good.look().note
    assert (good.stop(), shop.azure.service.batch.found, online.deployments) == (True, {}, {})


POINTS = {
    "endpoint": lambda call: call.method == "PUT" and call.path.rpartition("/")[0].endswith("batchEndpoints") and call.status == 201,
    "component": lambda call: call.method == "PUT" and "/components/shops_batch/" in call.path,
    "deployment": lambda call: call.method == "PUT" and "/deployments/" in call.path,
    "default": lambda call: call.method == "PUT" and bool((call.body or {}).get("properties", {}).get("defaults")),
    "delete": lambda call: call.method == "DELETE" and "/deployments/" in call.path,
}


@pytest.mark.parametrize(("point", "again"), [*((point, "same") for point in POINTS), ("deployment", "another"), ("default", "another")])
def test_killed_anywhere_the_next_run_goes_on_and_nothing_is_left_over(shop, versions, point, again):
    one, two, three = versions
    before = {"endpoint": [], "delete": [one, two]}.get(point, [one])
    for made in before:
        go(shop.batch(), made)
    target, other = (three, two) if point == "delete" else (two, three)
    reached = threading.Event()

    def watch(call):
        if POINTS[point](call) and not reached.is_set():
            reached.set()
            os.kill(child.pid, signal.SIGKILL)

    child = process(shop.azure.variables(shop.azure.ci), shop.settings(), shop.root, target)
    shop.azure.service.after = watch
    child.join()
    shop.azure.service.after = None
    assert reached.is_set()
    assert child.exitcode == -signal.SIGKILL
    if before:
        assert shop.endpoint.default in shop.deployments
    last = target if again == "same" else other
    assert go(shop.batch(), last)["version"] == last.version.version
    kept = {last.name, shop.endpoint.body["tags"].get("slipway-before", "")}
    assert set(shop.deployments) == kept - {""}
    assert set(shop.deployments.values()) == {"Succeeded"}


def mlops(capsys, *words):
    """Run a verb; return its exit code, and what it wrote to standard output and error."""
    capsys.readouterr()
    code = cli.main(list(words))
    return code, *capsys.readouterr()


def scored(capsys, *words):
    """Score rows in production, which must go well; return the run's record and the rows."""
    code, out, errors = mlops(capsys, "score", "production", "--json", *words)
    assert code == 0, errors + out
    record = json.loads(out)
    return record, pd.read_csv(record["outputs"]["scores"]["path"])


def test_rows_are_scored_by_a_job_of_the_endpoint_and_each_says_which_version_scored_it(shop, versions, capsys):
    for made in versions[:2]:
        go(shop.batch(), made)
    record, rows = scored(capsys, "--set", "inputs.scale=0.5")
    said = expected(versions[1], rows)
    assert np.allclose(rows["score"], said / 2)
    assert set(rows["lineage"]) == {lineage_of(versions[1].version)}
    assert record["steps"]["score"]["summary"] == "20 rows scored"
    assert (record["state"], record["job"]["deployment"]) == ("completed", versions[1].name)
    assert shop.azure.service.batch.asked == [(versions[1].name, record["job"]["name"])]


def expected(made, rows):
    """What a version says to rows, on this machine."""
    return skops.io.load(made.folder / "model.skops").predict_proba(rows[COLUMNS].to_numpy())[:, 1]


def test_an_answer_that_was_lost_makes_no_second_job(shop, versions, capsys):
    go(shop.batch(), versions[0])
    shop.azure.faults.add(Fault("POST /jobs", drop=True, after=True))
    code, _, errors = mlops(capsys, "score", "production")
    assert (code, len(shop.azure.service.batch.asked)) == (3, 1)
    assert "the same command" in " ".join(errors.lower().split())
    code, out, errors = mlops(capsys, "resume", "latest", "--json")
    assert code == 0, errors
    record = json.loads(out)
    rows = pd.read_csv(record["outputs"]["scores"]["path"])
    assert shop.azure.service.batch.asked == [(versions[0].name, record["job"]["name"])]
    assert np.allclose(rows["score"], expected(versions[0], rows))


def test_killed_while_it_scores_the_same_command_follows_the_same_job(shop, versions, capsys):
    go(shop.batch(), versions[0])
    variables = {**os.environ, **shop.azure.variables(shop.azure.ci)}
    words = [sys.executable, "-m", "mlops.cli", "score", "production", "--json"]
    child = subprocess.Popen(words, env=variables, cwd=shop.root, stdout=subprocess.DEVNULL)

    def watch(call):
        if "/history/" in call.path and child.poll() is None:
            child.kill()

    shop.azure.service.after = watch
    child.wait()
    shop.azure.service.after = None
    assert child.returncode == -signal.SIGKILL
    record, rows = scored(capsys)
    assert (record["run"], len(rows)) == (1, 20)
    assert [name for _, name in shop.azure.service.batch.asked] == [record["job"]["name"]]


def test_what_the_version_decides_and_what_nobody_deployed_is_refused_before_anything_is_sent(shop, versions, capsys):
    code, _, errors = mlops(capsys, "score", "production")
    assert (code, "no batch endpoint scores with shops in production" in errors) == (2, True)
    go(shop.batch(), versions[0])
    code, _, errors = mlops(capsys, "score", "production", "--set", "inputs.model=elsewhere")
    assert (code, "inputs.model: that is the version in production" in errors) == (2, True)
    code, _, errors = mlops(capsys, "score", "production", "--set", "inputs.scale=much")
    assert (code, "'much' is not a number" in errors) == (2, True)
    assert shop.azure.service.batch.asked == []
