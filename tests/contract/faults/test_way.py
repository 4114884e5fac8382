"""Faults on the way before training: what a part of the corpus comes to. All of it, in every table: `make faults`."""

import pytest
from tests.contract.faults.tables import TABLES
from tests.contract.faults.way import Way

from mlops.contract.faults import FAULTS


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    table = TABLES["diabetes"]()
    return Way(table, table.newest, tmp_path_factory.mktemp("diabetes"))


@pytest.mark.slow
def test_the_untouched_part_is_stopped_by_nothing(diabetes):
    assert [finding.rule.name for verdict in diabetes.untouched for finding in verdict.stops] == []


@pytest.mark.slow
def test_nine_faults_in_ten_are_noticed_by_a_contract_that_nobody_wrote(diabetes, capsys):
    """D1, D3, D4, D5, D8, D9, D10, D11: each that a table of 442 rows can have, against what is proposed from the half before."""
    trials = [trial for fault in FAULTS.values() if (trial := diabetes.attempt(fault))]
    missed = {trial.fault.name for trial in trials if not trial.caught}
    assert len(trials) > 100
    assert len(missed) <= 0.1 * len(trials), missed


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.harmless])
def test_what_is_only_written_in_another_way_is_read_as_before(diabetes, name, capsys):
    """D4, D11: a byte order mark, Windows' line ends, other columns' order, an index without a name."""
    assert diabetes.attempt(FAULTS[name]).outcome == "undone"


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.recorded])
def test_a_file_that_changed_after_its_digest_was_taken_is_not_read(diabetes, name):
    """D5, D6."""
    trial = diabetes.attempt(FAULTS[name])
    assert trial.by == ("import",)
    assert "is not the file that was recorded" in trial.why


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no-rows", "infinity", "comma-decimals", "gzip-cut-short", "batch-twice", "a-column-gone"])
def test_what_must_stop_stops(diabetes, name):
    """D1, D4, D5, D9, D10."""
    assert diabetes.attempt(FAULTS[name]).outcome == "stopped"
