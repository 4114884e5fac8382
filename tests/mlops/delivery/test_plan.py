"""What a change asks of CI, in a real repository with two models; and that no file name is more than a name."""

import json
import textwrap
from pathlib import Path

import pytest
from tests.mlops.delivery.machines import git

from mlops.ci.host import Context
from mlops.cli import main
from mlops.delivery.plan import plan
from mlops.delivery.workspace import open_workspace

PIPELINE = """
type: pipeline
inputs:
  table: {type: uri_folder, path: ../../data/FOLDER}
jobs:
  train:
    type: command
    command: ls ${{inputs.table}}
    environment: azureml:any@latest
    inputs: {table: "${{parent.inputs.table}}"}
"""
FILES = {
    "src/mlops/machinery.py": "",
    "requirements.lock": "pandas==3.1.1\n",
    "README.md": "Two models.\n",
    "docs/page.html": "prose\n",
    "data/contract.yml": "id: x\n",
    "data/north/README.md": "Rows of the north.\n",
    "data/north/rows.csv": "1\n",
    "data/south/rows.csv": "2\n",
    "north/train.py": "",
    "south/train.py": "",
    "pipelines/north/train.yml": PIPELINE.replace("FOLDER", "north"),
    "pipelines/south/train.yml": PIPELINE.replace("FOLDER", "south"),
    "src/project/project.yml": "name: two\nmodels:\n"
    + "".join(
        f"  {name}: {{package: {name}, pipeline: pipelines/{name}/train.yml, contract: data/contract.yml, target: y, positive: 1, "
        "keys: [k], trusted_types: []}\n"
        for name in ("north", "south")
    ),
}
NASTY = [
    "$(touch pwned)",
    "`id`",
    "a\n::error::b",
    "a\r\n##[error]c",
    "a|b",
    "\x1b[2Jgone",
    "##vso[task.complete]",
    "'\"; rm -rf x",
    "\u202ecod.py",
]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "two models"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text))
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    monkeypatch.chdir(root)
    for name in ("MLOPS_HOME", "MLOPS_STATE", "MLFLOW_TRACKING_URI", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    return root


def commit(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(root, "rev-parse", "HEAD")


def planned(base, event="pull_request", known="v7", system="github"):
    return plan(open_workspace("north"), Context(system, event, "octo/two", "", base), lambda *_: known)


def done(decided):
    return decided.code.do, decided.names


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (["README.md"], (False, [])),
        (["docs/page.html", "LICENSE"], (False, [])),
        (["north/train.py"], (True, ["north"])),
        (["pipelines/south/steps/new.yml"], (True, ["south"])),
        (["data/south/rows.csv", "README.md"], (True, ["south"])),
        (["data/contract.yml"], (True, ["north", "south"])),
        (["requirements.lock"], (True, ["north", "south"])),
        (["src/mlops/machinery.py"], (True, ["north", "south"])),
        (["environments/staging.yml"], (True, ["north", "south"])),
        (["environments/production.yml", "northern/x.py"], (True, [])),
        (["data/north/README.md"], (False, ["north"])),
    ],
)
def test_a_change_asks_for_what_it_concerns(repository, changed, wanted):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, **dict.fromkeys(changed, "changed\n"))
    assert done(planned(base)) == wanted


def test_what_is_left_out_is_shown_with_the_digest_that_is_the_same_before_and_after(repository):
    base = git(repository, "rev-parse", "HEAD")
    before = planned(base)
    commit(repository, **{"README.md": "Prose.\n"})
    after = planned(base)
    assert (
        after.code.why == f"1 file changed since {base[:7]}, all of them prose; the rest is {after.code.why.split()[-4]} as in {base[:7]}"
    )
    assert after.code.why.split()[-4] in before.code.why
    assert [one.why for one in after.models] == [one.why for one in before.models]
    assert all("sha256:" in one.why and one.why.endswith("in both") for one in after.models)
    commit(repository, **{"north/train.py": "1\n"})
    assert planned(git(repository, "rev-parse", "HEAD")).models[0].why != before.models[0].why


@pytest.mark.parametrize("base", [None, "0" * 40, "f" * 40])
@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_without_a_commit_to_compare_with_all_is_done(repository, base, event):
    decided = planned(base, event)
    assert done(decided) == (True, ["north", "south"])
    assert decided.code.why == "there is no commit to compare with: all is done"


def test_in_a_shallow_clone_that_does_not_reach_the_base_all_is_done(repository, tmp_path, monkeypatch):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, **{"README.md": "Prose.\n"})
    git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert done(planned(base)) == (True, ["north", "south"])


@pytest.mark.parametrize("event", ["schedule", "manual"])
def test_who_asks_for_a_run_gets_all_of_it(repository, event):
    assert done(planned(git(repository, "rev-parse", "HEAD"), event)) == (True, ["north", "south"])


def test_a_push_trains_what_an_earlier_delivery_left_undone(repository):
    """Nothing changed since the commit before, and no version came of it: the delivery of that commit failed."""
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, **{"README.md": "Prose.\n"})
    assert done(planned(base, "push", known=None)) == (False, ["north", "south"])
    assert planned(base, "push", known=None).models[0].why.endswith("of which no version came")
    assert done(planned(base, "push")) == (False, [])
    assert planned(base, "push").models[0].why.endswith("of which v7 came")


def test_where_the_registry_is_on_azure_a_push_leaves_it_to_the_training_to_ask_there(repository):
    """The job that plans may not sign in: what a pull request starts is the same job."""
    base = commit(repository, **{"environments/staging.yml": "where: azure\n"})
    commit(repository, **{"README.md": "Prose.\n"})
    assert done(planned(base, "push")) == (False, ["north", "south"])
    assert planned(base, "push").models[0].why.endswith("make train asks there")
    assert done(planned(base, "pull_request")) == (False, [])


@pytest.mark.parametrize("name", NASTY)
def test_a_file_name_is_a_name_in_outputs_on_the_page_and_in_the_terminal(repository, tmp_path, monkeypatch, capsys, name):
    """C2: no command of a shell, of GitHub, of Azure DevOps or of a terminal, and no markup."""
    base = git(repository, "rev-parse", "HEAD")
    (repository / "north" / name).write_text("x")
    commit(repository)
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "octo/two"}
    runner |= {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    for key, value in runner.items():
        monkeypatch.setenv(key, value)
    assert main(["plan", "--base", base]) == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 3
    assert all(letter.isprintable() for line in told.splitlines() for letter in line)
    assert "##[" not in told
    assert "##vso" not in told
    outputs = [line.partition("<<") for line in (tmp_path / "output").read_text().splitlines() if "<<" in line]
    assert [key for key, _, _ in outputs] == ["code", "models"]
    assert json.loads((tmp_path / "output").read_text().splitlines()[4]) == ["north"]
    rows = (tmp_path / "summary").read_text().splitlines()
    assert len(rows) == 5
    assert all(row.count("|") == 4 and row.count("`") == 2 for row in rows[2:])
    assert not Path("pwned").exists()


def test_code_of_a_component_that_lies_elsewhere_is_part_of_the_model(repository):
    elsewhere = FILES["pipelines/south/train.yml"].replace("    command: ls", "    code: ../../shared\n    command: ls")
    base = commit(repository, **{"shared/step.py": "one\n", "pipelines/south/train.yml": elsewhere})
    commit(repository, **{"shared/step.py": "two\n"})
    assert done(planned(base)) == (True, ["south"])


def test_without_git_a_laptop_is_a_laptop_all_the_same(monkeypatch, tmp_path):
    from mlops.ci.laptop import Laptop

    monkeypatch.setenv("PATH", str(tmp_path))
    assert (Laptop({}).context.system, Laptop({}).context.commit) == ("laptop", "")
