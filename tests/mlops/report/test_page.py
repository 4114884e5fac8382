"""The page about a run: what it says, what it does when pieces are missing, and that data cannot draw on it."""

import json
import re
from html.parser import HTMLParser

import pytest

from mlops.errors import UsageError
from mlops.report.page import write_report

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>=cmd|' /C calc'!A0"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """Every element with its attributes, and the elements that were not closed."""

    def __init__(self, html):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(html)

    def handle_starttag(self, name, attributes):
        self.seen.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open, name
        assert self.open.pop() == name


def page(folder):
    return write_report(folder).read_text(encoding="utf-8")


def text(html):
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", html)).split())


def test_page_has_its_parts_in_order(made):
    found = re.findall(r'<section id="(\w+)"', page(made))
    assert found == ["metrics", "gate", "plots", "slices", "data", "changes", "steps", "serving", "lineage", "undo"]


def test_every_element_is_closed_in_order(made):
    assert Outline(page(made)).open == []


def test_page_loads_nothing(made):
    outline = Outline(page(made))
    assert not [name for name, _ in outline.seen if name in {"script", "link", "img", "iframe", "object", "embed"}]
    loaded = [
        value
        for _, attributes in outline.seen
        for key, value in attributes.items()
        if key in {"src", "href", "xlink:href", "srcset", "action"}
    ]
    assert loaded
    assert all(value.startswith("#") for value in loaded)
    assert not re.search(r"url\(|@import", page(made))


def test_promotion_is_told_with_metrics_and_marks(made):
    told = text(page(made))
    assert "flights v4 is in production" in told
    assert "0.702 0.693 +0.009 [+0.006, +0.012] ▲ better" in told
    assert "▼ worse" in told
    assert "≈ no clear difference" in told


def test_every_rule_is_shown_with_its_reason(made, sample):
    told = text(page(made))
    assert all(rule["reason"] in told for rule in sample.RULES)


def test_a_lost_comparison_is_not_red_and_a_broken_limit_is(tmp_path, sample):
    lost, broken = sample.rule("compare", "comparison", False, "lost"), sample.rule("auc", "limit", False, "too low")
    delivery = sample.delivery_facts("stop", verdict={"rules": [lost, broken]})
    html = page(sample.make_run(tmp_path, delivery=delivery))
    assert '<span class="pill">= does not hold</span></td><td class="full">lost' in html
    assert '<span class="pill bad">✘ does not hold</span></td><td class="full">too low' in html


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("keep", "flights v4 stays a challenger; v3 remains the champion"),
        ("stop", "The gate stopped flights; production stays with v3"),
        ("unchanged", "flights v4 is in production already"),
        ("failed", "The delivery of flights v4 failed"),
    ],
)
def test_each_outcome_has_its_headline(tmp_path, sample, outcome, title):
    assert f"<h1>{title}</h1>" in page(sample.make_run(tmp_path, delivery=sample.delivery_facts(outcome)))


def test_first_model_is_compared_with_the_stated_baseline(tmp_path, sample):
    delivery = sample.delivery_facts(version=1, champion=None)
    told = text(page(sample.make_run(tmp_path, delivery=delivery, proof=sample.evidence(None))))
    assert "v1 and the baseline &#34;share of late flights by carrier and hour&#34;" in told
    assert "there was no champion before this run" in told


def test_staging_that_failed_is_the_headline(tmp_path, sample):
    staging = sample.delivery_facts()["staging"]
    staging["rules"] = [{"name": "p95_ms", "passed": False, "reason": "310 ms, at most 100"}]
    html = page(sample.make_run(tmp_path, delivery=sample.delivery_facts(staging=staging, production=None)))
    assert "flights v4 did not pass staging" in html
    assert "p95_ms: 310 ms, at most 100" in html


def test_what_changed_since_the_champion_is_listed(made):
    told = text(page(made))
    assert "What changed since v3 (run 5)" in told
    assert "parameter learning_rate 0.1 0.06" in told
    assert "feature hour_of_week – used" in told
    assert "code commit 8be21f0 3f2a91c" in told


def test_champion_whose_folder_is_gone_is_said(tmp_path, sample):
    html = page(sample.make_run(tmp_path, delivery=sample.delivery_facts()))
    assert "the run folder of the champion v3 is no longer here" in html


def test_failed_run_shows_the_end_of_its_log(tmp_path, sample):
    run = sample.run_facts(state="failed", outputs={})
    run["steps"]["train"].update(state="failed", reason="exit status 1")
    run["steps"]["evaluate"] = {"state": "skipped", "reason": "train failed"}
    sample.write(tmp_path / "7", "run.json", run)
    sample.write(tmp_path / "7", "steps/train/log.txt", "first line\n" + "noise\n" * 40 + "\x1b[31mValueError: 'NA'\x1b[0m\n")
    html = page(tmp_path / "7")
    assert "<h1>Run 7 stopped at train</h1>" in html
    assert "noise\nValueError: &#39;NA&#39;</pre>" in html
    assert "first line" not in html
    assert "skipped: train failed" in html


def test_log_outside_the_run_is_not_read(tmp_path, sample):
    """X2: a path in run.json does not lead out of the run's folder."""
    sample.write(tmp_path, "secret.txt", "the key is 1234")
    run = sample.run_facts(state="failed", outputs={})
    run["steps"]["train"].update(state="failed", reason="no", log="../secret.txt")
    sample.write(tmp_path / "7", "run.json", run)
    assert "the key is 1234" not in page(tmp_path / "7")


def test_data_is_escaped_everywhere(tmp_path, sample):
    """D12: values, names and reasons are shown as text, in the page and in its pictures."""

    def poison(value):
        if isinstance(value, dict):
            return {key: poison(inner) for key, inner in value.items()}
        return (
            [poison(inner) for inner in value]
            if isinstance(value, list)
            else EVIL
            if isinstance(value, str) and value not in kept
            else value
        )

    kept = {"completed", "finished", "promote", "champion", "auc", "higher", "lower", "on", "limit", "comparison", "gate/evidence.json"}
    kept |= {"steps/evaluate/outputs/evaluation", "steps/validate/outputs/report"}
    folder = sample.make_run(tmp_path, poison(sample.run_facts()), poison(sample.delivery_facts()), poison(sample.evidence()))
    for path in folder.glob("steps/*/outputs/*/*.json"):
        path.write_text(json.dumps(poison(json.loads(path.read_text()))))
    html = page(folder)
    assert html.count("&lt;script&gt;") > 50
    assert {name for name, _ in Outline(html).seen}.isdisjoint({"script", "img"})
    assert not [key for _, attributes in Outline(html).seen for key in attributes if key.startswith("on")]


@pytest.mark.parametrize("gone", ["curves", "monthly", "importance", "slices", "metrics"])
def test_each_missing_file_is_said(made, gone):
    (made / f"steps/evaluate/outputs/evaluation/{gone}.json").unlink()
    html = page(made)
    assert "flights v4 is in production" in html
    assert (f"there is no {gone}.json" in html) is (gone in {"curves", "monthly", "importance"})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["curves", "monthly", "importance", "metrics", "slices"])
@pytest.mark.parametrize("content", ["null", "[]", "{}", "[1, null]", '{"roc": 3}', "not json", '[{"month": null, "auc": "x"}]'])
def test_odd_evaluation_files_do_not_stop_the_page(made, name, content):
    (made / f"steps/evaluate/outputs/evaluation/{name}.json").write_text(content)
    assert "flights v4 is in production" in page(made)


def test_null_metrics_are_not_available(tmp_path, sample):
    """R9: a number that could not be computed is not shown as one."""
    proof = sample.evidence()
    proof["metrics"][0].update(candidate=None, difference=None, low=None, high=None)
    proof["slices"][0].update(difference=None, low=None, high=None)
    told = text(page(sample.make_run(tmp_path, delivery=sample.delivery_facts(), proof=proof)))
    assert "AUC · higher is better – 0.693 – not available" in told


def test_run_without_delivery_has_a_page(tmp_path, sample):
    told = text(page(sample.make_run(tmp_path)))
    assert "Run 7 completed; no model was delivered" in told
    assert "this run did not come to a gate" in told


def test_run_record_of_the_first_moment_has_a_page(tmp_path, sample):
    sample.write(tmp_path / "1", "run.json", {"run": 1, "name": "x", "state": "running", "steps": {}, "outputs": {}})
    assert "Run 1 was killed" in page(tmp_path / "1")


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no run\.json"):
        write_report(tmp_path)


def test_contract_is_counted_by_great_expectations(made):
    told = text(page(made))
    assert "2 of 3 expectations hold" in told
    assert "tailnum ! warning column values to not be null 2,512 of 336,776 unexpected" in told


def test_rule_that_was_not_evaluated_does_not_count_as_held(made, sample):
    """D2: declared and not evaluated is broken, and said."""
    rule = {
        "rule": "r",
        "table": "flights",
        "columns": ["hour"],
        "severity": "stop",
        "wording": "is 0 to 23",
        "outcome": "not evaluated",
        "observed": "it raised",
    }
    results = {"flights rows": sample.VALIDATION | {"statistics": {"evaluated_expectations": 1, "successful_expectations": 1}}}
    sample.write(made, "steps/validate/outputs/report/validation.json", {"declared": 2, "rules": [rule], "results": results})
    told = text(page(made))
    assert "✘ 1 of 2 expectations hold, and 1 could not be evaluated" in told
    assert "flights.hour ✘ stops is 0 to 23 not evaluated: it raised" in told


def test_contract_of_a_validation_that_failed_is_shown(tmp_path, sample):
    run = sample.run_facts(state="failed", outputs={})
    run["steps"] = {"validate": {"state": "failed", "reason": "breaks the contract"}}
    sample.write(tmp_path / "7", "run.json", run)
    sample.write(tmp_path / "7", "steps/validate/outputs/report/validation.json", sample.VALIDATION)
    assert "2 of 3 expectations hold" in text(page(tmp_path / "7"))


def test_months_show_the_phases_and_their_range(made):
    html = page(made)
    assert 'class="phase train"' in html
    assert "train: 0.76 to 0.80" in html
    assert "train 0.760 to 0.800, test 0.670 to 0.710, later 0.660 to 0.710" in html


def test_every_picture_says_what_it_shows(made):
    pictures = [attributes for name, attributes in Outline(page(made)).seen if name == "svg"]
    assert len(pictures) == 10
    assert all(len(picture["aria-label"]) > 20 for picture in pictures)


def test_reused_steps_say_why(tmp_path, sample):
    run = sample.run_facts()
    run["steps"]["import"] = {"state": "reused", "reason": "same data, code, parameters"}
    html = page(sample.make_run(tmp_path, run, sample.delivery_facts()))
    assert "reused: same data, code, parameters" in html
    assert "1 of 8 steps reused" in html


def test_way_back_names_the_version_before(made):
    told = text(page(made))
    assert "takes it back to v3" in told
    assert "make rollback" in told


def test_first_version_has_no_way_back_but_stop(tmp_path, sample):
    delivery = sample.delivery_facts(version=1, champion=None)
    delivery["production"]["previous"] = None
    assert "make stop" in text(page(sample.make_run(tmp_path, delivery=delivery)).split('id="undo"')[1])


def test_slice_of_a_few_rows_is_not_called_the_worst(tmp_path, sample):
    proof = sample.evidence()
    proof["slices"][0].update(rows=17, candidate=0.1)
    told = text(page(sample.make_run(tmp_path, delivery=sample.delivery_facts(), proof=proof)))
    assert "1 with fewer than 100 rows stands in the table only" in told
    assert "carrier=HA 17 0.100" in told
    assert "Worst slice: carrier=HA" not in told


def test_metrics_without_a_comparison_stand_beside_the_baseline(tmp_path, sample):
    folder = sample.make_run(tmp_path)
    sample.write(folder, "steps/evaluate/outputs/evaluation/metrics.json", {"auc": 0.7, "baseline_auc": 0.65, "rows": 55409})
    told = text(page(folder))
    assert "AUC 0.700 0.650" in told
    assert "rows 55,409" in told
