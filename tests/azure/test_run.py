"""A job on Azure ML, from the file to the run's folder: submitted by our command, really run, followed, fetched."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_pipeline_runs_there_and_leaves_the_same_folder(there):
    facts = there.run()
    assert facts["state"] == "completed"
    assert {name: step["state"] for name, step in facts["steps"].items()} == {"make": "finished", "double": "finished", "count": "finished"}
    folder = Path(".mlops/runs/1")
    assert (folder / "steps/double/outputs/folder/doubled.txt").read_text() == "0 2 4 6 8"
    assert facts["outputs"]["result"]["digest"].startswith("sha256:")
    assert "5 numbers" in (folder / "steps/make/log.txt").read_text()
    events = [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[0] == "RunStarted"
    assert events[-1] == "RunFinished"
    assert [events.count(kind) for kind in ("Started", "Finished")] == [3, 3]


def test_identical_code_is_uploaded_once(there):
    there.project.write("code/own.txt", "nobody else's")
    before = len(there.azure.workspace.uploads)
    there.run()
    there.run("--set", "inputs.n=6")
    assert len(there.azure.workspace.uploads) - before == 1
    specs = [body["properties"]["componentSpec"] for body in there.puts("components")]
    assert len({spec["code"] for spec in specs if "code" in spec}) == 1


def test_what_the_service_reuses_is_told_with_its_reason(there):
    there.run()
    facts = there.run()
    assert {step["state"] for step in facts["steps"].values()} == {"reused"}
    assert facts["steps"]["make"]["reason"].startswith("Azure ML has it from ")
    assert there.mlops("logs", "latest", "make")[:2] == (0, "== make: reused, so it wrote nothing in this run\n")
    assert {step["state"] for step in there.run("--force")["steps"].values()} == {"finished"}


def test_the_verbs_of_runs_know_it(there):
    first, second = there.run(), there.run("--set", "inputs.n=7")
    listed = json.loads(there.mlops("runs", "--json")[1])
    assert [one["state"] for one in listed] == ["completed", "completed"]
    assert "double" in there.mlops("show", "latest")[1]
    assert "7 numbers" in there.mlops("logs", "latest", "make")[1]
    changes = json.loads(there.mlops("diff", str(first["run"]), str(second["run"]), "--json")[1])
    assert {"kind": "parameter", "name": "n", "before": "5", "after": "7"} in [
        {key: one[key] for key in ("kind", "name", "before", "after")} for one in changes
    ]
    assert there.mlops("cancel", "latest")[0] == 2
    assert there.mlops("resume", "latest")[0] == 2
    assert there.mlops("prune", "--keep", "1", "--dry-run")[0] == 0
    code, out, errors = there.mlops("report", "latest", "--json")
    assert code == 0, errors
    assert "double" in Path(json.loads(out)["report"]).read_text()


def test_a_command_of_its_own_runs_with_its_output(there):
    there.project.write(
        "job.yml",
        """\
        type: command
        command: echo "${{inputs.word}}" > ${{outputs.said}}/word.txt
        environment: azureml:any@latest
        compute: azureml:cpu-cluster
        inputs: {word: hello}
        outputs: {said: {type: uri_folder}}
        """,
    )
    facts = there.run("--set", "inputs.word=bye", file="job.yml")
    assert Path(facts["outputs"]["said"]["path"], "word.txt").read_text() == "bye\n"
    assert facts["steps"]["job"]["state"] == "finished"


def test_a_job_says_who_pays_as_the_environment_or_the_file_itself_says(there):
    there.place(cost_owner="team-flights")
    there.run()
    there.project.edit("pipeline.yml", "type: pipeline", "type: pipeline\ntags: {cost-owner: team-weather}")
    there.run()
    assert [body["properties"]["tags"]["cost-owner"] for body in there.puts("jobs")] == ["team-flights", "team-weather"]


def test_a_step_with_a_title_of_its_own_is_followed_by_its_name(there):
    there.project.edit("pipeline.yml", "    component: ./make.yml", "    display_name: Make numbers\n    component: ./make.yml")
    assert list(there.run()["steps"]) == ["make", "double", "count"]


def test_a_token_of_the_ci_system_signs_in(there, tmp_path, monkeypatch):
    there.azure.nobody.role, there.azure.nobody.federated = "AzureML Data Scientist", "a token of the CI system"
    there.sign_in(there.azure.nobody)
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    (tmp_path / "token").write_text(there.azure.nobody.federated)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    assert there.run()["state"] == "completed"


def test_the_screen_is_that_of_the_local_engine(there):
    code, out, _ = there.mlops("run", "pipeline.yml", "--where", "azure")
    here = there.mlops("run", "pipeline.yml")[1]
    shape = [line.split()[:2] for line in out.splitlines() if line.startswith("  ├─")]
    assert code == 0
    assert sorted(shape) == sorted(line.split()[:2] for line in here.splitlines() if line.startswith("  ├─"))
    assert "submitted as pipeline-" in out


def test_a_registered_component_is_read_from_the_workspace(there):
    from azure.ai.ml import MLClient, load_component
    from azure.identity import EnvironmentCredential

    own = there.azure.workspace
    client = MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False)
    client.components.create_or_update(load_component(there.project.root / "make.yml"))
    there.project.edit("pipeline.yml", "component: ./make.yml", "component: azureml:make:1")
    assert there.run()["state"] == "completed"
    there.project.edit("pipeline.yml", "      n: ${{parent.inputs.n}}", "      m: ${{parent.inputs.n}}")
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert code == 2
    assert "'m'" in errors
