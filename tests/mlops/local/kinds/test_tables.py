"""Rows as an MLTable describes them."""

import pandas as pd
import pytest

from mlops.errors import UsageError
from mlops.local.kinds.tables import read_rows, read_table

SALES = "store,sold,at,open\n1,2,01/02/2024,yes\n2,5,03/02/2024,no\n3,,04/02/2024,yes\n"


@pytest.fixture
def rows(tmp_path):
    """Return the rows of an MLTable over `sales.csv`, or of other files, as records."""

    def read(transformations, paths="[{file: ./sales.csv}]", **files):
        for name, text in {"sales.csv": SALES, **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "MLTable").write_text(f"type: mltable\npaths: {paths}\ntransformations: {transformations}\n")
        return read_rows(read_table(tmp_path)).to_dict("list")

    return read


@pytest.mark.parametrize(
    ("then", "stores"),
    [
        ('filter: \'col("sold") > 1 and col("open") == "yes"\'', [1]),
        ('filter: \'not (col("store") == 1) or col("sold") * 2 == 4\'', [1, 2, 3]),
        ("filter: 'col(\"store\") - 1 <= 1'", [1, 2]),
        ("skip: 1", [2, 3]),
        ("take: 2", [1, 2]),
        ("take_random_sample: {probability: 1.0, seed: 7}", [1, 2, 3]),
        ("take_random_sample: {probability: 0.0}", []),
        ("keep_columns: store", [1, 2, 3]),
    ],
)
def test_rows_are_chosen_as_the_transformation_says(rows, then, stores):
    assert rows(f"[read_delimited, {{{then}}}]")["store"] == stores


def test_columns_are_converted_to_dates_and_truths(rows):
    found = rows(
        "[read_delimited, {convert_column_types: [{columns: at, column_type: {datetime: {formats: ['%d/%m/%Y']}}},"
        " {columns: [open], column_type: {boolean: {true_values: ['yes'], false_values: ['no']}}}, {columns: sold, column_type: int}]}]"
    )
    assert found["at"][1] == pd.Timestamp(2024, 2, 3)
    assert found["open"] == [True, False, True]
    assert found["sold"][:2] == [2, 5]
    assert pd.isna(found["sold"][2])


def test_names_and_dates_of_folders_become_columns(rows):
    found = rows(
        "[read_delimited, {extract_columns_from_partition_format: '/{shop}/{day:yyyy/MM/dd}/*.csv'}]",
        "[{pattern: './*/*/*/*/*.csv'}]",
        **{"north/2024/02/03/a.csv": "n\n1\n", "south/2024/02/04/a.csv": "n\n2\n"},
    )
    assert found == {"n": [1, 2], "shop": ["north", "south"], "day": [pd.Timestamp(2024, 2, 3), pd.Timestamp(2024, 2, 4)]}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("{header: no_header}", {"Column1": ["n", "1", "n", "2"]}),
        ("{header: from_first_file}", {"n": ["1", "n", "2"]}),
        ("{header: all_files_same_headers, infer_column_types: false}", {"n": ["1", "2"]}),
    ],
)
def test_headers_are_where_the_settings_say(rows, settings, found):
    assert {
        name: list(map(str, values))
        for name, values in rows(
            f"[{{read_delimited: {settings}}}]", "[{pattern: ./?.txt}]", **{"a.txt": "n\n1\n", "b.txt": "n\n2\n"}
        ).items()
    } == found


def test_lines_that_are_no_json_are_dropped_or_told(rows):
    files = {"a.jsonl": '{"n": 1}\nnot json\n{"n": 2}\n'}
    assert rows("[{read_json_lines: {invalid_lines: drop}}]", "[{file: a.jsonl}]", **files) == {"n": [1, 2]}
    with pytest.raises(UsageError, match=r"a\.jsonl, line 2"):
        rows("[read_json_lines]", "[{file: a.jsonl}]", **files)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("{filter: 'col(\"sold\").isin([1])'}", "is not understood in a filter"),
        ("{filter: 'col(\"price\") > 1'}", "there is no column 'price'"),
        ("{keep_columns: [price]}", "there is no column 'price'"),
        ("{convert_column_types: [{columns: open, column_type: boolean}]}", "'yes' is neither true"),
        ("{sort_by: store}", "the transformation 'sort_by' is not done on this machine"),
        ("{read_delta_lake: {version_as_of: 1}}", "a Delta Lake folder is not read"),
        ("{read_parquet: {columns: [a]}}", "read_parquet has no setting 'columns'"),
    ],
)
def test_what_cannot_be_done_is_told_by_name(rows, then, said):
    with pytest.raises(UsageError) as told:
        rows(f"[read_delimited, {then}]")
    assert said in str(told.value)
