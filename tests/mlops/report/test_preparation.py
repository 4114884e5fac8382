"""The table of the preparation on a run's page."""

from mlops.report.preparation import parts


def run_with(folder, **logs):
    """Return a run's record and its folder, with a log for each step."""
    for step, text in logs.items():
        (folder / "steps" / step).mkdir(parents=True)
        (folder / "steps" / step / "log.txt").write_text(text)
    return {"steps": {step: {"inputs": {"minutes": {"value": "15"}, "valid": {"path": "x"}}} for step in logs}}


def test_each_part_has_its_rows_its_columns_and_what_was_left_out(tmp_path):
    run = run_with(
        tmp_path / "runs/1",
        validate="counts validate flights rows_in=1000 rows_out=998 rows_quarantined=2 columns_in=19 columns_out=19\n",
        clean="counts clean rows_in=998 rows_out=900 columns_in=19 columns_out=15\n",
        train="counts transform rows_in=900 rows_out=900 columns_in=3 columns_out=5\n",
    )
    checked, cleaned, part = parts(run, tmp_path / "runs/1")
    assert (checked.name, checked.table, checked.more) == ("validate", "flights", "2 to quarantine")
    assert (cleaned.rows_in, cleaned.rows_out, cleaned.more, cleaned.given) == ("998", "900", "98 left out", "minutes=15")
    assert (part.name, part.step, part.columns_out, part.given) == ("transform", "train", "5", "")


def test_a_step_that_was_reused_shows_what_it_counted_when_it_ran(tmp_path):
    run_with(tmp_path / "runs/1", clean="counts clean rows_in=3 rows_out=2\n")
    made = {"cleaned": {"path": str(tmp_path / "runs/1/steps/clean/outputs/cleaned")}}
    (part,) = parts({"steps": {"clean": {"state": "reused", "outputs": made}}}, tmp_path / "runs/2")
    assert (part.rows_in, part.rows_out) == ("3", "2")


def test_a_log_outside_of_the_runs_is_not_read(tmp_path):
    run_with(tmp_path / "elsewhere", clean="counts clean rows_in=3 rows_out=2\n")
    made = {"cleaned": {"path": str(tmp_path / "elsewhere/steps/clean/outputs/cleaned")}}
    assert parts({"steps": {"clean": {"outputs": made}}}, tmp_path / "runs/2") == []
