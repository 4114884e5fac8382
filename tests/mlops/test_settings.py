"""Settings files are read into frozen values, and every mistake in them is told with its line."""

import json
from pathlib import Path

import pytest

from mlops.cli import main
from mlops.errors import PlatformError, SpecError, UsageError
from mlops.place import find_root, state_dir
from mlops.settings import (
    MODES,
    FallRule,
    MonitorSettings,
    ServeSettings,
    choose_model,
    gate_rules,
    read_environment,
    read_project,
)

ROOT = Path(__file__).parents[2]
PROJECT = """\
name: flights
description: late or not
models:
  flights:
    package: src/project
    pipeline: train.yml
    contract: flights.odcs.yml
    target: late
    positive: 1
    keys: [date, flight]
    trusted_types: []
"""
GATE = """\
where: local
gate:
  compare: {mode: on, metric: auc}
  slices: {mode: off, columns: [origin], metric: auc, may_fall_by: 0.02}
  limits:
    auc: {mode: dry-run, at_least: 0.6}
    leakage: {mode: on}
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "src/project").mkdir(parents=True)
    (tmp_path / "environments").mkdir()
    for name in ("train.yml", "flights.odcs.yml"):
        (tmp_path / name).touch()
    (tmp_path / "src/project/project.yml").write_text(PROJECT)
    (tmp_path / "environments/staging.yml").write_text(GATE)
    return tmp_path


def edit(root, name, old, new):
    path = root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


AZURE = "where: local\nazure: {tenant: contoso, subscription: 00000000-0000-4000-8000-000000000000, resource_group: a, workspace: b}"


def mistakes(root, old, new, name="environments/staging.yml"):
    edit(root, name, old, new)
    with pytest.raises(SpecError) as caught:
        read_environment(root, "staging") if name.startswith("env") else read_project(root)
    return caught.value.problems


def test_the_files_of_this_repository_are_read():
    for name, model in read_project(ROOT).models.items():
        assert (ROOT / model.contract).is_file(), name
        assert model.target, name
    assert read_environment(ROOT, "local").where == "local"
    assert read_environment(ROOT, "production").serve.port != read_environment(ROOT, "staging").serve.port
    assert read_environment(ROOT, "staging").gate.compare.mode in MODES


def test_bare_on_and_off_are_modes_though_yaml_reads_them_as_booleans(root):
    gate = read_environment(root, "staging").gate
    assert (gate.compare.mode, gate.slices.mode, gate.limits[0].mode) == ("on", "off", "dry-run")


def test_rules_are_the_same_after_a_way_through_json(root):
    staging = read_environment(root, "staging")
    assert gate_rules(json.loads(json.dumps(staging.gate_facts()))) == staging.gate


def test_an_unknown_key_is_told_with_its_line_its_text_and_the_nearest_known_one(root):
    (problem,) = mistakes(root, "may_fall_by: 0.02", "may_fall_by: 0.02, min_row: 5")
    assert (problem.line, problem.text.strip()[:6]) == (4, "slices")
    assert "'min_row'" in problem.message
    assert 'did you mean "min_rows"?' in problem.hint


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("metric: auc}", "metric: acu}", 3, "unknown metric 'acu'"),
        ("mode: dry-run", "mode: dryrun", 6, "one of on, dry-run, off"),
        ("at_least: 0.6", "at_least: high", 6, "must be a number"),
        ("at_least: 0.6", "at_least: .nan", 6, "must be a number"),
        ("at_least: 0.6", "at_most: 0.6", 6, "needs at_least: higher is better"),
        (", may_fall_by: 0.02", "", 4, "`may_fall_by` is missing"),
        ("leakage: {mode: on}", "leakage: {mode: on, at_most: 1}", 7, "has no bound"),
        ("leakage: {mode: on}", "leak: {mode: on}", 7, "unknown key 'leak'"),
        ("where: local", "where: moon", 1, "one of local, azure"),
        ("where: local", AZURE, 2, "no id of a tenant"),
        (
            "where: local",
            AZURE.replace("contoso", "00000000-0000-4000-8000-000000000000").replace("}", ", ci_client: me}"),
            2,
            "no id of an identity",
        ),
        ("columns: [origin]", "columns: origin", 4, "a list of words"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(root, old, new, line, words):
    """R9: a limit on the wrong side, or one that is no number, would let everything through."""
    (problem,) = mistakes(root, old, new)
    assert problem.line == line
    assert words in problem.message


def test_all_mistakes_of_a_file_are_told_at_once(root):
    edit(root, "environments/staging.yml", "mode: dry-run", "mode: maybe")
    assert [p.line for p in mistakes(root, "metric: auc}", "metric: acu}")] == [3, 6]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    target: late\n", "", "`target` is missing"),
        ("train.yml", "tarin.yml", "there is no file 'tarin.yml'"),
        ("positive: 1", "positive: [1]", "a class of the target"),
        ("    trusted_types: []", "    trusted: []", "unknown key 'trusted'"),
    ],
)
def test_a_mistake_in_the_project_file_is_told(root, old, new, words):
    assert words in mistakes(root, old, new, "src/project/project.yml")[0].message


MONITOR = """\
where: local
monitor:
  columns: [wind]
  drift: {mode: dry-run, windows: 3, of_last: 4}
  performance: {metric: brier, of_last: 1}
  endpoint: off
  retrain: dry-run
"""


def test_what_is_watched_is_read_and_what_is_not_named_has_the_usual_value(root):
    (root / "environments/staging.yml").write_text(MONITOR)
    found = read_environment(root, "staging").monitor
    assert (found.columns, found.min_rows, found.endpoint, found.retrain) == (("wind",), 500, "off", "dry-run")
    assert (found.drift.mode, found.drift.at_most, found.drift.windows, found.drift.of_last) == ("dry-run", 0.2, 3, 4)
    assert (found.performance.metric, found.performance.windows) == ("brier", 1)
    (root / "environments/staging.yml").write_text("where: local\n")
    assert read_environment(root, "staging").monitor == MonitorSettings()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("windows: 3", "windows: 5", 4, "a whole number from 1 to 4"),
        ("mode: dry-run", "mode: maybe", 4, "one of on, dry-run, off"),
        ("metric: brier", "metric: acuracy", 5, "unknown metric 'acuracy'"),
        ("endpoint: off", "endpiont: off", 6, "unknown key 'endpiont'"),
        ("columns: [wind]", "columns: wind", 3, "a list of words"),
        ("retrain: dry-run", "retrain: 1", 7, "one of on, dry-run, off"),
    ],
)
def test_a_mistake_in_what_is_watched_is_told_with_its_line(root, old, new, line, words):
    (root / "environments/staging.yml").write_text(MONITOR)
    (problem,) = mistakes(root, old, new)
    assert (problem.line, words in problem.message) == (line, True)


def test_a_monitoring_pipeline_needs_a_window(root):
    edit(root, "src/project/project.yml", "    target: late", "    monitor: train.yml\n    target: late")
    with pytest.raises(SpecError, match="`window` is missing"):
        read_project(root)


def test_with_several_models_one_must_be_named(root):
    edit(root, "src/project/project.yml", "models:\n", "models:\n  delays:\n" + PROJECT.split("  flights:\n")[1])
    project = read_project(root)
    assert choose_model(project, "delays").name == "delays"
    with pytest.raises(UsageError, match="delays, flights"):
        choose_model(project, None)
    with pytest.raises(UsageError, match='did you mean "flights"'):
        choose_model(project, "flight")


def test_an_environment_that_is_not_there_is_a_wrong_request(root):
    with pytest.raises(UsageError, match='did you mean "staging"'):
        read_environment(root, "stagign")


def test_the_root_is_found_from_any_folder_below_it(root):
    assert find_root(root / "src/project") == root


def test_outside_of_a_project_it_says_what_is_missing(tmp_path):
    with pytest.raises(UsageError, match=r"no src/project/project\.yml"):
        find_root(tmp_path)


def test_the_state_folder_can_be_moved(root, monkeypatch):
    monkeypatch.delenv("MLOPS_HOME", raising=False)
    assert state_dir(root) == root / ".mlops"
    monkeypatch.setenv("MLOPS_HOME", str(root / "elsewhere"))
    assert state_dir(root) == root / "elsewhere"
    assert (root / "elsewhere").is_dir()


def test_a_state_folder_that_cannot_be_made_is_no_fault_of_the_user(root, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(root / "train.yml" / "state"))
    with pytest.raises(PlatformError, match="cannot write"):
        state_dir(root)


@pytest.mark.parametrize("name", ["a/b", "a b", "..", "Flights", "my_model", "9lives", "-x"])
def test_a_model_s_name_is_one_that_a_branch_and_a_stage_may_have(root, name):
    edit(root, "src/project/project.yml", "  flights:\n", f"  {name!r}:\n")
    with pytest.raises(SpecError, match="cannot be a model's name"):
        read_project(root)


OWN = """\
gate:
  compare: {mode: on, metric: rmse, without_champion: limits}
  limits:
    r2: {mode: on, at_least: 0.3}
monitor:
  performance: {metric: mae, may_fall_by: 2000}
"""


@pytest.fixture
def houses(root):
    """A second model, of another task, with environments of its own."""
    second = PROJECT.partition("models:\n")[2].replace("flights:", "houses:").replace("    positive: 1\n", "    task: regression\n")
    (root / "src/project/project.yml").write_text(PROJECT + second)
    (root / "environments/houses").mkdir()
    (root / "environments/houses/staging.yml").write_text(OWN)
    return read_project(root).models["houses"]


def test_a_model_is_asked_for_a_class_unless_its_entry_says_otherwise(root, houses):
    assert [(model.task, model.positive) for model in read_project(root).models.values()] == [("binary", 1), ("regression", 1)]


def test_a_model_s_own_sections_take_the_place_of_its_environment_s(root, houses):
    edit(root, "environments/staging.yml", "where: local", "where: local\nserve: {port: 8800}")
    own, other = (read_environment(root, "staging", model) for model in (houses, read_project(root).models["flights"]))
    assert (own.gate.compare.metric, own.gate.compare.without_champion, own.gate.slices) == ("rmse", "limits", None)
    assert (other.gate.compare.metric, other.gate.compare.without_champion) == ("auc", "baseline")
    assert own.serve == other.serve == ServeSettings(8800)
    assert (own.monitor.performance.metric, other.monitor.performance.metric) == ("mae", "auc")


def test_a_metric_of_another_task_is_told_at_its_line_in_the_file_that_asks_for_it(root, houses):
    edit(root, "environments/houses/staging.yml", "metric: rmse", "metric: auc")
    with pytest.raises(SpecError) as caught:
        read_environment(root, "staging", houses)
    (problem,) = caught.value.problems
    assert (Path(problem.file).parts[-2:], problem.line) == (("houses", "staging.yml"), 2)
    assert "auc is no metric of a regression model" in problem.message
    assert problem.hint.startswith("One of rmse, mae, r2, median_absolute_error.")


def test_a_limit_of_another_task_is_told(root, houses):
    edit(
        root,
        "environments/houses/staging.yml",
        "r2: {mode: on, at_least: 0.3}",
        "r2: {mode: on, at_least: 0.3}\n    brier: {mode: on, at_most: 1}",
    )
    with pytest.raises(SpecError, match="brier is no metric of a regression model"):
        read_environment(root, "staging", houses)


def test_what_belongs_to_the_environment_alone_cannot_be_a_model_s_own(root, houses):
    edit(root, "environments/houses/staging.yml", "monitor:", "workers: 3\nmonitor:")
    with pytest.raises(SpecError, match="unknown key 'workers'"):
        read_environment(root, "staging", houses)


def test_a_first_version_cannot_be_let_in_by_limits_that_are_not_there(root, houses):
    edit(root, "environments/houses/staging.yml", "r2: {mode: on,", "r2: {mode: dry-run,")
    with pytest.raises(SpecError, match="no limit on a metric is on"):
        read_environment(root, "staging", houses)


def test_only_a_binary_model_has_a_positive_class(root):
    (problem,) = mistakes(root, "positive: 1", "positive: 1\n    task: multiclass", "src/project/project.yml")
    assert (problem.message, problem.line) == ("a multiclass model has no positive class", 9)


def test_what_is_watched_by_default_has_no_unit(root, houses):
    edit(root, "environments/houses/staging.yml", "metric: mae, may_fall_by: 2000", "windows: 1")
    assert read_environment(root, "staging", houses).monitor.performance == FallRule(metric="r2", windows=1)


def test_every_model_s_own_environments_are_checked(root, houses, capsys, monkeypatch):
    monkeypatch.chdir(root)
    edit(root, "environments/houses/staging.yml", "metric: mae", "metric: auc")
    assert main(["check", "src/project/project.yml", "environments/houses/staging.yml"]) == 2
    told = capsys.readouterr().err
    assert "environments/houses/staging.yml:6:" in told
    edit(root, "environments/houses/staging.yml", "metric: auc", "metric: mae")
    assert main(["check", "environments/houses/staging.yml", "environments/staging.yml"]) == 0


def test_what_an_endpoint_on_azure_runs_on_is_read_and_the_rest_has_the_usual_value(root):
    path = root / "environments/production.yml"
    path.write_text("where: local\nonline: {instances: 2, scale: {min: 1, max: 3}}\nshift: {stages: [25, 100]}\n")
    read = read_environment(root, "production")
    assert (read.online.instances, read.online.auth, read.online.collect) == (2, "aad_token", False)
    assert (read.online.scale.least, read.online.scale.most, read.online.scale.by) == (1, 3, "cpu")
    assert (read.shift.mirror, read.shift.stages, read.shift.error_rate) == (10, (25, 100), 0.0)


def test_on_kubernetes_the_usual_values_are_those_that_it_can_do(root):
    (root / "environments/production.yml").write_text("where: local\nonline: {compute: k8s, scale: {max: 3}}\n")
    read = read_environment(root, "production")
    assert (read.online.instance_type, read.online.auth, read.online.scale.above) == ("", "aml_token", 70.0)
    assert read.batch is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("shift: {stages: [50, 10, 100]}", "must be percentages that rise, to 100"),
        ("shift: {stages: [10, 50]}", "must be percentages that rise, to 100"),
        ("shift: {mirror: 60}", "from 0 to 50"),
        ("online: {auth: password}", "aad_token"),
        ("online: {scoring: score.py}", "needs an `environment`"),
        ("online: {scale: {max: 3, above: 20, below: 40}}", "must be less than `above`"),
        ("online: {instance: 2}", "unknown key 'instance'"),
        ("online: {compute: k8s, auth: aad_token}", "cannot sign in with Entra"),
        ("online: {compute: k8s, network: private}", "no private address"),
        ("online: {compute: k8s, scale: {max: 3, by: latency, above: 20, below: 10}}", "by `cpu` alone"),
        ("online: {compute: k8s, scale: {max: 3, below: 20}}", "one percentage"),
        ("batch: {pipeline: src/pipelines/none.yml}", "there is no file 'src/pipelines/none.yml'"),
        ("batch: {cluster: cpu-cluster}", "unknown key 'cluster'"),
        ("model_monitor: {every: hour}", "day, week"),
        ("model_monitor: {instance_type: Standard_DS3_v2}", "standard_e4s_v3"),
        ("model_monitor: {missing: 5}", "from 0 to 1"),
    ],
)
def test_a_mistake_in_how_azure_serves_is_told(root, line, words):
    (root / "environments/production.yml").write_text(f"where: local\n{line}\n")
    with pytest.raises(SpecError) as raised:
        read_environment(root, "production")
    assert words in str(raised.value)
