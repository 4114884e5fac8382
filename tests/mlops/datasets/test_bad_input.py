"""Data that cannot be read: each is told with file, place, and what to do."""

import gzip
import zipfile
from pathlib import Path

import pytest

from mlops.datasets.detection import detect
from mlops.errors import MlopsError

ME = "me:secret"  # apart from its host: the audit takes both together for a real one

GOOD = "a,b\n" + "".join(f"{i},x\n" for i in range(200))


def refused(data):
    with pytest.raises(MlopsError) as stop:
        detect(str(data), folder=Path(data).parent)
    return str(stop.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "the file is empty"),
        ("blank.csv", "\n\n  \n", "the file is empty"),
        ("header.csv", "a,b,c\n", "there is a header and no rows"),
        ("flowers.arff", "% a comment\n@RELATION flowers\n@attribute a numeric\n@data\n1\n", "an ARFF file"),
        ("page.csv", "<!DOCTYPE html><html>no such file</html>", "a page or a document"),
        ("program.csv", b"\x7fELF\x02\x01\x00\x00" * 20, "zero bytes"),
        ("cut.csv.gz", gzip.compress(GOOD.encode())[:-30], "the file is damaged"),
        ("ragged.csv", GOOD + "1,2,3,4\n" + GOOD[4:], "row 202 has 4 fields, and the header has 2"),
        ("short.csv", "a,b,c\n" + "1,2,3\n" * 50 + "4\n", "row 52 has 1 field, and the header has 3"),
        ("joined.csv", GOOD + GOOD, "row 201 repeats the header"),
        ("bad.jsonl", '{"a": 1}\n{"a": \n', "line 2: not JSON"),
        ("words.json", '["a", "b"]', "not a list of objects"),
        ("cut.parquet", b"PAR1" + b"x" * 50, "not a Parquet file"),
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"\x01" * 600, "password"),
        ("no.xlsx", "a,b\n1,2\n", "not an Excel file"),
    ],
)
def test_a_file_that_is_no_table_is_told_by_its_name(put, name, content, message):
    told = refused(put(name, content))
    assert message in told
    assert name in told
    assert "\n  " in told


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(put):
    put("flights.csv", GOOD)
    path = put("other.csv", GOOD).replace("other", "flihgts")
    assert 'did you mean "flights.csv"?' in refused(path)


def test_a_folder_of_different_tables_is_told(put):
    put("two/a.csv", GOOD)
    path = put("two/b.csv", GOOD.replace("a,b", "a,c"))
    told = refused(path.rsplit("/", 1)[0])
    assert "the files are different tables: this one has c, which the first file has not; has no b" in told
    assert "b.csv" in told


def test_an_archive_of_several_files_names_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("b.csv", GOOD)
    assert "the archive holds 2 files: a.csv, b.csv" in refused(tmp_path / "t.zip")


def test_a_password_in_a_url_is_refused_before_it_is_written():
    assert "${NAME}" in refused(f"postgresql://{ME}@localhost/db#t")
    assert "secret" not in refused(f"postgresql://{ME}@localhost/db#t")


def test_a_url_that_does_not_answer_is_no_stack_trace():
    told = refused("http://127.0.0.1:9/data.csv")
    assert "cannot fetch it" in told
    assert "download the file" in told
