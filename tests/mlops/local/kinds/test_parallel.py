"""Parallel steps: real worker processes over small files."""

import textwrap
from datetime import datetime

import pandas as pd
import pytest

from mlops.engine.events import Progress
from mlops.local import executor
from mlops.local.kinds.batches import Batch, cut
from mlops.local.kinds.parallel import _portable
from mlops.spec.parallel import size_in

STEP = """
type: parallel
compute: azureml:cpu-cluster
inputs:
  data: {type: TYPE, path: ./data}
outputs:
  result: {type: uri_file}
input_data: ${{inputs.data}}
mini_batch_size: "SIZE"
max_concurrency_per_instance: 2
MORE
task:
  type: run_function
  code: ./src
  entry_script: score.py
  environment: azureml:any@latest
  program_arguments: ARGUMENTS
  append_row_to: ${{outputs.result}}
"""
SCORE = """
import argparse, os, time
from pathlib import Path
def init():
    global add
    words = argparse.ArgumentParser()
    words.add_argument("--add", type=int, default=0)
    add = words.parse_known_args()[0].add
    print("ready")
def run(mini_batch):
    return [int(Path(path).read_text()) + add for path in mini_batch]
"""
QUICK = "retry_settings: {max_retries: 0, timeout: 60}"


def parallel(site, script=SCORE, size="2", more=QUICK, arguments="--add 10", kind="uri_folder", files=5):
    site.write("src/score.py", script)
    for number in range(files):
        site.write(f"data/{number}.txt", str(number))
    text = STEP.replace("TYPE", kind).replace("SIZE", size).replace("MORE", more).replace("ARGUMENTS", arguments)
    site.step(text)


def rows(site):
    return (site.folder / "outputs/result").read_text().splitlines()


@pytest.mark.parametrize("warm", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_each_file_is_given_to_run_once_and_what_it_returns_is_in_the_order_of_the_files(site, warm):
    parallel(site)
    facts, log = site.run(warm=warm, tracked=False)
    assert rows(site) == ["10", "11", "12", "13", "14"]
    assert facts["summary"] == "3 mini-batches: 5 items"
    assert "] ready" in log


def test_how_many_mini_batches_are_done_is_told_while_the_others_run(site, monkeypatch):
    monkeypatch.setattr(executor, "_LOOK_EVERY", 0.02)
    wait = "    while '4.txt' in mini_batch[0] and not Path('go').exists(): time.sleep(0.01)\n    return ["
    parallel(site, script=SCORE.replace("    return [", wait))
    running = site.running(tracked=False)
    for event in running.events():
        if isinstance(event, Progress) and event.text == "2 of 3 mini-batches":
            (site.folder / "code/go").touch()
    assert rows(site) == ["10", "11", "12", "13", "14"]


@pytest.mark.slow
def test_two_workers_share_the_mini_batches(site):
    wait = SCORE.replace(
        "    return [",
        "    Path(f'{os.getpid()}.pid').touch()\n    while len(list(Path('.').glob('*.pid'))) < 2: time.sleep(0.01)\n    return [",
    )
    parallel(site, script=wait + "def shutdown():\n    print('good night')\n")
    _, log = site.run(tracked=False)
    assert log.count("] good night") == 2


@pytest.mark.slow
def test_a_mini_batch_that_fails_is_tried_again(site):
    once = SCORE.replace(
        "def run(mini_batch):",
        "def run(mini_batch):\n    Path('seen').open('a').write('x')\n    assert len(Path('seen').read_text()) > 1\n",
    )
    parallel(site, script=once, size="9", more="retry_settings: {max_retries: 1}")
    _, log = site.run(tracked=False)
    assert rows(site) == ["10", "11", "12", "13", "14"]
    assert "mini-batch 0 failed, is tried again: AssertionError" in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threshold", "reason"), [(0, "1 mini-batch failed, more than mini_batch_error_threshold 0: ValueError: three"), (1, None)]
)
def test_as_many_mini_batches_may_fail_as_the_threshold_says(site, threshold, reason):
    bad = SCORE.replace("    return [", "    if any('3.txt' in path for path in mini_batch): raise ValueError('three')\n    return [")
    parallel(site, script=bad, more=f"{QUICK}\nmini_batch_error_threshold: {threshold}")
    facts, _ = site.run(tracked=False)
    assert facts.get("reason") == reason or facts["state"] == "finished"
    if reason is None:
        assert rows(site) == ["10", "11", "14"]


@pytest.mark.slow
def test_returning_fewer_items_than_given_fails_the_mini_batch_and_counts_the_items(site):
    short = SCORE.replace("return [", "return [][:0] or [").replace("for path in mini_batch]", "for path in mini_batch][1:]")
    parallel(site, script=short, more=f"{QUICK}\nerror_threshold: 2")
    facts, log = site.run(tracked=False)
    assert facts["reason"].startswith("3 items failed, more than error_threshold 2: run() returned ")
    assert "mini-batch 0 failed: run() returned 1 for 2 items" in log


@pytest.mark.slow
def test_the_thresholds_may_stand_in_the_program_arguments(site):
    parallel(site, script=SCORE.replace("return [", "raise ValueError('no')\n    return ["), arguments="--allowed_failed_percent 50")
    assert site.run(tracked=False)[0]["reason"] == "2 of 3 mini-batches failed, more than allowed_failed_percent 50: ValueError: no"


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_and_another_worker_goes_on(site):
    slow = SCORE.replace("    return [", "    if '0.txt' in mini_batch[0]: time.sleep(600)\n    return [")
    parallel(site, script=slow, more="retry_settings: {max_retries: 0, timeout: 3}")
    _, log = site.run(tracked=False)
    assert rows(site) == ["12", "13", "14"]
    assert "mini-batch 0 failed: run() took longer than 3 s" in log


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_mini_batch_only(site):
    parallel(site, script=SCORE.replace("    return [", "    if '0.txt' in mini_batch[0]: os._exit(9)\n    return ["))
    _, log = site.run(tracked=False)
    assert rows(site) == ["12", "13", "14"]
    assert "mini-batch 0 failed: its worker ended with exit code 9" in log


@pytest.mark.slow
def test_what_workers_answer_after_the_step_has_failed_changes_nothing(site):
    """Both wait for each other, so that the second failure is there while the first is being acted on."""
    both = "Path(f'{os.getpid()}.pid').touch()\n    while len(list(Path('.').glob('*.pid'))) < 2: time.sleep(0.001)\n    raise ValueError('no')\n"
    parallel(site, script=SCORE.replace("    return [", f"    {both}    return ["), more=f"{QUICK}\nmini_batch_error_threshold: 0")
    assert site.run(tracked=False)[0]["reason"] == "1 mini-batch failed, more than mini_batch_error_threshold 0: ValueError: no"


def test_who_connects_and_is_gone_before_it_said_who_it_is_harms_nobody(site):
    gone = "import socket\n    with socket.socket(socket.AF_UNIX) as one: one.connect('../workers.socket')\n    global add"
    parallel(site, script=SCORE.replace("global add", gone))
    site.run(tracked=False)
    assert rows(site) == ["10", "11", "12", "13", "14"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (SCORE.replace("global add", "1 / 0"), "ZeroDivisionError: division by zero"),
        ("x = 1", "AttributeError: score.py has no function run(mini_batch)"),
    ],
)
def test_a_script_that_cannot_start_fails_the_step(site, script, reason):
    parallel(site, script=script)
    assert site.run(tracked=False)[0]["reason"] == f"the entry script or its init() failed: {reason}"


@pytest.mark.slow
def test_rows_come_as_data_frames_by_partition_key_with_the_keys_values(site):
    script = "def run(rows, context):\n    print(dict(context.partition_key_value))\n    return rows.groupby(['store'], as_index=False)['sold'].sum().reindex(range(len(rows))).fillna(0)\n"
    parallel(site, script=script, kind="mltable", more=f"{QUICK}\npartition_keys: [store]", files=0)
    site.write("data/MLTable", "paths: [{file: ./sales.csv}]\ntransformations:\n  - read_delimited: {delimiter: ','}\n")
    site.write("data/sales.csv", "store,sold\n1,2\n2,5\n1,3\n")
    _, log = site.run(tracked=False)
    assert rows(site) == ["1.0 5.0", "0.0 0.0", "2 5"]
    assert "{'store': 1}" in log


def test_rows_for_a_worker_with_another_pandas_are_lists_of_plain_values():
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-01-02"]), "n": [1], "word": ["a"], "none": [None]})
    sent = _portable(Batch(3, frame, {"k": 1}), "0.1")
    assert sent == (3, "columns", {"at": [datetime(2024, 1, 2)], "n": [1], "word": ["a"], "none": [None]}, {"k": 1})
    assert _portable(Batch(3, frame), pd.__version__)[2] is frame


@pytest.mark.slow
def test_an_entry_script_finds_its_logger_and_output_folder_as_on_the_service(site):
    script = """
    from pathlib import Path
    from azureml_user.parallel_run import EntryScript
    def init():
        EntryScript().logger.info("I am ready")
    def run(mini_batch):
        Path(EntryScript().output_dir, "said.txt").write_text("by run")
        return mini_batch
    """
    parallel(site, script=textwrap.dedent(script), files=1)
    text = (
        (site.root / "pipeline.yml")
        .read_text()
        .replace("result: {type: uri_file}", "result: {type: uri_file}\n      more: {type: uri_folder}")
    )
    (site.root / "pipeline.yml").write_text(text)
    _, log = site.run(tracked=False)
    assert (site.folder / "outputs/more/said.txt").read_text() == "by run"
    assert "INFO EntryScript I am ready" in log


@pytest.mark.parametrize(
    ("text", "size"),
    [("10", (10, False)), ("10kb", (10240, True)), ("1.5mb", (1572864, True)), ("100b", (100, True)), ("2g", (2 << 30, True))],
)
def test_a_mini_batch_size_is_a_number_or_has_a_unit(text, size):
    assert size_in(text) == size


def test_files_are_cut_by_number_or_by_bytes(site):
    for number in range(5):
        site.write(f"data/{number}", "x" * 10)
    assert [batch.count for batch in cut(site.root / "data", "2", [])] == [2, 2, 1]
    assert [batch.count for batch in cut(site.root / "data", "30b", [])] == [3, 2]


def test_files_are_cut_by_the_folders_that_name_the_partition_key(site):
    for name in ("day=1/a", "day=2/b", "day=1/c"):
        site.write(f"data/{name}", "")
    found = [(batch.key, batch.count) for batch in cut(site.root / "data", "1", ["day"])]
    assert found == [({"day": "1"}, 2), ({"day": "2"}, 1)]


def test_rows_are_cut_by_their_size_on_disk(site):
    site.write("data/MLTable", "paths: [{file: ./rows.csv}]\ntransformations:\n  - read_delimited: {delimiter: ','}\n")
    site.write("data/rows.csv", "a,b\n" + "1,2\n" * 99)
    assert [batch.count for batch in cut(site.root / "data", "200b", [])] == [49, 49, 1]


def test_an_mltable_without_a_reader_is_a_list_of_its_files(site):
    site.write("data/MLTable", "paths: [{pattern: ./*.png}]\n")
    site.write("data/a.png", "")
    assert [batch.items for batch in cut(site.root / "data", "1", [])] == [[str(site.root / "data/a.png")]]
