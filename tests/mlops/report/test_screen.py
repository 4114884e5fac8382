"""The screen that a delivery ends with."""

import json
import re
import shlex

import pytest

from mlops.report.screen import closing


@pytest.fixture
def at(tmp_path, sample, monkeypatch):
    """Stand where the run's files are."""
    sample.write(tmp_path, "gate/evidence.json", sample.evidence())
    monkeypatch.chdir(tmp_path)


def test_promotion_shows_all_that_a_person_asks(at, sample):
    screen = closing(sample.delivery_facts(), width=100, colour=False)
    assert "✔ flights v4 is in production" in screen
    assert re.search(r"AUC +0\.702 +0\.693 +\+0\.009 \[\+0\.006, \+0\.012\] +▲", screen)
    assert "gate: 9 of 9 rules hold" in screen
    assert "look       make report      report.html" in screen
    assert "make rollback    back to v3" in screen
    assert len(screen.splitlines()) <= 32


def test_every_rule_of_gate_and_staging_is_named(at, sample):
    screen = closing(sample.delivery_facts(), width=100, colour=False)
    marked = re.findall(r"^  ✔ (.+?)  ", screen, re.MULTILINE)
    assert marked == [
        "compare",
        "slices",
        "AUC",
        "log loss",
        "calibration error",
        "leakage",
        "latency, p95",
        "size",
        "staging answer time, p95",
    ]


@pytest.mark.parametrize("width", [80, 300])
def test_pasted_request_is_whole(at, sample, width):
    screen = closing(sample.delivery_facts(), width=width, colour=False)
    pasted = screen.split("try it")[1].split("\n  look")[0].replace("\\\n", " ")
    home = ".mlops/endpoints/flights/production"
    assert shlex.split(pasted) == [
        "curl", "-s", "http://127.0.0.1:8801/score", "-H", f"Authorization: Bearer $(cat {home}/key)", "-H", "Content-Type: application/json",
        "-d", f"@{home}/sample.json",
    ]  # fmt: skip


def test_lines_keep_to_the_width(at, sample):
    screen = closing(sample.delivery_facts("keep"), width=80, colour=False)
    assert max(map(len, screen.splitlines())) <= 80


def test_challenger_that_did_not_win_is_explained(at, sample):
    lost = sample.rule("compare", "comparison", False, "AUC 0.701 against 0.702 is not better than the champion v3")
    screen = closing(sample.delivery_facts("keep", verdict={"rules": [lost]}), width=100, colour=False)
    assert "= flights v4 stays a challenger; v3 remains the champion" in screen
    assert "= compare                    AUC 0.701 against 0.702 is not better" in screen
    assert "nothing to undo: production is as it was (v3)" in screen
    assert "✘" not in screen


def test_broken_limit_is_red_with_its_whole_reason(at, sample):
    reason = "0.91, at most 0.6: " + "word " * 30
    broken = sample.rule("log_loss", "limit", False, reason)
    screen = closing(sample.delivery_facts("stop", verdict={"rules": [broken]}), width=80, colour=True)
    assert "\x1b[31m  ✘ The gate stopped flights; production stays with v3" in screen
    assert "\x1b[31m✘\x1b[0m log loss" in screen
    assert screen.count("word") == 30


def test_dry_run_is_told_and_off_is_counted(at, sample):
    rules = [sample.rule("size_mb", "limit", False, "2 MB, at most 1", "dry-run"), sample.rule("auc", "limit", None, "", "off")]
    screen = closing(sample.delivery_facts("promote", staging=None, verdict={"rules": rules}), width=100, colour=False)
    assert "gate: 0 of 1 rules hold, 1 off" in screen
    assert "! size                       2 MB, at most 1 (dry run: told only)" in screen


def test_nothing_to_do_says_what_serves(at, sample):
    screen = closing(sample.delivery_facts("unchanged", evidence=None, verdict=None, staging=None), width=100, colour=False)
    assert "= flights v4 is in production already" in screen
    assert "curl -s http://127.0.0.1:8801/score" in screen


def test_first_model_names_its_baseline(at, tmp_path, sample):
    (tmp_path / "gate/evidence.json").write_text(json.dumps(sample.evidence(None)))
    screen = closing(sample.delivery_facts(champion=None, version=1), width=120, colour=False)
    assert 'There was no champion: compared with the baseline "share of late flights by carrier and hour".' in screen
    assert re.search(r"v1 +baseline +difference", screen)


def test_error_after_the_gate_is_no_success(at, sample):
    screen = closing(sample.delivery_facts(staging=None, production=None, error="port 8800 is taken"), width=100, colour=False)
    assert "✘ flights v4 passed the gate, and did not get into production" in screen
    assert "port 8800 is taken" in screen


def test_a_change_that_was_only_tried_is_not_said_to_be_registered(at, sample):
    screen = closing(sample.delivery_facts(version=None, staging=None, production=None), width=100, colour=False)
    assert "✔ flights passed the gate; production was not touched" in screen


def test_screen_without_colour_is_plain_and_data_cannot_draw(at, sample):
    """D12: escapes in names and reasons do not reach the terminal."""
    evil = sample.rule("auc", "limit", False, "\x1b[2Jgone\x07 \u202eback")
    screen = closing(sample.delivery_facts("stop", reason="a\x1b]0;title\x07b", verdict={"rules": [evil]}), width=100, colour=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", screen)
    assert "gone back" in screen
    assert "    ab\n" in screen


def test_evidence_that_is_gone_leaves_the_rest(tmp_path, sample, monkeypatch):
    monkeypatch.chdir(tmp_path)
    screen = closing(sample.delivery_facts(), width=100, colour=False)
    assert "flights v4 is in production" in screen
    assert "difference" not in screen.split("gate:")[0].split("\n\n")[1]
