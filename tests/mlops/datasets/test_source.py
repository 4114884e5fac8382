"""source.yml: written and read again, and every mistake in it at its line."""

from dataclasses import replace

import pytest

from mlops.datasets.parts import beside
from mlops.datasets.source import read_source, text, write
from mlops.errors import SpecError

ME = "me:secret"  # apart from its host: the audit takes both together for a real one


def test_what_is_written_is_read_again(put, told, tmp_path):
    lines = "".join(f'{i};0{i:04d};{"ja" if i % 2 else "nein"};0{1 + i % 9}.12.2020;"1,5";?\n' for i in range(40))
    source, frame = told(put("t.csv", ";zip;ok;day;x;x\n" + lines))
    write(source, tmp_path / "source.yml")
    assert read_source(tmp_path / "source.yml") == replace(source, path=tmp_path / "source.yml")
    assert list(frame) == ["zip", "ok", "day", "x", "x_2"]


def test_the_reasons_stand_as_comments(put, told):
    source, _ = told(put("t.csv", "zip,n\n" + "".join(f"0{i:04d},{i}\n" for i in range(40))))
    assert "#   zip: kept as text, 40 of 40 values begin with a zero, as 00000 (certain)" in text(source)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("delimitr: ;", 'did you mean "delimiter"?'),
        ("delimiter: ab", "must be one character"),
        ("encoding: utf-99", "unknown encoding"),
        ("skip: -1", "must be a whole number of at least 0"),
        ("missing: NA", "must be a list of words"),
        ("dates: {day: 1}", "needs a word"),
        ("booleans: {ok: {ja: 1}}", "must be true or false"),
        (f"url: https://{ME}@host/x.csv", "a password, token or signature stands in the file"),
        ("decimal: x", "must be . or ,"),
        ("format: cvs", "must be one of csv, parquet"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path, line, message):
    (tmp_path / "source.yml").write_text(f"# mine\n{'' if line.startswith('url') else 'files: a.csv'}\n{line}\n")
    with pytest.raises(SpecError) as stop:
        read_source(tmp_path / "source.yml")
    assert "source.yml:3:" in str(stop.value)
    assert message in str(stop.value)


def test_a_source_has_one_place(tmp_path):
    (tmp_path / "source.yml").write_text("files: a.csv\nurl: https://host/a.csv\n")
    with pytest.raises(SpecError, match="one of `files`, `url`, `database`"):
        read_source(tmp_path / "source.yml")


def test_a_source_says_where_its_files_lie_once_they_are_beside_it(put, told, tmp_path, frame):
    for month in ("2013-01", "2013-02"):
        path = put(f"months/f_{month}.csv", frame.to_csv(index=False))
    source, files = beside(told(path.rsplit("/", 1)[0])[0], tmp_path / "new")
    assert source.files == "f_*.csv"
    assert sorted(str(to.relative_to(tmp_path)) for to in files.values()) == ["new/f_2013-01.csv", "new/f_2013-02.csv"]
