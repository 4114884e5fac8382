"""What a run of the monitoring pipeline says of the newest data."""

from mlops.files import write_json
from mlops.monitoring.newest import findings

RULE = {"rule": "r1", "table": "trips", "columns": ["miles"], "wording": "is at most 100", "severity": "stop", "observed": ""}


def record(*rules):
    return {"rules": list(rules)}


def step(folder, content, **facts):
    """Lay out the outputs of a step called `validate`, and return its run."""
    write_json(folder / "steps/validate/outputs/report/validation.json", content)
    return {"steps": {"validate": facts}}


def test_a_broken_rule_is_told_with_count_and_examples_and_the_step_that_failed_for_it_is_not_told_again(tmp_path):
    broken = RULE | {"outcome": "broken", "failed": 3, "total": 120, "broken_in": {"2024-03": [3, 12]}}
    broken["examples"] = ["trip 7: miles 250", "trip 8: miles 101", "trip 9: miles 300"]
    run = step(tmp_path, record(broken), state="failed", reason="exit status 1")
    (found,) = findings(run, tmp_path, tmp_path)
    assert (found.kind, found.status, found.subject, found.window, found.value) == ("contract", "bad", "trips.miles", "2024-03", 0.25)
    assert found.said == "trips.miles is at most 100: 3 of 12 break it, such as trip 7: miles 250; trip 8: miles 101"
    assert found.evidence == "steps/validate/outputs/report/report.html"


def test_a_rule_that_was_not_evaluated_is_broken_whatever_its_severity(tmp_path):
    rule = RULE | {"rule": "r2", "severity": "warn", "outcome": "not evaluated", "failed": 0, "total": 12, "observed": "there is no column"}
    (found,) = findings(step(tmp_path, record(rule), state="failed"), tmp_path, tmp_path)
    assert (found.status, found.said) == ("bad", "trips.miles is at most 100: there is no column")


def test_warnings_are_counted_and_break_nothing(tmp_path):
    rules = (RULE | {"outcome": "held"}, RULE | {"severity": "warn", "outcome": "broken", "failed": 1, "total": 12})
    (found,) = findings(step(tmp_path, record(*rules), state="finished"), tmp_path, tmp_path)
    assert (found.status, found.said) == ("ok", "2 rules, none that stops is broken, 1 warning")


def test_the_record_of_a_reused_step_is_read_where_an_earlier_run_left_it(tmp_path):
    step(tmp_path / "earlier", record(RULE | {"outcome": "held"}))
    place = str(tmp_path / "earlier/steps/validate/outputs/report")
    (found,) = findings({"steps": {"validate": {"state": "reused", "outputs": {"report": {"path": place}}}}}, tmp_path, tmp_path)
    assert found.status == "ok"


def test_a_step_that_failed_for_another_reason_is_told_by_the_line_that_it_ended_with(tmp_path):
    run = {
        "steps": {
            "import": {"state": "failed", "reason": "exit status 1", "tail": ["", "import: 2013-11.csv.gz is missing."], "log": "l.txt"}
        }
    }
    (found,) = findings(run, tmp_path, tmp_path)
    assert (found.kind, found.status, found.evidence) == ("data", "bad", "l.txt")
    assert found.said == "the newest data could not be looked at: import: import: 2013-11.csv.gz is missing."
