"""Every part of the preparation says how many rows and columns went in and came out, and what comes out of one goes into the next."""

import itertools
import re

import pytest


@pytest.fixture
def counted(flow, capsys):
    """Run the steps up to training, and return part -> table -> numbers."""
    for step in ("import", "validate", "clean", "features", "split", "train"):
        flow.run(step)
    found = {}
    for line in re.findall(r"^counts (.*)$", capsys.readouterr().out, re.MULTILINE):
        words = line.split()
        numbers = dict(word.split("=") for word in words if "=" in word)
        found.setdefault(words[0], {})[words[1] if "=" not in words[1] else ""] = {name: int(value) for name, value in numbers.items()}
    return found


@pytest.mark.slow
def test_rows_and_columns_of_each_part_are_those_of_the_part_before(counted):
    assert list(counted) == ["import", "validate", "clean", "features", "split", "transform", "normalise"]
    tables = [counted["import"]["flights"], counted["validate"]["flights"], *(counted[part][""] for part in ("clean", "features", "split"))]
    for before, after in itertools.pairwise(tables):
        assert (before["rows_out"], before["columns_out"]) == (after["rows_in"], after["columns_in"])
    checked, split = counted["validate"]["flights"], counted["split"][""]
    assert checked["rows_in"] == checked["rows_out"] + checked["rows_quarantined"]
    assert split["rows_train"] + split["rows_test"] + split["rows_later"] == split["rows_in"]
    assert counted["transform"][""]["columns_in"] + counted["normalise"][""]["columns_in"] == 19
