"""The line in which a step says what went in and came out."""

from pathlib import Path

import pytest

from mlops.datasets import counts
from mlops.datasets.counts import Counts


def test_what_is_written_is_read_again(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("hello\n" + counts.line("validate", "flights", rows_in=5, rows_quarantined=1) + "\n5 rows\n")
    assert counts.read(log) == (Counts("validate", "flights", {"rows_in": 5, "rows_quarantined": 1}),)


@pytest.mark.parametrize(
    "text", ["counts", "counts clean", "counts clean rows_in=-1", "counts clean rows_in=1 x", "counts clean R=1", "recounts a b=1"]
)
def test_a_line_of_another_form_is_no_count(tmp_path, text):
    (tmp_path / "log.txt").write_text(text + "\n")
    assert counts.read(tmp_path / "log.txt") == ()


def test_a_log_that_is_not_there_counts_nothing():
    assert counts.read(Path("no/such/log.txt")) == ()


def test_tables_are_summed_and_a_part_of_a_step_has_its_own_name():
    found = [Counts("train", "a", {"rows_in": 2}), Counts("train", "b", {"rows_in": 3}), Counts("transform", "", {"rows_in": 7})]
    assert counts.metrics("train", found) == {"rows_in": 5, "transform/rows_in": 7}


def test_a_table_s_name_with_a_blank_stays_one_word():
    assert counts.line("import", "my table", rows_in=1) == "counts import my_table rows_in=1"
