"""The expectations made anew: the same verdicts as Great Expectations' own metrics, for less."""

import subprocess
import sys

import great_expectations
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.contract.engine import FORMAT, Engine

ITS_OWN = {"result_format": "SUMMARY", "partial_unexpected_count": 1000}  # another format than ours asks its ten metrics
numbers = st.lists(st.one_of(st.none(), st.integers(-5, 5), st.floats(-9, 9)), min_size=1, max_size=30)
words = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "ab", "", "A1", "ä"])), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Run an expectation both ways; return what each says."""
    asset = Engine(tmp_path_factory.mktemp("contract")).asset
    batches = asset.add_batch_definition_whole_dataframe("all")

    def both(frame, name, **arguments):
        batch = batches.get_batch({"dataframe": frame})
        expectation = getattr(great_expectations.expectations, name)(**arguments)
        return [_said(batch.validate(expectation, result_format=form)) for form in (FORMAT, ITS_OWN)]

    return both


def _said(found):
    result = found.result
    rows = result.get("unexpected_index_list", result.get("partial_unexpected_index_list"))
    return {
        "success": found.success,
        "type": found.expectation_config.type,
        "rows": rows or [],
        **{name: result.get(name) for name in ("element_count", "unexpected_count", "missing_count", "unexpected_percent")},
    }


def same(both, frame, name, **arguments):
    ours, its_own = both(frame, name, **arguments)
    assert ours == its_own


lenient = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@lenient
@given(values=numbers, low=st.integers(-6, 0), high=st.integers(0, 6), strict=st.booleans(), mostly=st.sampled_from([1, 0.7]))
def test_numbers_between_limits_are_judged_as_ever(both, values, low, high, strict, mostly):
    column = pd.DataFrame({"x": pd.Series(values, dtype="float64")})
    same(both, column, "ExpectColumnValuesToBeBetween", column="x", min_value=low, max_value=high, strict_min=strict, mostly=mostly)


@pytest.mark.slow
@lenient
@given(values=words, mostly=st.sampled_from([1, 0.5]))
def test_words_are_judged_as_ever(both, values, mostly):
    column = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    same(both, column, "ExpectColumnValuesToBeInSet", column="x", value_set=["a", "ä"], mostly=mostly)
    same(both, column, "ExpectColumnValuesToMatchRegex", column="x", regex="^[a-zA-Z]", mostly=mostly)
    same(both, column, "ExpectColumnValuesToNotBeNull", column="x", mostly=mostly)
    same(both, column, "ExpectColumnValuesToBeUnique", column="x", mostly=mostly)


@lenient
@given(values=st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.sampled_from(["a", "b", None])), min_size=1, max_size=20))
def test_keys_of_two_columns_are_judged_as_ever(both, values):
    frame = pd.DataFrame(values, columns=["x", "y"]).astype({"x": "float64", "y": "str"})
    same(both, frame, "ExpectCompoundColumnsToBeUnique", column_list=["x", "y"])


@pytest.mark.parametrize("unit", ["ns", "us"])
def test_times_are_compared_whatever_their_unit(both, unit):
    frame = pd.DataFrame({"x": pd.date_range("2024-01-01", periods=4).as_unit(unit)})
    ours, _ = both(frame, "ExpectColumnValuesToBeBetween", column="x", min_value=pd.Timestamp("2024-01-02"))
    assert ours["rows"] == [0]


def test_a_condition_on_rows_is_left_to_great_expectations(both):
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [0, 1, 1]})
    given = {"column": "x", "min_value": 3, "row_condition": "y == 1", "condition_parser": "pandas"}
    assert both(frame, "ExpectColumnValuesToBeBetween", **given)[0]["unexpected_count"] == 1


@pytest.mark.slow
def test_great_expectations_comes_without_clouds_drawing_and_databases():
    program = (
        "import sys, mlops.contract.engine\n"
        "heavy = ['azure.storage.blob', 'boto3', 'altair.vegalite', 'scipy.stats._continuous_distns', 'sqlalchemy', 'pyspark']\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "import sqlalchemy, altair; from scipy import stats\n"
        "print(stats.norm.cdf(0), altair.Chart.__name__, sqlalchemy.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "0.5 Chart sqlalchemy"]


def test_a_frame_is_judged_without_its_fingerprint(tmp_path):
    """It is a digest of every value, and a run has one of its files."""
    found = Engine(tmp_path).run("rows", pd.DataFrame({"a": [1, 2]}), [])
    assert "pandas_data_fingerprint" not in found.result.meta["batch_markers"]
