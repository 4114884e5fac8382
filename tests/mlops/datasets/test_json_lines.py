"""A line of JSON lines ends where its file says, not at every sign that Unicode calls a line's end."""

import json

import pandas as pd
import pytest

from mlops.datasets import reading
from mlops.datasets.detection import detect, detected


@pytest.mark.parametrize("sign", ["\u2028", "\u0085"])
def test_a_line_separator_inside_of_a_text_ends_no_line(tmp_path, sign):
    rows = [{"a": number, "words": f"one{sign}two"} for number in range(40)]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    assert detected(str(tmp_path / "t.jsonl"), folder=tmp_path)[1].num_rows == 40


def test_lines_in_chunks_are_the_table_that_they_are_together(tmp_path, monkeypatch):
    """A name that only late lines have, numbers that become words, and whole ones that do not stay so."""
    rows = [{"n": number, "code": number if number < 30 else f"x{number}", "part": 1 if number < 20 else 1.5} for number in range(40)]
    rows[35]["late"] = {"deep": True}
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    source = detect(str(tmp_path / "t.jsonl"), folder=tmp_path)
    whole = reading.read(source)
    monkeypatch.setattr(reading, "LINES", 7)
    pd.testing.assert_frame_equal(reading.read(source), whole)
    parts = [table for _, table in reading.chunks(source)]
    assert [table.num_rows for table in parts] == [7, 7, 7, 7, 7, 5]
    assert {tuple(table.column_names) for table in parts} == {("n", "code", "part", "late.deep")}
