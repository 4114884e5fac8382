"""Bringing back a version: what lay elsewhere comes into the new folder, and nothing outside of it is touched."""

import pytest

from mlops.datasets.listing import Listing, recorded
from mlops.datasets.objects import store
from mlops.datasets.restoring import Wanted, laid_out, restore
from mlops.errors import UsageError
from mlops.files import digest_file


def test_old_bytes_of_a_file_elsewhere_come_into_the_folder_and_leave_the_live_one(tmp_path):
    live, home = tmp_path / "theirs/2024/01.csv", tmp_path / "home"
    live.parent.mkdir(parents=True)
    live.write_text("old")
    store(live, home)
    listing = Listing({str(live): digest_file(live)[7:]})
    live.write_text("new")
    found = restore(Wanted(listing, None, "then"), tmp_path, tmp_path / "then", home)
    assert (live.read_text(), (tmp_path / "then/01.csv").read_text(), list(found)) == ("new", "old", ["01.csv"])
    assert list(recorded(tmp_path / "then")) == ["01.csv"]


def test_what_lay_elsewhere_keeps_the_folders_that_tell_it_apart():
    assert laid_out(["/a/b/m=1/x.csv", "/a/b/m=2/x.csv", "source.yml"]) == {
        "/a/b/m=1/x.csv": "m=1/x.csv",
        "/a/b/m=2/x.csv": "m=2/x.csv",
        "source.yml": "source.yml",
    }


@pytest.mark.parametrize("names", [["../evil/x"], ["a/../../x"], ["x.csv", "/there/x.csv"]])
def test_a_version_that_climbs_out_of_the_folder_or_meets_itself_is_not_brought_back(tmp_path, names):
    with pytest.raises(UsageError, match="cannot be brought back"):
        restore(Wanted(Listing(dict.fromkeys(names, "a" * 64)), None, "then"), tmp_path, tmp_path / "then", tmp_path / "home")
    assert not (tmp_path / "then").exists()
