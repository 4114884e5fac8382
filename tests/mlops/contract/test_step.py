"""`python -m mlops.contract` as a step: what it writes, what it says, how it ends."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

from mlops.contract.__main__ import main


@pytest.fixture
def step(write, tmp_path):
    """Run the step on a table; return the folder of its outputs."""

    def run(frame, *changes):
        (tmp_path / "raw").mkdir(exist_ok=True)
        frame.to_parquet(tmp_path / "raw/trips.parquet")
        names = ("valid", "quarantine", "report")
        main(
            [
                "--contract",
                str(write(*changes)),
                "--data",
                str(tmp_path / "raw"),
                *(w for n in names for w in (f"--{n}", str(tmp_path / n))),
            ]
        )
        return tmp_path

    return run


def stopped(step, capsys, frame, *changes):
    with pytest.raises(SystemExit) as stop:
        step(frame, *changes)
    return stop.value.code, capsys.readouterr().err


def test_valid_rows_go_on_unchanged(step, trips, capsys):
    out = step(trips)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "valid/trips.parquet"), pd.read_parquet(out / "raw/trips.parquet"))
    assert capsys.readouterr().out.splitlines()[-1] == "12 expectations, 0 warnings, 0 rows to quarantine"


def test_rows_in_are_rows_out_and_rows_in_quarantine(step, trips, capsys):
    trips.loc[[2, 7], "city"] = "Rome"
    out = step(trips)
    valid, quarantine = pd.read_parquet(out / "valid/trips.parquet"), pd.read_parquet(out / "quarantine/trips.parquet")
    assert sorted([*valid["id"], *quarantine["id"]]) == list(range(12))
    assert quarantine["reasons"].tolist() == ["city must be one of York, Bath"] * 2
    assert "12 rows in, 10 valid, 2 to quarantine" in capsys.readouterr().out


def test_a_table_of_which_nothing_is_left_stops_the_run(step, trips, capsys):
    """D1: a warning that every row breaks is no warning."""
    code, message = stopped(step, capsys, trips.assign(city="Rome"))
    assert code == 1
    assert "of 12 rows 12 would go to quarantine" in message


def test_a_broken_stop_rule_ends_with_1_and_tells_rows_owner_and_page(step, trips, tmp_path, capsys):
    trips.loc[[8, 9, 10], "miles"] = 1000
    code, message = stopped(step, capsys, trips)
    assert code == 1
    assert "2024-03 breaks the contract" in message
    assert "trips.miles  must be 0 to 100   3 of 4 rows fail   (2024-02: 0, 2024-01: 0)" in message
    assert "8: miles 1000 · 9: miles 1000 · 1 more" in message
    assert f"Owner: trips team.  Full page: {tmp_path / 'report/report.html'}" in message
    assert "Traceback" not in message


def test_a_stopped_run_leaves_the_report_and_no_rows(step, trips, tmp_path, capsys):
    stopped(step, capsys, trips.assign(miles=-1.0))
    assert (tmp_path / "report/report.html").is_file()
    assert not (tmp_path / "valid").exists()


def test_the_message_is_short_however_much_is_broken(step, trips, capsys):
    """The engine shows the last twelve lines of a step's log."""
    spoilt = trips.assign(miles=-1.0, id=1, fare=float("inf"), month=None)
    _, message = stopped(step, capsys, spoilt)
    assert len(message.splitlines()) <= 12


def test_the_record_is_strict_json_with_great_expectations_own_results(step, trips):
    """D9: no bare NaN, even where the data hold one."""
    trips.loc[3, "city"] = "Rome"
    trips.loc[4, "fare"] = float("nan")

    def refuse(word):
        raise AssertionError(word)

    found = json.loads((step(trips) / "report/validation.json").read_text(), parse_constant=refuse)
    evaluated = sum(result["statistics"]["evaluated_expectations"] for result in found["results"].values())
    assert (found["success"], found["declared"], evaluated) == (True, len(found["rules"]), len(found["rules"]))
    (broken,) = [rule for rule in found["rules"] if rule["outcome"] == "broken"]
    assert (broken["broken_in"], broken["examples"]) == ({"2024-01": [1, 4]}, ["3: city Rome"])


def test_the_record_names_the_rows_that_break_a_rule_by_their_key(step, trips, tmp_path, capsys):
    stopped(step, capsys, trips.assign(miles=-1.0))
    rules = json.loads((tmp_path / "report/validation.json").read_text())["rules"]
    broken = next(rule for rule in rules if rule["outcome"] == "broken")
    assert broken["examples"][0].endswith("miles -1")
    assert all(rule["examples"] == [] for rule in rules if rule["outcome"] == "held")


def test_infinity_in_the_data_does_not_spoil_the_record(step, trips, tmp_path, capsys):
    """D9."""
    stopped(step, capsys, trips.assign(fare=[float("inf"), float("-inf"), float("nan")] * 4))
    assert "Infinity" not in (tmp_path / "report/validation.json").read_text()


def test_markup_in_the_data_is_text_on_the_page(step, trips, tmp_path, capsys):
    """D12: values, and names in the contract."""
    evil = "<script>alert(1)</script>"
    spoilt = trips.assign(city=evil, id=1)
    stopped(
        step,
        capsys,
        spoilt,
        ("enum: [{value: York}, {value: Bath}]", "enum: [{value: '<img src=x onerror=y>'}]"),
        ("trips team", "<b>boss</b>"),
    )
    page = (tmp_path / "report/report.html").read_text()
    assert not re.search(r"<(script|img|b)\b", page)
    assert "&lt;script&gt;" in page


def test_control_characters_in_the_data_do_not_reach_the_terminal(step, trips, capsys):
    """D12: an escape sequence could hide the message."""
    _, message = stopped(step, capsys, trips.assign(month="\x1b[2J\x1b[1;1H", miles=-1.0))
    assert "\x1b" not in message


def test_the_page_needs_nothing_from_elsewhere(step, trips):
    page = (step(trips) / "report/report.html").read_text()
    assert not re.search(r"<script|https?://|@import|url\(", page)


def test_a_malformed_contract_ends_with_2_and_the_line(step, trips, capsys):
    code, message = stopped(step, capsys, trips, ("logicalType: integer", "logicalType: int"))
    assert code == 2
    assert "trips.odcs.yml:14:" in message


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and then nothing"])
def test_a_table_that_cannot_be_read_is_named(step, trips, tmp_path, capsys, write, content):
    """D5: gone, empty, cut short."""
    step(trips)
    path = tmp_path / "raw/trips.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    words = [w for name in ("valid", "quarantine", "report") for w in (f"--{name}", str(tmp_path / name))]
    with pytest.raises(SystemExit) as stop:
        main(["--contract", str(write()), "--data", str(tmp_path / "raw"), *words])
    assert stop.value.code == 1
    assert str(path) in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_process_it_leaves_nothing_behind_but_its_outputs(write, trips, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "tmp").mkdir()
    trips.to_parquet(tmp_path / "raw/trips.parquet")
    words = [w for name in ("valid", "quarantine", "report") for w in (f"--{name}", str(tmp_path / name))]
    command = [sys.executable, "-m", "mlops.contract", "--contract", str(write()), "--data", str(tmp_path / "raw"), *words]
    variables = {"PATH": "", "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quarantine", "raw", "report", "tmp", "trips.odcs.yml", "valid"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Example: python -m mlops.contract" in " ".join(capsys.readouterr().out.split())


def test_the_log_of_a_stopped_step_has_the_history_and_ten_rows_by_their_key(step, trips, capsys):
    spoilt = pd.concat([trips] * 3, ignore_index=True).assign(id=range(36))
    spoilt.loc[20:, "miles"] = 1000
    with pytest.raises(SystemExit):
        step(spoilt)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "    2024-01 ▅▅█ 2024-03"
    assert [line for line in lines if line.endswith("miles 1000")] == [f"    {row}: miles 1000" for row in range(20, 30)]


def test_the_record_says_whose_it_is_and_since_when(step, trips, tmp_path, capsys):
    trips.loc[8:, "miles"] = 1000
    stopped(step, capsys, trips)
    record = json.loads((tmp_path / "report/validation.json").read_text())
    broken = next(rule for rule in record["rules"] if rule["outcome"] == "broken")
    assert (record["owner"], broken["since"], broken["drawn"]) == ("trips team", "2024-03", "2024-01 ▁▁█ 2024-03")
