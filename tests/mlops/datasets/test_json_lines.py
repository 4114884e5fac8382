"""A line of JSON lines ends where its file says, not at every sign that Unicode calls a line's end."""

import json

import pytest

from mlops.datasets.detection import detected


@pytest.mark.parametrize("sign", ["\u2028", "\u0085"])
def test_a_line_separator_inside_of_a_text_ends_no_line(tmp_path, sign):
    rows = [{"a": number, "words": f"one{sign}two"} for number in range(40)]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    assert detected(str(tmp_path / "t.jsonl"), folder=tmp_path)[1].num_rows == 40
