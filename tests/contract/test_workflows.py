"""What GitHub Actions and Azure Pipelines may do: call make verbs, with no more rights than that takes, and both the same ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mlops.spec.source import read

ROOT = Path(__file__).parents[2]
GITHUB, AZURE = ROOT / ".github/workflows", ROOT / ".azure-pipelines"
WORKFLOWS = sorted(GITHUB.glob("*.yml"))
PIPELINES = sorted(AZURE.rglob("*.yml"))
VERBS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
TO_SUMMARY = {
    """ | sed 's/^/    /' | tee -a "$GITHUB_STEP_SUMMARY\"""",
    """ | sed 's/^/    /' | tee "$AGENT_TEMPDIRECTORY/summary.md"\necho "##vso[task.uploadsummary]$AGENT_TEMPDIRECTORY/summary.md\"""",
}
REFUSE = "exit 1"  # what the job that branch rules require runs when one before it did not succeed


def value(path: Path) -> Any:
    return read(path).value


def jobs(path: Path) -> dict[str, Any]:
    return value(path)["jobs"]


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def verb(body: str) -> str | None:
    """The make verb that a body is, with at most its output copied to the page of the run; None where it is anything else."""
    found = re.fullmatch(r"make ([a-z]+)(.*)", body.strip(), re.DOTALL)
    return found[1] if found and found[1] in VERBS and (not found[2] or found[2] in TO_SUMMARY) else None


def verbs(found: list[dict[str, Any]], key: str) -> list[str]:
    return [name for step in found if key in step and (name := verb(step[key]))]


def azure_stages(path: Path) -> list[dict[str, Any]]:
    return [stage for stage in value(path)["stages"] if isinstance(stage, dict)]


def by_name(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


def test_both_systems_have_the_same_pipelines() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "deliver.yml", "_check.yml", "_deliver.yml"}
    assert {f"_{path.name}" if path.parent.name == "templates" else path.name for path in PIPELINES} == {path.name for path in WORKFLOWS}


@by_name(WORKFLOWS)
def test_every_action_is_a_whole_commit_with_its_version_beside_it(path: Path) -> None:
    """C5: a tag that is moved to other code changes nothing here."""
    remote = [line for line in path.read_text().splitlines() if "uses:" in line and "./" not in line]
    wrong = [line for line in remote if not re.fullmatch(r"\s*(- )?uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", line)]
    assert wrong == []


def test_one_action_has_one_commit_and_one_version_everywhere() -> None:
    used = {line.split("uses: ")[1] for path in WORKFLOWS for line in path.read_text().splitlines() if "uses: actions/" in line}
    assert len({line.split("@")[0] for line in used}) == len(used)


@by_name(WORKFLOWS)
def test_a_workflow_begins_with_no_permission_and_a_job_may_only_read(path: Path) -> None:
    assert value(path)["permissions"] == {}
    assert all(job.get("permissions", {}) in ({}, {"contents": "read"}) for job in jobs(path).values())


@by_name(WORKFLOWS)
def test_every_job_has_an_end(path: Path) -> None:
    """A job without a limit may run for six hours; one that calls a workflow takes that workflow's."""
    endless = [name for name, job in jobs(path).items() if "uses" not in job and not 0 < job.get("timeout-minutes", 0) <= 60]
    assert endless == []


@by_name([path for path in PIPELINES if path.parent.name == "templates"])
def test_every_azure_job_has_an_end_and_a_hosted_pool(path: Path) -> None:
    found = [job for stage in azure_stages(path) for job in stage["jobs"]]
    assert found
    assert all(0 < job["timeoutInMinutes"] <= 60 and job["pool"] == {"vmImage": "${{ parameters.vmImage }}"} for job in found)


@by_name(WORKFLOWS)
def test_a_run_body_is_one_make_verb(path: Path) -> None:
    """C2: with no expression in a body, no branch name or title can become a command."""
    bodies = [step["run"] for step in steps(path) if "run" in step]
    assert [body for body in bodies if body != REFUSE and not verb(body)] == []


@pytest.mark.parametrize("body", ["make run; curl x", "make run ${{ github.head_ref }}", "make nothing", "pip install x", "make run | sh"])
def test_the_check_of_bodies_is_awake(body: str) -> None:
    assert verb(body) is None


@by_name(PIPELINES)
def test_an_azure_script_is_one_make_verb(path: Path) -> None:
    bodies = [step["script"] for stage in azure_stages(path) for job in stage.get("jobs", []) for step in job["steps"] if "script" in step]
    assert [body for body in bodies if not verb(body)] == []
    assert not re.search(r"^\s*- (bash|pwsh|powershell):", path.read_text(), re.MULTILINE)


@by_name(WORKFLOWS)
def test_only_the_required_job_runs_something_else_than_make(path: Path) -> None:
    assert {name for name, job in jobs(path).items() for step in job.get("steps", []) if step.get("run") == REFUSE} <= {"required"}


def test_the_required_job_waits_for_every_other_and_counts_a_skipped_one_as_not_green() -> None:
    found = jobs(GITHUB / "ci.yml")
    job = found["required"]
    assert set(job["needs"]) == set(found) - {"required"}
    assert job["if"] == "${{ always() }}"
    assert all(f"contains(needs.*.result, '{end}')" in job["steps"][0]["if"] for end in ("failure", "cancelled", "skipped"))


@by_name([GITHUB / "ci.yml", GITHUB / "deliver.yml"])
def test_a_caller_gives_a_reusable_workflow_what_it_takes_and_needs(path: Path) -> None:
    for name, job in jobs(path).items():
        if "uses" not in job:
            continue
        takes = value(ROOT / job["uses"])["on"]["workflow_call"].get("inputs", {})
        required = {key for key, entry in takes.items() if entry.get("required")}
        given = set(job.get("with", {}))
        assert required <= given <= set(takes), name


@by_name([AZURE / "ci.yml", AZURE / "deliver.yml"])
def test_a_caller_gives_a_template_what_it_takes_and_needs(path: Path) -> None:
    for call in value(path)["stages"]:
        takes = {entry["name"]: entry for entry in value(AZURE / call["template"])["parameters"]}
        required = {name for name, entry in takes.items() if "default" not in entry}
        given = call.get("parameters", {})
        assert required <= set(given) <= set(takes), call
        assert all(entry not in takes or given[entry] in takes[entry].get("values", [given[entry]]) for entry in given), call


def github_graph(name: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Job -> what it waits for, and the verbs that it runs, once the inputs are put in."""
    graph = {}
    for job, entry in jobs(GITHUB / name).items():
        if "uses" in entry:
            station = entry.get("with", {}).get("to")
            run = [step for step in steps(ROOT / entry["uses"]) if f"inputs.to == '{_other(station)}'" not in step.get("if", "")]
            needs = entry.get("needs", [])
            graph[job] = (tuple([needs] if isinstance(needs, str) else needs), tuple(verbs(run, "run")))
    return graph


def azure_graph(name: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    graph = {}
    for call in value(AZURE / name)["stages"]:
        given = call.get("parameters", {})
        for stage in azure_stages(AZURE / call["template"]):
            found = [step for job in stage["jobs"] for step in job["steps"]]
            run = [step for step in found if f"'{_other(given.get('to'))}'" not in step.get("condition", "")]
            waits = given.get("dependsOn", []) if "parameters" in str(stage["dependsOn"]) else stage["dependsOn"]
            graph[given.get("stage", stage["stage"])] = (tuple(waits), tuple(verbs(run, "script")))
    return graph


def _other(station: str | None) -> str:
    return {"registry": "production", "production": "registry", None: "no station"}[station]


@pytest.mark.parametrize("name", ["ci.yml", "deliver.yml"])
def test_github_and_azure_run_the_same_verbs_in_the_same_order(name: str) -> None:
    assert github_graph(name) == azure_graph(name)


def test_a_pull_request_checks_and_trains_and_a_merge_goes_to_production() -> None:
    way = ("status", "stop")
    assert github_graph("ci.yml") == {"check": ((), ("check", "test")), "train": ((), ("train", *way))}
    assert github_graph("deliver.yml") == {"check": ((), ("check", "test")), "deliver": (("check",), ("run", *way))}
    assert set(value(GITHUB / "ci.yml")["on"]) == {"pull_request", "workflow_dispatch"}
    assert value(GITHUB / "deliver.yml")["on"] == {"push": {"branches": ["main"]}}


def test_deliveries_wait_for_each_other_and_none_is_dropped() -> None:
    """C6: a newer delivery neither cancels the one that runs nor replaces the one that waits."""
    assert value(GITHUB / "deliver.yml")["concurrency"] == {"group": "deliver", "cancel-in-progress": False, "queue": "max"}
    assert value(AZURE / "deliver.yml")["lockBehavior"] == "sequential"


@by_name(WORKFLOWS + PIPELINES)
def test_nothing_is_restored_from_a_cache_and_no_secret_is_read(path: Path) -> None:
    """C1, C4: what a pull request ran can leave nothing behind that a delivery uses, and there is nothing to steal."""
    assert not re.search(r"actions/cache|Cache@\d|cache:|secrets\.|secrets:|pull_request_target|self-hosted", path.read_text())


@by_name(WORKFLOWS)
def test_a_checkout_leaves_no_token_behind(path: Path) -> None:
    found = [step for step in steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"] == {"persist-credentials": False} for step in found)


def test_the_machine_s_python_is_the_one_that_the_repository_names() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    versions = [line.split(":")[1].strip(" '") for path in PIPELINES for line in path.read_text().splitlines() if "versionSpec" in line]
    assert set(versions) == {wanted}


def test_the_hooks_of_pre_commit_call_make_verbs() -> None:
    hooks = [hook for repository in value(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    assert {hook["entry"].removeprefix("make ") for hook in hooks} == {"format", "check"} <= VERBS
