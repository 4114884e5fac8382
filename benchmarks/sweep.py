"""The same sweep of 64 trials with median stopping: as a step of a pipeline (each trial a process with an MLflow run, a log and outputs of its
own), and by Optuna alone, which keeps nothing but values: in two processes that share a journal, and in two threads. Each trial grows a boosted
model on 20,000 rows in eight stages. The seconds are those of the trials, without the imports before them; the rules that stop a trial differ
(Azure ML's median of averages, Optuna's median of values), so stages are compared: how many were grown, and how many a second.
*Busy* is the share of both cores' time that was spent computing.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.sweeps.model import write_data
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline
from mlops.tracking.reader import Tracker

CODE = Path(__file__).with_name("sweeps")
TRIALS = int(os.environ.get("BENCH_TRIALS", "64"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CORES = os.cpu_count() or 1


def run():
    """Run each in turn, a few times; return name -> the facts of each round."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_data(root / "data.npz")
        shutil.copytree(CODE, root / "code")
        text = (CODE / "pipeline.yml").read_text(encoding="utf-8")
        (root / "pipeline.yml").write_text(text.replace("max_total_trials: 64", f"max_total_trials: {TRIALS}"), encoding="utf-8")
        facts = {}
        for number in range(ROUNDS):
            facts.setdefault("a step of a pipeline", []).append(ours(root))
            facts.setdefault("Optuna, two processes", []).append(bare(root, [str(root / f"journal{number}")] * 2))
            facts.setdefault("Optuna, two threads", []).append(bare(root, ["threads"]))
        return facts


def ours(root):
    """Run the pipeline, and measure from the first trial's start to the step's end."""
    home = root / ".mlops"
    running = LocalRun(load_pipeline(root / "pipeline.yml"), home, root, Options(force=True), track=lambda r, p, o: Tracker(home, r, p, o))
    step = running.record.folder / "steps/tune"
    first = []
    threading.Thread(target=watch, args=(step / "trials/0", first), daemon=True).start()
    for event in running.events():
        if type(event).__name__ == "Finished":
            began, cpu = first[0]
            seconds, cpu = time.perf_counter() - began, spent() - cpu
    trials = json.loads((step / "trials.json").read_text(encoding="utf-8"))
    best = min(trial["best"] for trial in trials)
    return {"seconds": seconds, "cpu": cpu, "best": best, "stages": sum(len(trial["history"]) for trial in trials)}


def watch(folder, first):
    """Note the moment at which the first trial begins, and the processor time spent until then."""
    while not folder.exists():
        time.sleep(0.01)
    first.append((time.perf_counter(), spent()))


def spent():
    """Return the processor seconds of this process and of all that it started, ended ones too."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def bare(root, storages):
    """Run Optuna alone, a process for each of `storages`."""
    command = [sys.executable, str(root / "code/bare.py"), str(root / "data.npz"), str(TRIALS)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, CORES // len(storages)) if storages[0] != "threads" else 1)}
    started = [subprocess.Popen([*command, storage], env=environment, stdout=subprocess.PIPE, text=True) for storage in storages]
    facts = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    return {
        "seconds": max(each["seconds"] for each in facts),
        "cpu": sum(each["cpu"] for each in facts),
        "best": min(each["best"] for each in facts),
        "stages": max(each["stages"] for each in facts),
    }


def table(facts):
    """Return the medians as a Markdown table."""
    rows = ["| | seconds | stages grown | stages a second | busy | best loss |", "|---|---|---|---|---|---|"]
    for name, rounds in facts.items():
        seconds, stages = (statistics.median(each[key] for each in rounds) for key in ("seconds", "stages"))
        busy = statistics.median(each["cpu"] / each["seconds"] / CORES for each in rounds)
        rate = statistics.median(each["stages"] / each["seconds"] for each in rounds)
        best = statistics.median(each["best"] for each in rounds)
        rows.append(f"| {name} | {seconds:.1f} | {stages:.0f} | {rate:.1f} | {busy:.0%} | {best:.4f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(run()))
