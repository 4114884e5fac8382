"""SHA256SUMS: read in one place, whoever wrote it."""

import pytest

from mlops.datasets.digests import check
from mlops.datasets.listing import parse, recorded, written
from mlops.errors import JobFailed
from mlops.files import digest_file

ONE = "a" * 64


def test_digests_in_capitals_are_the_same_digests(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("x")
    (tmp_path / "SHA256SUMS").write_text(f"{digest_file(path)[7:].upper()} *./x.csv\r\n")
    check(tmp_path, [path])
    assert recorded(tmp_path) == {"x.csv": digest_file(path)[7:]}


@pytest.mark.parametrize("name", ["2024\u2028.csv", "a\x0bb.csv", " x.csv", "/whole/path.csv"])
def test_what_is_written_is_read_back(name):
    assert parse(written({name: ONE})) == {name: ONE}


@pytest.mark.parametrize("line", [f"{ONE}  ../x.csv", f"{ONE}  a/../../x.csv", "x.csv", f"{'z' * 64}  x.csv"])
def test_a_line_that_climbs_or_is_none_is_refused(line):
    with pytest.raises(JobFailed, match="line 1"):
        parse(line)
