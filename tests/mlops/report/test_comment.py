"""The comment on a pull request: what it says first, what it leaves out, and that data in it stays data."""

import html
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops.ci.host import Job
from mlops.report import comment, markdown, mermaid, verdict

COMMIT = "3f2a91c0d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0"
EVIL = "<script>alert(1)</script> | `x` @octocat #12 !3 GH-4 https://evil.example www.evil.example =cmd() $(id) [a](b) ![c](d)\n```\n</details>\u202e"
PICTURE = Path(__file__).parents[3] / "benchmarks/comment.py"
CHROMIUM, NPM = shutil.which("chromium"), shutil.which("npm")


@pytest.fixture
def facts(made):
    return verdict.gather(made)


@pytest.fixture
def judged(tmp_path, sample):
    """Facts of a run whose delivery ended in some way, against v3."""

    def gathered(outcome, candidate=None, **changed):
        proof = sample.evidence()
        if candidate is not None:
            proof["metrics"][0] = sample.metric("auc", "higher", candidate, 0.69, 0.003)
        return verdict.gather(sample.make_run(tmp_path, None, sample.delivery_facts(outcome, **changed), proof))

    return gathered


def rendered(facts, **options):
    return comment.render(facts, **{"commit": COMMIT, **options})


def whole(text):
    """Whether no fence and no section was cut, and no markup came out of data."""
    fences = re.findall(r"^```", text, re.MULTILINE)
    return len(fences) % 2 == 0 and text.count("<details>") == text.count("</details>") == text.count("<summary>") and "<script" not in text


def test_the_verdict_comes_first_then_the_reason_then_the_numbers(facts):
    lines = rendered(facts).splitlines()
    assert lines[0] == "### 🟢 Model check of flights: better ▲ — ready to merge"
    assert lines[2].startswith("AUC 0.702 against 0.693")
    row = next(line for line in lines if line.startswith("| **AUC**"))
    assert row == "| **AUC** | 0.693 | 0.702 | +0.009 [+0.006, +0.012] | `·········┊···├──●─┤` | ▲ |"


@pytest.mark.parametrize(
    ("outcome", "candidate", "said", "conclusion"),
    [
        ("promote", None, "better ▲ — ready to merge", "success"),
        ("keep", 0.691, "no clear difference ≈ — may be merged; v3 stays in production", "neutral"),
        ("keep", 0.66, "worse ▼ — not ready to merge; v3 stays in production", "failure"),
        ("stop", None, "stopped by the gate ✘ — not ready to merge", "failure"),
        ("unchanged", None, "the model stays the same — ready to merge", "success"),
        ("failed", None, "could not be judged ✘ — not ready to merge", "failure"),
    ],
)
def test_each_end_has_its_words_and_its_conclusion(judged, outcome, candidate, said, conclusion):
    found = judged(outcome, candidate)
    assert comment.title(found).endswith(said)
    assert comment.conclusion(found) == conclusion


def test_a_challenger_of_the_baseline_that_does_not_win_leaves_production_empty(tmp_path, sample):
    delivery = sample.delivery_facts("keep", champion=None)
    found = verdict.gather(sample.make_run(tmp_path, None, delivery, sample.evidence(champion=None)))
    assert comment.title(found).endswith("may be merged; nothing would go to production")


def test_data_that_break_the_contract_are_said_to_with_the_rows(tmp_path, sample):
    rule = {"table": "flights", "columns": ["distance"], "severity": "stop", "wording": "must be 1 to 5000", "outcome": "broken"}
    rows = ["2013-08-01 HA51 JFK: distance 8017.6", *(f"2013-08-0{day} HA51 JFK: distance 8017.6" for day in range(2, 10))]
    since = {"since": "2013-08", "drawn": "2013-01 ▁▁▁▁▁▁▁█ 2013-08"}
    told = {**rule, "failed": 66, "total": 29_327, "observed": "", "examples": rows, **since}
    run = sample.run_facts(state="failed", outputs={})
    run["steps"]["validate"] |= {"state": "failed", "reason": "it ended with exit code 1"}
    folder = sample.make_run(tmp_path, run, sample.delivery_facts("failed", error="validate failed"))
    sample.write(folder, "steps/validate/outputs/report/validation.json", {**sample.VALIDATION, "owner": "flights team", "rules": [told]})
    text = rendered(verdict.gather(folder))
    assert text.startswith("### 🔴 Model check of flights: the data break the contract ✘ — not ready to merge")
    assert "  - ✘ `flights.distance` must be 1 to 5000: 66 of 29,327, since `2013-08` — `2013-08-01 HA51 JFK: distance 8017.6`" in text
    assert "`2013-01 ▁▁▁▁▁▁▁█ 2013-08`" in text
    assert text.count("- `2013-08-0") == 9
    assert "owner: flights team" in text


def test_a_slice_that_falls_is_why_a_better_model_is_kept(judged, sample):
    rules = [*sample.RULES[2:], sample.rule("slices", "comparison", False, "carrier=HA falls by more than 0.02")]  # fmt: skip
    found = judged("keep", verdict={"outcome": "keep", "reason": "carrier=HA falls by more than 0.02", "rules": rules})
    assert "a slice falls ▼ — may be merged" in comment.title(found)
    assert "- ▼ **Slices**: carrier=HA falls by more than 0.02." in rendered(found)


def test_facts_that_contradict_themselves_are_no_success(facts):
    """C3: a verdict that a pull request wrote is shown, and not believed where its own rules say no."""
    facts["rules"][2]["passed"] = False
    assert comment.conclusion(facts) == "failure"


def test_facts_of_another_commit_are_told_to_be_so(facts):
    """C3: which commit was run is what the CI system says."""
    assert "do not rely on them" in rendered(facts, commit="8" * 40)
    assert "do not rely on them" not in rendered(facts, commit=COMMIT[:9])


def test_a_job_that_failed_is_named_with_its_page_and_nothing_is_ready(facts):
    jobs = [Job("check", "success", "https://ci.example/1"), Job("test", "failure", "https://ci.example/2", 61.0)]
    text = rendered(facts, jobs=jobs)
    assert text.startswith("### 🔴 Model check of flights: better ▲ — not ready to merge: 1 job failed\n")
    assert "✘ Jobs that did not succeed: [test](https://ci.example/2) (failure)" in text
    assert comment.conclusion(facts, jobs) == "failure"


def test_a_failure_shows_the_end_of_the_log_and_what_to_do_next():
    found = verdict.failed("train.yml:31:18  error: no input `x`\n   31 | x: 3", "did you mean y?")
    text = rendered(found)
    assert "```text\ntrain.yml:31:18  error: no input 'x'\n   31 | x: 3\n```" in text
    assert "→ did you mean y?" in text


def test_a_sample_is_named_and_like_is_compared_with_like(made):
    found = verdict.gather(made, reference={"kind": "twin", "version": 3}, sample={"months": "2013-01"})
    text = rendered(found)
    assert "better ▲ on a sample — a hint: the label all-data decides, on all rows" in text
    assert "Trained on a sample (`months` 2013-01). v3&#39;s own code and parameters".replace("&#39;", "'") in text
    assert "| v3, same sample | this change |" in text


def test_what_else_was_looked_at_has_a_line_each(facts):
    lines = [line for line in rendered(facts).splitlines() if line.lstrip().startswith("- ")]
    assert [re.search(r"\*\*(.*?)\*\*", line)[1] for line in lines if not line.startswith(" ")] == [
        "Slices", "Slices that fell", "Data contract", "Leakage", "Time and cost",
    ]  # fmt: skip
    assert "- ✔ **Data contract**: 2 of 3 rules hold, 1 warning" in lines
    jobs = [Job("check", "success", "", 40.0), Job("train", "success", "", 121.0)]
    assert "- ⏱ **Time and cost**: 33.4 s · 2 jobs, 2 min 41 s of CI in all · no cloud cost" in rendered(facts, jobs=jobs)


@pytest.mark.parametrize(
    ("better", "ends", "reach", "drawing"),
    [
        ("higher", (-0.5, 0.25, 1.0), 1.0, "`·····├───┼─●──────┤`"),
        ("lower", (0.5, 0.75, 1.0), 1.0, "`├─●──┤···┊·········`"),
        ("higher", (None, 2.0, None), 1.0, "`·········┊········▸`"),
        ("higher", (None, None, None), 1.0, ""),
    ],
)
def test_an_interval_is_drawn_to_scale_with_the_better_side_on_the_right(better, ends, reach, drawing):
    low, difference, high = ends
    assert comment._drawn(comment.comparison.Difference("x", better, 1.0, 1.0, difference, low, high), reach) == drawing


def test_without_charts_there_is_no_mermaid(facts):
    assert "```mermaid" in rendered(facts)
    assert "mermaid" not in rendered(facts, charts=False)


@pytest.mark.parametrize("limit", [60_000, 6_000, 3_000, 1_200, 400, 60])
def test_over_the_limit_whole_parts_go_and_the_comment_says_so(facts, limit):
    """C10: a comment that is too long is cut between its parts, with a link, never in one."""
    text = rendered(facts, limit=limit, run_url="https://ci.example/9")
    assert len(text) <= limit
    assert whole(text)
    assert text.startswith("### 🟢 Model check")
    if 400 <= limit < 60_000:
        assert "**Shortened**" in text
        assert "See [the run](https://ci.example/9)." in text


def test_charts_go_first_then_tables_then_what_changed(facts):
    names = ("What changed", "Slices", "Gate", "Curves", "Steps")
    texts = [rendered(facts, limit=limit) for limit in range(len(rendered(facts)), 1_500, -100)]
    kept = [tuple(name for name in names if f"<summary>{name}" in text) for text in texts]
    assert list(dict.fromkeys(kept)) == [names, ("What changed", "Slices", "Gate", "Steps"), ("What changed",), ()]


def test_data_is_shown_as_data(facts):
    """D12, C2: no markup, mention, reference or link comes out of a value."""
    text = rendered(
        verdict.check(spoiled(facts, EVIL[:60].replace("\n", " ")) | {"reason": EVIL}),
        jobs=[Job(EVIL, "failure", "javascript:alert(1)")],
        charts=False,
    )
    assert whole(text)
    told = re.sub(r"`[^`\n]*`", "", text)
    assert "octocat" in told
    assert not [live for live in ("](b)", "<img", "javascript:", "\u202e", "| `x", "**x") if live in told]
    found = html.unescape(told)  # the systems look for these in what is left after the markup was read
    assert not [live for live in (r"@\w", r"#\d", r"!\d", r"://evil", r"www\.", r"GH-\d") if re.search(live, found)]


def spoiled(value, evil):
    """The same facts with another word in the place of each free text."""
    kept = {"model", "outcome", "better", "mode", "kind", "state", "schema"}
    if isinstance(value, dict):
        return {name: inner if name in kept else spoiled(inner, evil) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoiled(inner, evil) for inner in value]
    return evil if isinstance(value, str) else value


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(word=st.text(max_size=20), limit=st.integers(60, 30_000), charts=st.booleans())
@example(word="```\n</det", limit=30_000, charts=True)
@example(word="\n- @a |``", limit=30_000, charts=True)
def test_whatever_the_texts_are_the_comment_is_whole_and_within_its_limit(facts, word, limit, charts):
    """D12, C3, C10."""
    text = rendered(verdict.check(spoiled(facts, word)), limit=limit, charts=charts)
    assert len(text) <= limit
    assert whole(text)


_SCALAR = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15) | st.text(max_size=8) | st.booleans()
)


def fitting(shape):
    """Values that pass the check."""
    match shape:
        case verdict.Text():
            return st.none() | st.text(max_size=min(shape.most, 12))
        case verdict.Name():
            return st.none() | st.text("aZ0._-", max_size=min(shape.most, 12))
        case verdict.Number():
            return st.none() | st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15)
        case verdict.Flag():
            return st.none() | st.booleans()
        case verdict.Choice():
            return st.none() | st.sampled_from(shape.words)
        case verdict.Many():
            return st.lists(fitting(shape.of), max_size=min(3, shape.most))
    return st.none() | st.fixed_dictionaries({}, optional={name: fitting(inner) for name, inner in shape.fields.items()})


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(fitting(verdict.SHAPE), st.sampled_from(verdict.OUTCOMES))
def test_whatever_passes_the_check_can_be_rendered(found, outcome):
    """C3: odd facts make an odd comment, never an error."""
    text = rendered(verdict.check({**(found or {}), "schema": 1, "outcome": outcome}))
    assert whole(text)
    assert comment.conclusion(found or {}) in {"success", "neutral", "failure"}


def test_a_label_for_mermaid_is_quoted_and_has_nothing_that_it_could_read():
    """D12: mermaid labels are quoted."""
    assert mermaid.label('x" --> y; %%{init}%% <b>`#35;') == '"x -- y init b 35"'
    assert mermaid.label("|") == '"-"'


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://x.example/a b", "https://x.example/)[y](z", "", "//x.example"])
def test_an_address_that_is_none_becomes_no_link(address):
    assert markdown.link("words", address) == "words"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Shows markdown as GitHub would, with what npm installs into a temporary folder, and returns what the page says of itself."""
    if not (CHROMIUM and NPM):
        pytest.skip("this needs chromium and npm")
    folder = tmp_path_factory.mktemp("npm")
    wanted = ["marked@18", "github-markdown-css@5", "mermaid@11"]
    done = subprocess.run([NPM, "install", "--silent", "--no-audit", "--no-fund", *wanted], cwd=folder, check=False, timeout=120)
    if done.returncode:
        pytest.skip("npm could not install marked, github-markdown-css and mermaid")
    drawing = SimpleNamespace(**runpy.run_path(str(PICTURE)))

    def show(text):
        drawing.write_page(text, folder, folder / "comment.html", ("",))
        return drawing.look(folder / "comment.html", CHROMIUM)

    return show


@pytest.mark.slow
def test_a_browser_parses_every_chart_and_finds_no_markup_in_data(browser, facts):
    """D12: what stands in a value is read as text by a real renderer."""
    spoilt = verdict.check(spoiled(facts, "<img src=x onerror=alert(1)>") | {"reason": EVIL})
    told = browser(rendered(spoilt, jobs=[Job(EVIL, "failure", "https://ci.example/2")]))
    assert (told["broken"], told["drawn"], told["scripts"]) == ([], 2, 0)
    assert "<img src=x onerror=alert(1)>" in told["text"]
    assert set(told["links"]) == {"https://ci.example/2"}


@pytest.mark.slow
def test_the_browser_tells_a_chart_that_does_not_parse(browser):
    told = browser("```mermaid\nxychart-beta\n  x-axis [a b\n```\n")
    assert (len(told["broken"]), told["drawn"]) == (1, 0)
