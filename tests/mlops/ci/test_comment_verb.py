"""`mlops comment` in the run that may write: what it shows came from a run of a pull request's own code, and what it links to is that run."""

import json
import re

import pytest

from mlops.cli import main
from mlops.report.verdict import failed
from mlops.verbs.change import _harmless

HEAD = "a" * 40
RUN = "https://github.com/octo/flights/actions/runs/800"
COMMANDS = ["\n::add-mask::a", "\n  ::stop-commands::x", "##[add-mask]a", "###[group]a", "##vso[task.complete]", "###vso[task.complete]"]


def is_command(line):
    """How the runner of GitHub and the agent of Azure DevOps read what is printed."""
    return line.lstrip().startswith("::") or re.search(r"##(vso)?\[", line, re.IGNORECASE) is not None


@pytest.fixture
def comment(github, tmp_path, monkeypatch, capsys):
    """Run the verb on verdicts of a pull request's run; return what it printed."""
    github.pull_request(7, HEAD)
    (tmp_path / "verdict").mkdir()

    def run(**verdicts):
        for name, facts in verdicts.items():
            (tmp_path / "verdict" / f"{name}.json").write_text(json.dumps(facts))
        for name, value in github.variables_of(tmp_path / "runner", "workflow_run", github.workflow_run(7, run=800)).items():
            monkeypatch.setenv(name, value)
        assert main(["comment", str(tmp_path / "verdict")]) == 0
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("text", COMMANDS)
@pytest.mark.parametrize("where", ["model", "reason", "file"])
def test_a_verdict_prints_no_command_whatever_is_in_it(comment, github, where, text):
    """C2, C3: the job that reads it holds a token that may write."""
    facts = failed("it stopped", model="flights", commit=HEAD)
    name = f"a{text}" if where == "file" else "flights"
    printed = comment(**{name: [] if where == "file" else facts | {where: text}})
    assert [line for line in printed if is_command(line)] == []
    assert len(printed) == len(github.checks) == 1
    assert re.fullmatch(r"model: [A-Za-z0-9._-]+", github.checks[0]["name"])


@pytest.mark.parametrize("text", [*COMMANDS, "::error::x", "\t::error::x", "::::x", "####[x]", "##VSO[x]", "a ##[b] ##vso[c]"])
def test_what_is_printed_is_no_command_wherever_it_begins(text):
    """C2."""
    assert is_command(text.strip("\n"))
    assert not is_command(_harmless(text))


def test_the_comment_and_the_check_link_to_the_run_that_they_are_about(comment, github):
    comment(flights=failed("it stopped", model="flights", commit=HEAD))
    (told,), (check,) = github.comments[7], github.checks
    assert check["details_url"] == RUN
    assert set(re.findall(r"https://github.com/octo/flights/actions/runs/[^)\s\"]*", told["body"])) == {RUN, f"{RUN}#artifacts"}
