"""Every kind of job that azure-ai-ml sends runs on the loopback, and is followed with the events of the local engine."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ENDS = {"Finished", "Failed", "Skipped", "Canceled", "Reused"}


def events_of(number="1"):
    return [json.loads(line) for line in Path(f".mlops/runs/{number}/events.jsonl").read_text().splitlines()]


def ends(number):
    """How each step of a run ended."""
    return {event["step"]: event["event"] for event in events_of(number) if event["event"] in ENDS}


def both(there, file="pipeline.yml", *words):
    """Run a file there and here; return how the steps ended in both places."""
    record = there.run(*words, file=file)
    code, out, errors = there.mlops("run", file, "--json", "--force", *words)
    assert code == 0, errors + out
    return ends(record["run"]), ends(json.loads(out)["run"]), record


class Told(list):
    """The progress that is told while a job is followed; what waits for a text goes on when that was told."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def note(self, step, text):
        self.append((step, text))
        (self.folder / text.replace("/", "_")).touch()

    def wait(self, text):
        """Python that waits until a text was told."""
        return f"""\
import os, time
end = time.monotonic() + 300
while not os.path.exists({str(self.folder / text)!r}) and time.monotonic() < end:
    time.sleep(0.05)
"""


@pytest.fixture
def told(monkeypatch, tmp_path_factory):
    from mlops.engine.events import Progress
    from mlops.report.live import Tree

    apply, found = Tree.apply, Told(tmp_path_factory.mktemp("told"))

    def noted(tree, event):
        if isinstance(event, Progress):
            found.note(event.step, event.text)
        apply(tree, event)

    monkeypatch.setattr(Tree, "apply", noted)
    return found


SWEEP = """\
type: sweep
search_space: {rate: {type: choice, values: [0.1, 0.2, 0.4]}}
sampling_algorithm: grid
objective: {goal: minimize, primary_metric: loss}
limits: {max_total_trials: 3, max_concurrent_trials: 1}
"""
TRIAL = """\
import sys
import mlflow
rate = float(sys.argv[1])
mlflow.log_metric("loss", abs(rate - 0.2))
open(sys.argv[2], "w").write(str(rate))
"""


def test_a_sweep_tells_its_trials_and_leaves_the_best(there, told):
    first = "1 of 3 trials, best 0.1 (trial 0)"
    there.project.write("code/wait.py", told.wait(first))
    there.project.write("code/trial.py", TRIAL + "if rate == 0.2:\n    import wait\n")
    there.project.write(
        "job.yml",
        SWEEP
        + """\
trial:
  command: python trial.py ${{search_space.rate}} ${{outputs.best}}
  code: ./code
  environment: azureml:any@latest
compute: azureml:cpu-cluster
outputs: {best: {type: uri_file}}
""",
    )
    record = there.run(file="job.yml")
    assert Path(record["outputs"]["best"]["path"]).read_text() == "0.2"
    assert ("job", first) in told
    assert record["steps"]["job"]["summary"].startswith("3 trials; best loss 0 (trial 1)")
    assert record["steps"]["job"]["metrics"]["loss"] == 0


def test_a_sweep_and_mini_batches_within_a_pipeline(there, told):
    """Nested twice: a sweep in a pipeline in the pipeline; its best file is scored in mini-batches."""
    first = "1 of 2 mini-batches"
    there.project.write("code/trial.py", TRIAL)
    there.project.write(
        "code/batch.py",
        f"def init():\n    pass\n\ndef run(files):\n    import os\n    if 'b' in os.path.basename(files[0]):\n        exec({told.wait(first)!r})\n    return [os.path.basename(one) for one in files]\n",
    )
    there.project.write("files/a.txt", "a")
    there.project.write("files/b.txt", "b")
    there.project.component(
        "trial", "{rate: {type: number}}", "{best: {type: uri_file}}", "python trial.py ${{inputs.rate}} '${{outputs.best}}'"
    )
    there.project.write(
        "inner.yml",
        'type: pipeline\nname: inner\nversion: 1\noutputs: {best: {type: uri_file}}\njobs:\n  tune:\n    trial: ./trial.yml\n    outputs: {best: "${{parent.outputs.best}}"}\n'
        + "".join(f"    {line}\n" for line in SWEEP.splitlines()),
    )
    there.project.write(
        "pipeline.yml",
        """\
        type: pipeline
        settings: {default_compute: azureml:cpu-cluster}
        outputs: {scores: {type: uri_file}}
        jobs:
          outer:
            type: pipeline
            component: ./inner.yml
          score:
            type: parallel
            mini_batch_size: "1"
            max_concurrency_per_instance: 1
            input_data: ${{inputs.files}}
            inputs:
              files: {type: uri_folder, path: ./files}
              model: ${{parent.jobs.outer.outputs.best}}
            outputs: {scores: "${{parent.outputs.scores}}"}
            task:
              type: run_function
              code: ./code
              entry_script: batch.py
              environment: azureml:any@latest
              append_row_to: ${{outputs.scores}}
        """,
    )
    far, here, record = both(there)
    assert far == here == {"outer.tune": "Finished", "score": "Finished"}
    assert ("score", first) in told
    assert any(step == "outer.tune" and "of 3 trials" in text for step, text in told)
    assert sorted(Path(record["outputs"]["scores"]["path"]).read_text().split()) == ["a.txt", "b.txt"]
    assert record["steps"]["outer.tune"]["metrics"]["loss"] == 0


def elsewhere(*words, **variables):
    """Run a verb in a process of its own, with variables that azure-ai-ml reads when it is imported."""
    program = (
        "import sys; from mlops import cli; from mlops.azure import connection; connection.PACE = 0.05; sys.exit(cli.main(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_control_flow_decides_there_as_here(there):
    """azure-ai-ml keeps control flow behind a switch of its own; without it the person is told of it."""
    there.project.write(
        "again.yml",
        """\
        $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
        type: command
        name: again
        inputs: {n: {type: integer, default: 1}}
        outputs: {n: {type: integer, is_control: true}, more: {type: boolean, is_control: true}, table: {type: uri_file}}
        command: >-
          n=$(expr ${{inputs.n}} + 1); echo $n > '${{outputs.n}}'; echo $n > '${{outputs.table}}';
          if [ $n -lt 3 ]; then echo true; else echo false; fi > '${{outputs.more}}'; echo $n
        environment: azureml:any@latest
        """,
    )
    there.project.write(
        "pipeline.yml",
        """\
        type: pipeline
        settings: {default_compute: azureml:cpu-cluster}
        outputs: {tables: {type: mltable}}
        jobs:
          body: {type: command, component: ./again.yml}
          loop: {type: do_while, body: "${{parent.jobs.body}}", condition: "${{parent.jobs.body.outputs.more}}", mapping: {n: n}, limits: {max_iteration_count: 5}}
          side: {type: command, component: ./again.yml}
          each: {type: parallel_for, body: "${{parent.jobs.side}}", items: [{n: 1}, {n: 5}], outputs: {table: "${{parent.outputs.tables}}"}}
          ask: {type: command, component: ./again.yml, inputs: {n: 7}}
          choose: {type: if_else, condition: "${{parent.jobs.ask.outputs.more}}", true_block: "${{parent.jobs.take}}", false_block: "${{parent.jobs.leave}}"}
          take: {type: command, component: ./again.yml}
          leave: {type: command, component: ./again.yml, inputs: {n: 20}}
        """,
    )
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert (code, "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED=true" in errors) == (2, True)
    done = elsewhere("run", "pipeline.yml", "--where", "azure", "--json", AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED="true")
    assert done.returncode == 0, done.stderr + done.stdout
    record = json.loads(done.stdout)
    assert there.mlops("run", "pipeline.yml", "--json")[0] == 0
    far, here = ends(record["run"]), ends(there.record()["run"])
    assert far == here
    assert (far["take"], far["leave"], far["choose"]) == ("Skipped", "Finished", "Finished")
    assert {step for step in far if "-" in step} == {"body-1", "body-2", "side-1", "side-2"}
    assert (record["steps"]["side-2"]["summary"], (Path(record["outputs"]["tables"]["path"]) / "MLTable").exists()) == ("6", True)


def test_a_distributed_command_runs_as_many_ranks_as_it_says(there):
    there.project.write(
        "code/rank.py", "import os, pathlib, sys\npathlib.Path(sys.argv[1], os.environ['RANK']).write_text(os.environ['WORLD_SIZE'])\n"
    )
    there.project.write(
        "job.yml",
        """\
        type: command
        command: python rank.py '${{outputs.ranks}}'
        code: ./code
        environment: azureml:any@latest
        compute: azureml:cpu-cluster
        distribution: {type: pytorch, process_count_per_instance: 2}
        resources: {instance_count: 1}
        outputs: {ranks: {type: uri_folder}}
        """,
    )
    ranks = Path(there.run(file="job.yml")["outputs"]["ranks"]["path"])
    assert {path.name: path.read_text() for path in ranks.iterdir()} == {"0": "2", "1": "2"}


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="PySpark is not installed")
def test_a_spark_step_runs_there(there):
    there.project.write("code/count.py", SPARK)
    there.project.write("rows.csv", "a\nb\nc\n")
    there.project.write(
        "pipeline.yml",
        """\
        type: pipeline
        settings: {default_compute: azureml:cpu-cluster}
        outputs: {counts: {type: uri_folder}}
        jobs:
          words:
            type: spark
            code: ./code
            entry: {file: count.py}
            args: --text '${{inputs.text}}' --out '${{outputs.counts}}'
            inputs: {text: {type: uri_file, path: ./rows.csv, mode: direct}}
            outputs: {counts: "${{parent.outputs.counts}}"}
            conf: {spark.driver.cores: 1, spark.driver.memory: 1g, spark.executor.cores: 1, spark.executor.memory: 1g, spark.executor.instances: 1}
            resources: {instance_type: standard_e4s_v3, runtime_version: "3.4"}
            identity: {type: managed}
        """,
    )
    counts = Path(there.run()["outputs"]["counts"]["path"])
    assert next(counts.glob("part-*")).read_text().strip() == "3"


@pytest.mark.skipif(importlib.util.find_spec("flaml") is None, reason="FLAML is not installed")
def test_a_search_over_models_runs_there(there):
    """azure-ai-ml looks for an automl job's tables from where the command is given."""
    there.project.write("table/MLTable", "paths: [{file: ./rows.csv}]\ntransformations: [{read_delimited: {delimiter: ','}}]\n")
    rows = [f"{n},{n % 7},{'yes' if n % 2 else 'no'}" for n in range(60)]
    there.project.write("table/rows.csv", "\n".join(["a,b,y", *rows]) + "\n")
    there.project.write(
        "job.yml",
        """\
        type: automl
        task: classification
        target_column_name: y
        primary_metric: accuracy
        training_data: {type: mltable, path: ./table}
        limits: {max_trials: 1, timeout_minutes: 5}
        training: {allowed_training_algorithms: [logistic_regression]}
        compute: azureml:cpu-cluster
        outputs: {best_model: {type: mlflow_model}}
        """,
    )
    record = there.run(file="job.yml")
    assert record["state"] == "completed"
    assert (Path(record["outputs"]["best_model"]["path"]) / "MLmodel").exists()


SPARK = """\
import argparse
from pyspark.sql import SparkSession
parser = argparse.ArgumentParser()
parser.add_argument("--text")
parser.add_argument("--out")
words = parser.parse_args()
session = SparkSession.builder.getOrCreate()
lines = session.read.text(words.text).count()
session.createDataFrame([(str(lines),)], ["n"]).coalesce(1).write.mode("append").text(words.out)
"""


STUBBORN = """\
import pathlib, sys, time
place = pathlib.Path(sys.argv[1])
again = place.exists()
place.touch()
print("second" if again else "first", flush=True)
if not again:
    time.sleep(600)
"""


def test_a_step_whose_machine_is_taken_away_waits_for_another_and_runs_again(there, told, tmp_path):
    there.project.write("code/stubborn.py", STUBBORN)
    there.project.component(
        "double",
        "{numbers: {type: uri_file}}",
        "{folder: {type: uri_folder}}",
        f"python stubborn.py {tmp_path}/was; echo a > '${{{{outputs.folder}}}}/doubled.txt'",
    )
    there.azure.faults.preempted.append("double")
    there.azure.faults.away = 1.0
    record = there.run()
    assert ("double", "its machine was taken away: queued again") in told
    kinds = [event["event"] for event in events_of() if event.get("step") in {"make", "double"}]
    assert kinds == ["Started", "Finished", "Started", "Finished"]
    assert Path(".mlops/runs/1/steps/double/log.txt").read_text() == "second\n"
    assert record["steps"]["count"]["state"] == "finished"


def test_a_job_that_waits_too_long_for_a_machine_is_left_with_what_to_do(there):
    there.azure.faults.queue = 600.0
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure", "--queue-limit", "0.005")
    assert code == 3
    assert "no machine for 0.005 minutes: the job itself waits" in errors
    assert "mlops cancel 1" in errors
    assert there.record()["state"] == "detached"
    assert there.mlops("cancel", "1")[0] == 0


def test_how_long_a_job_may_wait_stands_in_the_environment(there):
    there.azure.faults.queue = 600.0
    there.place(queue_limit_minutes=0.005)
    code, _, errors = there.mlops("run", "pipeline.yml", "--where", "azure")
    assert (code, "no machine for 0.005 minutes" in errors) == (3, True)
    assert there.mlops("cancel", "latest")[0] == 0
