"""Import: what is read, and what is told of a file that cannot be."""

import gzip
import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PER_MONTH = 300


def test_every_row_of_every_month_is_read_once_with_its_declared_type(flow):
    flights = pd.read_parquet(flow.run("import")["raw"] / "flights.parquet")
    assert flights.groupby("month").size().tolist() == [PER_MONTH] * 12
    assert {str(kind) for kind in flights[["year", "flight", "distance"]].dtypes} == {"int64"}
    assert str(flights["arr_delay"].dtype) == "float64"
    assert str(flights["time_hour"].dtype).startswith("datetime64")


def test_the_last_line_sums_up_what_was_read(flow, capsys):
    flow.run("import")
    assert capsys.readouterr().out.splitlines()[-1] == "12 months, 3,600 rows"


def test_the_words_na_null_and_none_stay_words(flow, august):
    """D3: a tail number NA or a carrier NA must not vanish."""
    frame = august.frame
    words = ["NA", "null", "None", "n/a", "nan", "N/A", "-", "#N/A"]
    frame.loc[: len(words) - 1, "tailnum"] = words
    august.write(frame)
    read = pd.read_parquet(flow.run("import")["raw"] / "flights.parquet").query("month == 8")
    assert read["tailnum"].tolist()[: len(words)] == words


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t.rstrip("\n")])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(flow, august, spoil):
    """D4."""
    before = pd.read_parquet(flow.run("import")["raw"] / "flights.parquet")
    august.write(spoil(august.text))
    pd.testing.assert_frame_equal(before, pd.read_parquet(flow.run("import")["raw"] / "flights.parquet"))


def test_leading_zeros_stay_in_text_columns(flow, august):
    """D4."""
    frame = august.frame
    frame.loc[0, "dest"] = "007"
    august.write(frame)
    assert pd.read_parquet(flow.run("import")["raw"] / "flights.parquet").query("month == 8")["dest"].iloc[0] == "007"


@pytest.mark.parametrize(
    ("column", "text"), [("distance", "1.400,5"), ("sched_dep_time", "05:15"), ("arr_delay", "NA"), ("time_hour", "soon")]
)
def test_a_field_that_is_not_what_its_column_is_is_named_with_line_and_column(august, column, text, refused):
    """D4: decimal comma, clock text, the word NA among numbers, no date."""
    frame = august.frame
    frame.loc[4, column] = text
    august.write(frame)
    assert f"{august.path} line 6, column {column}: {text!r} is not" in refused("import")


def test_a_column_that_is_there_twice_is_refused(august, refused):
    """D4: pandas would rename the second one and go on."""
    august.write(august.text.replace("dest,air_time", "dest,dest"))
    assert "line 1: the column dest is there twice" in refused("import")


def test_a_row_with_more_fields_than_the_header_is_named(august, refused):
    """D4."""
    august.write(august.text + august.text.splitlines()[5] + ",1,2\n")
    assert f"line {PER_MONTH + 2}: 21 fields under 19 columns" in refused("import")


def test_rows_that_are_all_longer_than_the_header_are_refused(august, refused):
    """D4: pandas would take the first column for an index, and shift all others."""
    header, *rows = august.text.splitlines()
    august.write("\n".join([header, *(f"{row},9" for row in rows)]))
    assert "line 2: 20 fields under 19 columns" in refused("import")


def test_a_missing_column_is_named_with_those_that_are_there(august, refused):
    august.write(august.frame.drop(columns="distance"))
    message = refused("import")
    assert "there is no column distance. There are: year, month" in message


def test_an_unnamed_or_unknown_column_is_left_out_and_said(flow, august, capsys):
    """D4: the index column that a careless export adds."""
    august.write(august.frame.reset_index(names="").to_csv(index=False))
    assert "" not in pd.read_parquet(flow.run("import")["raw"] / "flights.parquet")
    assert "left out, because the contract does not know it: (without a name)" in capsys.readouterr().out


def test_a_file_that_is_not_the_recorded_one_is_refused_with_both_digests(august, refused):
    """D5: an upload cut short, or an edit by hand."""
    recorded = hashlib.sha256(august.path.read_bytes()).hexdigest()
    august.path.write_bytes(august.path.read_bytes()[:-1000])
    message = refused("import")
    assert str(august.path) in message
    assert f"expected sha256 {recorded}" in message
    assert hashlib.sha256(august.path.read_bytes()).hexdigest() in message


def test_a_gzip_that_was_damaged_before_it_was_recorded_is_refused(august, refused):
    """D5."""
    august.write_bytes(august.path.read_bytes()[:-1000])
    assert f"{august.path} is damaged" in refused("import")


def test_a_file_that_is_no_gzip_is_refused(august, refused):
    """D5."""
    august.write_bytes(b"<html>404 not found</html>")
    assert f"{august.path} is damaged" in refused("import")


def test_flipped_bits_in_a_gzip_are_refused(august, refused):
    """D5: the check sum of the gzip itself notices."""
    spoilt = bytearray(august.path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    august.write_bytes(bytes(spoilt))
    assert str(august.path) in refused("import")


def test_text_in_another_encoding_is_refused(august, refused):
    august.write(august.text.replace("JFK", "J\xf6K").encode("latin-1"))
    assert "is not UTF-8" in refused("import")


def test_a_file_that_nobody_recorded_is_refused_with_the_command_that_records_it(sample, refused):
    """D5."""
    shutil.copy(sample / "data/flights/2013-12.csv.gz", sample / "data/flights/2014-01.csv.gz")
    message = refused("import")
    assert "2014-01.csv.gz is not listed in SHA256SUMS" in message
    assert "sha256sum flights/2014-01.csv.gz >> SHA256SUMS" in message


@pytest.mark.parametrize("name", ["flights/2013-05.csv.gz", "weather.csv", "SHA256SUMS"])
def test_a_file_that_is_gone_is_named(sample, name, refused):
    (sample / "data" / name).unlink()
    message = refused("import")
    assert str(sample / "data" / name) in message


def test_an_empty_month_is_refused(august, refused):
    """D1: a header and no rows."""
    august.write(august.text.splitlines()[0] + "\n")
    assert "2013-08.csv.gz has a header and no rows" in refused("import")


def test_an_empty_file_is_refused(august, refused):
    """D1."""
    august.write("")
    assert "2013-08.csv.gz line 1: there is no column" in refused("import")


def test_a_month_that_is_there_twice_is_refused_with_both_files(sample, refused, record_again):
    shutil.copy(sample / "data/flights/2013-08.csv.gz", sample / "data/flights/2013-08-again.csv.gz")
    record_again()
    message = refused("import")
    assert "2013-08 is there twice" in message
    assert "2013-08-again.csv.gz" in message


def test_a_file_that_holds_another_month_than_its_name_says_is_refused(august, refused, month):
    august.write(month("2013-07").text)
    assert "should hold 2013-08 only, and holds 2013-07" in refused("import")


def test_a_gap_between_the_months_is_refused(sample, refused, record_again):
    (sample / "data/flights/2013-05.csv.gz").unlink()
    record_again()
    assert "2013-05 is missing between 2013-01 and 2013-12" in refused("import")


def test_only_the_wanted_months_are_read(flow):
    flights = pd.read_parquet(flow.run("import", months="2013-03,2013-04")["raw"] / "flights.parquet")
    assert sorted(flights["month"].unique()) == [3, 4]


def test_a_wanted_month_that_is_not_there_is_named(refused):
    assert "there is no file for 2014-02" in refused("import", months="2013-03,2014-02")


@pytest.mark.parametrize("text", ["", "schema: 3", "{", "schema: [{name: flights}]"])
def test_a_contract_that_tells_no_columns_is_refused(sample, text, refused):
    (sample / "flights.odcs.yml").write_text(text)
    assert "does not tell the columns of each table" in refused("import")


def test_the_data_in_the_repository_is_what_was_recorded():
    data = ROOT / "data/nycflights13"
    listed = dict(line.split()[::-1] for line in (data / "SHA256SUMS").read_text().splitlines())
    assert {path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in data.rglob("*.csv*")} == listed


def test_a_month_of_the_sample_is_a_real_gzip(sample):
    assert len(gzip.decompress((sample / "data/flights/2013-01.csv.gz").read_bytes()).splitlines()) == PER_MONTH + 1


def test_months_that_were_named_may_have_gaps_such_as_those_of_the_project_s_own_sample(flow):
    """`sample` in project.yml is what a pull request's first word is trained on."""
    named = yaml.safe_load((Path(__file__).parents[2] / "src/project/project.yml").read_text())["models"]["flights"]["sample"]["months"]
    flights = pd.read_parquet(flow.run("import", months=named)["raw"] / "flights.parquet")
    assert sorted(flights["month"].unique()) == sorted({int(month[5:]) for month in named.split(",")})
