"""Spark steps: the words of spark-submit, and one real run where PySpark is installed."""

import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import pytest

from mlops.errors import UsageError
from mlops.local.kinds.job import Job
from mlops.local.kinds.spark import submit

STEP = """
type: spark
code: ./src
entry: {file: count.py}
py_files: [helper.zip]
files: [names.txt]
conf:
  spark.driver.cores: 1
  spark.driver.memory: "1g"
  spark.executor.cores: 2
  spark.executor.memory: "2g"
  spark.executor.instances: 2
  spark.sql.shuffle.partitions: 2
inputs:
  text: {type: uri_file, path: ./text.txt, mode: direct}
outputs:
  counts: {type: uri_folder, mode: direct}
  sample: {type: uri_file, mode: direct}
args: >-
  --text ${{inputs.text}}
  --counts ${{outputs.counts}}
  --sample ${{outputs.sample}}
resources: {instance_type: Standard_E4S_V3, runtime_version: "3.4"}
"""
COUNT = """
import argparse
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import helper
words = argparse.ArgumentParser()
for name in ("text", "counts", "sample"):
    words.add_argument(f"--{name}")
given = words.parse_args()
spark = SparkSession.builder.getOrCreate()
lines = spark.read.text(given.text)
lines.select(udf(helper.upper)(lines.value).alias("word")).groupBy("word").count().write.parquet(given.counts)
lines.limit(1).write.text(given.sample)
print("partitions", spark.conf.get("spark.sql.shuffle.partitions"), open(SparkFiles.get("names.txt")).read(), open("names.txt").read())
"""


@pytest.fixture
def spark_site(site):
    site.write("src/count.py", COUNT)
    site.write("src/names.txt", "alice")
    site.write("text.txt", "a\nb\na\n")
    with zipfile.ZipFile(site.root / "src/helper.zip", "w") as file:
        file.writestr("helper.py", "def upper(word):\n    return word.upper()\n")
    site.step(
        STEP.replace("${{inputs.text}}", "'${{inputs.text}}'")
        .replace("${{outputs.counts}}", "'${{outputs.counts}}'")
        .replace("${{outputs.sample}}", "'${{outputs.sample}}'")
    )
    return site


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="PySpark is not installed: uv pip install pyspark")
def test_a_spark_step_reads_its_input_with_its_files_and_writes_its_outputs(spark_site):
    import pandas as pd

    facts, log = spark_site.run(tracked=False)
    assert facts["state"] == "finished", log[-3000:]
    counts = pd.read_parquet(facts["outputs"]["counts"]["path"])
    assert dict(zip(counts["word"], counts["count"], strict=True)) == {"A": 2, "B": 1}
    assert next(Path(facts["outputs"]["sample"]["path"]).glob("part-*")).read_text() == "a\n"
    assert "partitions 2 alice alice" in log


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="PySpark is not installed: uv pip install pyspark")
def test_a_spark_program_that_fails_fails_the_step_with_its_error_in_the_log(spark_site):
    spark_site.write("src/count.py", "raise SystemExit('no rows today')")
    facts, log = spark_site.run(tracked=False)
    assert facts["reason"].startswith("the Spark program ended with exit code 1")
    assert ("; it asks for Spark 3.4, and " in facts["reason"]) == (not importlib.metadata.version("pyspark").startswith("3."))
    assert "no rows today" in log


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="PySpark is installed")
def test_without_pyspark_the_step_says_what_to_install(spark_site):
    facts, log = spark_site.run(tracked=False)
    assert facts["reason"] == "this step needs PySpark, which is not installed"
    assert "uv pip install pyspark" in log


def job(tmp_path, **body):
    lists = {"py_files": [], "files": [], "jars": [], "archives": []}
    text = {"type": "uri_file", "path": "/a b"}
    return Job("it", tmp_path, tmp_path, None, 2, True, {"x": text}, {}, {**lists, "conf": {}, "args": "", **body})


def test_what_is_about_a_cluster_is_left_out_of_the_settings(tmp_path):
    (tmp_path / "main.py").touch()
    words = submit(
        job(
            tmp_path,
            entry={"file": "main.py"},
            conf={"spark.executor.cores": 2, "spark.driver.memory": "1g", "spark.eventLog.enabled": False},
        )
    )
    assert "spark.driver.memory=1g" in words
    assert "spark.eventLog.enabled=false" in words
    assert not [word for word in words if "executor" in word]


def test_an_entry_of_a_class_runs_the_first_jar(tmp_path):
    (tmp_path / "a.jar").touch()
    words = submit(job(tmp_path, entry={"class_name": "Main"}, jars=["a.jar"], args="--x '${{inputs.x}}'"))
    assert words[-7:] == ["--jars", "a.jar", "--class", "Main", "a.jar", "--x", "/a b"]


def test_a_file_that_is_not_in_the_code_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"entry names 'main\.py'"):
        submit(job(tmp_path, entry={"file": "main.py"}))
