"""What is found out about data that a person names in one word."""

import bz2
import gzip
import lzma
import zipfile

import pandas as pd
import pyarrow as pa
import pytest

ROWS = [(i, f"{i % 7}.5", ["yes", "no"][i % 2]) for i in range(30)]


def table(delimiter, decimal="."):
    lines = [["n", "x", "ok"], *([str(n), x.replace(".", decimal), ok] for n, x, ok in ROWS)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), (";", ","), ("\t", "."), ("|", "."), (";", ".")])
def test_the_delimiter_and_the_decimal_comma_are_found(put, told, delimiter, decimal):
    source, frame = told(put("t.csv", table(delimiter, decimal)))
    assert (source.delimiter, source.decimal) == (delimiter, decimal)
    assert frame.dtypes.astype(str).tolist() == ["int64", "float64", "bool"]
    assert frame["x"].sum() == sum(float(x) for _, x, _ in ROWS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_found(put, told, encoding):
    text = "Straße;Größe\n" + "".join(f"Köln {i};{i}\n" for i in range(40))
    _, frame = told(put("t.csv", text, encoding))
    assert list(frame) == ["Straße", "Größe"]
    assert frame["Straße"][0] == "Köln 0"


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", lambda b: pa.compress(b, "zstd", asbytes=True))],
)
def test_a_packed_file_is_unpacked(put, told, suffix, pack):
    _, frame = told(put(f"t.csv{suffix}", pack(table(",").encode())))
    assert frame.shape == (30, 3)


def test_a_zip_of_one_file_is_that_file(put, told, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.write(put("inside.csv", table(",")), "inside.csv")
    assert told(tmp_path / "t.zip")[1].shape == (30, 3)


def test_lines_before_the_header_are_skipped(put, told):
    source, frame = told(put("t.csv", "# made by hand\n# in 2020\n" + table(",")))
    assert (source.skip, list(frame)) == (2, ["n", "x", "ok"])


def test_a_file_without_a_header_gets_numbered_names(put, told):
    source, frame = told(put("t.data", "".join(f"{i},{i / 3:.2f},a{i % 3}\n" for i in range(40))))
    assert not source.header
    assert list(frame) == ["column_1", "column_2", "column_3"]
    assert len(frame) == 40


def test_fields_that_stand_apart_by_any_number_of_spaces_are_read(put, told):
    source, frame = told(put("auto.data", "".join(f" {i}   {i * 2.5:.1f}      car{i}\n" for i in range(40))))
    assert source.delimiter == "whitespace"
    assert frame.shape == (40, 3)


def test_names_become_unique_and_every_one_has_a_name(put, told):
    _, frame = told(put("t.csv", 'a,a,," b "\n' + "".join(f"{i * 2},x{i},y,z\n" for i in range(40))))
    assert list(frame) == ["a", "a_2", "column_3", "b"]


def test_a_column_without_a_name_that_counts_the_rows_is_left_out(put, told, frame):
    source, found = told(put("t.csv", frame.to_csv()))
    assert list(found) == ["n", "x", "word"]
    assert any(note.value == "left out" for note in source.notes)


def test_leading_zeros_make_a_word_of_a_number(put, told):
    _, frame = told(put("t.csv", "zip,n\n" + "".join(f"{i:05d},{i}\n" for i in range(40))))
    assert frame["zip"][7] == "00007"
    assert frame["n"].dtype == "int64"


def test_more_digits_than_a_number_holds_stay_as_they_are(put, told):
    _, frame = told(put("t.csv", "id,n\n" + "".join(f"{9007199254740993 + i},{i}\n" for i in range(40))))
    assert frame["id"][0] == "9007199254740993"


def test_thousands_are_told_from_decimals(put, told):
    _, frame = told(put("t.csv", "a;b\n" + "".join(f"1.{i:03d},5;{i}\n" for i in range(40))))
    assert frame["a"][3] == 1003.5


def test_money_and_percents_are_numbers(put, told):
    _, frame = told(put("t.csv", "price,share\n" + "".join(f'"$1,{100 + i}.50",{i}%\n' for i in range(40))))
    assert (frame["price"][3], frame["share"][3]) == (1103.5, 3)


def test_thousands_are_only_where_three_digits_follow(put, told):
    _, frame = told(put("t.csv", "a,b\n" + "".join(f'"1,{100 + i}","{i % 9},{i % 7},2"\n' for i in range(40))))
    assert (frame["a"][3], frame["b"][3]) == (1103, "3,3,2")


def test_words_for_missing_are_taken_where_the_rest_are_numbers(put, told):
    source, frame = told(put("t.csv", "age,name\n" + "".join(f"{'NA' if i % 5 == 0 else i},n{i}\n" for i in range(40))))
    assert source.missing == ("NA",)
    assert frame["age"].isna().sum() == 8


def test_a_word_among_words_stays_a_word(put, told):
    """NA is Namibia, and None a kind of alley."""
    _, frame = told(put("t.csv", "country,alley\n" + "NA,None\nDE,Pave\nFR,Pave\n" * 15))
    assert frame["country"].eq("NA").sum() == 15
    assert frame["alley"].eq("None").sum() == 15


def test_what_can_be_no_value_is_missing_in_any_column(put, told):
    _, frame = told(put("adult.csv", "work,age\n" + "?,20\nPrivate,30\n#N/A,40\n" * 15))
    assert frame["work"].isna().sum() == 30


@pytest.mark.parametrize(
    ("words", "day"),
    [
        (["2020-01-31", "2020-02-01"], 31),
        (["31/01/2020", "01/02/2020"], 31),
        (["01/31/2020", "02/01/2020"], 31),
        (["31.01.2020", "01.02.2020"], 31),
        (["31-Jan-20", "01-Feb-20"], 31),
        (["Jan 31, 2020", "Feb 01, 2020"], 31),
        (["31.01.2020 13:45", "01.02.2020 00:00"], 31),
        (["2020-01-31T12:00:00Z", "2020-02-01T12:00:00Z"], 31),
    ],
)
def test_the_form_of_a_date_is_found_by_its_values(put, told, words, day):
    _, frame = told(put("t.csv", "d;n\n" + "".join(f"{words[i % 2]};{i}\n" for i in range(40))))
    assert frame["d"][0].day == day
    assert frame["d"][0].month == 1


def test_a_date_that_reads_both_ways_is_unsure_and_the_person_may_say(put, told):
    path = put("t.csv", "d;n\n" + "".join(f"0{1 + i % 9}/0{1 + i % 5}/2020;{i}\n" for i in range(40)))
    source, frame = told(path)
    assert [note.sure for note in source.notes if note.about == "d"] == ["unsure"]
    assert frame["d"][1].month == 2
    assert told(path, day_first=True)[1]["d"][8].day == 9


def test_a_few_words_among_numbers_are_told(put, told):
    source, frame = told(put("t.csv", "a,b\n" + "".join(f"{i if i != 17 else 'seventeen'},{i}\n" for i in range(40))))
    assert frame["a"].dtype == "str"
    assert any("1 of 40 different values are no numbers, as 'seventeen'" in note.why for note in source.notes)


def test_json_lines_and_a_list_of_objects_are_the_same_table(put, told, frame):
    lines, array = frame.to_json(orient="records", lines=True), frame.to_json(orient="records")
    pd.testing.assert_frame_equal(told(put("a.jsonl", lines))[1], told(put("b.json", array))[1])


def test_nested_json_gets_names_joined_by_a_point(put, told):
    _, frame = told(put("a.jsonl", "".join(f'{{"a": {{"b": {i}}}, "tags": ["x", {i}]}}\n' for i in range(40))))
    assert list(frame) == ["a.b", "tags"]
    assert frame["tags"][3] == '["x", 3]'


def test_parquet_keeps_its_types(tmp_path, told, frame):
    frame.assign(day=pd.date_range("2020-01-01", periods=40), kind=frame["word"].astype("category")).to_parquet(tmp_path / "t.parquet")
    _, found = told(tmp_path / "t.parquet")
    assert found.dtypes.astype(str).tolist() == ["int64", "float64", "str", "datetime64[us]", "str"]


def test_a_sheet_is_the_one_that_holds_most_from_where_its_table_begins(tmp_path, told, frame):
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"about": ["made by hand"]}).to_excel(book, sheet_name="Read me", index=False)
        frame.to_excel(book, sheet_name="Data", index=False, startrow=3)
    source, found = told(tmp_path / "t.xlsx")
    assert (source.sheet, source.skip) == ("Data", 3)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_a_row_of_totals_at_the_end_of_a_sheet_or_a_text_is_no_row_of_data(tmp_path, put, told):
    numbers = pd.DataFrame({"flat": [str(at) for at in range(40)], "rent": range(40), "built": 1990})
    total = pd.DataFrame({"flat": ["Total"], "rent": [780]})
    pd.concat([numbers, total]).to_excel(tmp_path / "t.xlsx", index=False)
    for path in (tmp_path / "t.xlsx", put("t.csv", pd.concat([numbers, total]).to_csv(index=False))):
        source, found = told(path)
        assert (source.footer, len(found)) == (1, len(numbers))


def test_files_of_a_folder_are_partitions_named_by_what_differs(put, told, frame):
    for month in ("2013-01", "2013-02", "2013-11"):
        path = put(f"months/flights_{month}.csv", frame.to_csv(index=False))
    put("months/README.md", "about")
    source, found = told(path.rsplit("/", 1)[0])
    assert source.files.endswith("/flights_*.csv")
    assert source.partition == "month"
    assert found["month"].dt.strftime("%Y-%m").unique().tolist() == ["2013-01", "2013-02", "2013-11"]


def test_a_folder_that_says_name_is_value_gives_a_column(tmp_path, told, frame):
    frame.to_parquet(tmp_path / "hive", partition_cols=["word"])
    _, found = told(tmp_path / "hive")
    assert found.groupby("word")["n"].count().to_dict() == {"ab": 20, "cd": 20}
