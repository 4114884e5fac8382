"""A Spark step: `spark-submit` in local mode, on as many threads as the run has workers.

PySpark is optional, for it is large and needs Java: `uv pip install pyspark`. What asks for machines (executors, their memory and number) has
no meaning in one process; the driver's memory has.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.local.kinds.children import Children
from mlops.local.kinds.job import drive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.local.kinds.job import Job

HOST = "127.0.0.1"
LISTS = {"py_files": "--py-files", "files": "--files", "jars": "--jars", "archives": "--archives"}
_OF_A_CLUSTER = ("spark.executor.", "spark.dynamicAllocation.")


def submit(job: Job) -> list[str]:
    """Return the words of the `spark-submit` that runs a job, without the program's own name.

    Raises:
        UsageError: A file that it names is not in the code.
    """
    body = job.job
    words = ["--master", f"local[{job.workers}]", "--name", job.step]
    for name, value in settings(body["conf"]).items():
        words += ["--conf", f"{name}={value}"]
    for key, option in LISTS.items():
        if body[key]:
            words += [option, ",".join(_found(job, key, name) for name in body[key])]
    arguments = shlex.split(job.fill(body["args"]))
    if "file" in body["entry"]:
        return [*words, _found(job, "entry", body["entry"]["file"]), *arguments]
    if not body["jars"]:
        raise UsageError("an entry with class_name needs the jar that holds it", hint="List it under jars; the first one is run.")
    return [*words, "--class", body["entry"]["class_name"], _found(job, "jars", body["jars"][0]), *arguments]


def settings(conf: Mapping[str, Any]) -> dict[str, str]:
    """Return Spark's settings for this machine: those of a job, less what is about a cluster, with small defaults."""
    words = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in conf.items()}
    kept = {name: value for name, value in words.items() if not name.startswith(_OF_A_CLUSTER) and name != "spark.master"}
    return {"spark.ui.enabled": "false", "spark.log.level": "WARN", "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, **kept}


def _found(job: Job, key: str, name: str) -> str:
    if "://" in name:
        return name
    if not (job.code / name).is_file():
        raise UsageError(f"{key} names {name!r}, which is not in the step's code", hint="Paths are relative to the step's code folder.")
    return name


def environment(job: Job) -> dict[str, str]:
    """Return the variables that PySpark needs: this interpreter for its workers, and a folder that is the step's own.

    Raises:
        UsageError: PySpark or Java is not there.
    """
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise UsageError("this step needs PySpark, which is not installed", hint="uv pip install pyspark   (it needs Java 17 or newer)")
    java = os.environ.get("JAVA_HOME")
    if not (Path(java, "bin/java").exists() if java else shutil.which("java")):
        raise UsageError("this step needs Java, which is not on PATH", hint="Install Java 17 or newer, or set JAVA_HOME.")
    scratch = job.folder / "spark"
    scratch.mkdir(exist_ok=True)
    home = str(Path(found.origin).parent)
    own = shutil.which("python") or sys.executable  # the step's, which may have packages of its own; PySpark itself is the project's
    python = {"PYSPARK_PYTHON": own, "PYSPARK_DRIVER_PYTHON": own}
    return {"SPARK_HOME": home, "SPARK_LOCAL_IP": HOST, "SPARK_LOCAL_DIRS": str(scratch), **python}


def run(job: Job) -> None:
    """Run the Spark step of a job.

    Raises:
        JobFailed: The program failed.
        UsageError: PySpark, Java or a file of the job is not there.
    """
    variables = environment(job)
    command = shlex.join([f"{variables['SPARK_HOME']}/bin/spark-submit", *submit(job)])
    with Children(warm=False) as children:
        children.start(job.step, f"exec {command}", cwd=job.code, log=job.folder / "log.txt", variables=variables)
        ended = None
        while ended is None:
            ended = children.next()
    shutil.rmtree(variables["SPARK_LOCAL_DIRS"], ignore_errors=True)
    if ended[1]:
        raise JobFailed(f"the Spark program ended with exit code {ended[1]}{_other_spark(job.job)}")


def _other_spark(body: Mapping[str, Any]) -> str:
    """Return in words that a job asks for another Spark than there is; nothing where it does not."""
    wanted, here = body.get("runtime_version", ""), metadata.version("pyspark")
    if not wanted or wanted.split(".", maxsplit=1)[0] == here.split(".")[0]:
        return ""
    return f"; it asks for Spark {wanted}, and {here} is installed here: `uv pip install 'pyspark=={wanted.split('.', maxsplit=1)[0]}.*'` is the one that it asks for"


if __name__ == "__main__":
    drive(run)
