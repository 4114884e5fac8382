"""What GitHub Actions and Azure Pipelines may do: call make verbs, with no more rights than that takes. That both do the same is test_parity.py's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.azure_templates import load
from tests.contract.github_expressions import evaluate
from tests.contract.parity import azure, github

from mlops.settings import read_project
from mlops.spec.source import read

ROOT = Path(__file__).parents[2]
GITHUB, AZURE = ROOT / ".github/workflows", ROOT / ".azure-pipelines"
WORKFLOWS = sorted(GITHUB.glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").rglob("action.yml"))
PIPELINES = sorted(AZURE.rglob("*.yml"))
OURS = [path for path in WORKFLOWS if path.name.startswith("_")] + [path for path in PIPELINES if path.parent.name == "templates"]
STARTED = [path for path in WORKFLOWS if path not in OURS]
BEGUN = [path for path in PIPELINES if path not in OURS]
VERBS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
REFUSE = "exit 1"  # what the job that branch rules require runs when one before it did not do what was asked of it

RIGHTS = {
    # verb -> permission -> level, beside `contents: read` for the checkout
    "check": {},
    "test": {},
    "audit": {},
    "pages": {},
    "stop": {},
    "plan": {},  # it reads the branch that keeps the registry
    "try": {},  # it registers nothing, and others tell the pull request
    "comment": {"actions": "read", "checks": "write", "pull-requests": "write"},  # the other run's jobs; a check; one comment
    "train": {
        "contents": "write",
        "id-token": "write",
    },  # the branch that keeps the registry; who signs in to Azure, where an environment is there
    "promote": {"contents": "write", "deployments": "write", "id-token": "write"},  # the same; what serves now
    "provenance": {"id-token": "write", "attestations": "write"},  # who signs, beside it, where a version came from
    "rollback": {"contents": "write", "deployments": "write", "id-token": "write"},
    "monitor": {"issues": "write", "id-token": "write"},  # one issue a model
    "infra": {"id-token": "write"},  # who signs in to Azure
    "release": {"contents": "write", "id-token": "write", "attestations": "write"},  # tag and files; who made them
}
APPROVED = {"actions": "read", "pull-requests": "read"}  # a job behind production's gate asks who approved, and who wrote what is delivered
ASKS_THE_SYSTEM = {"plan", "try", "comment", "train", "promote", "provenance", "rollback", "monitor", "infra", "release"}
"""The verbs that get the job's token; what runs a change's own tests gets none."""
TURNS = {
    "ci": {"group": "ci-${{ github.ref }}", "cancel-in-progress": True},
    "comment": {
        "group": "comment-${{ github.event.workflow_run.head_repository.full_name }}-${{ github.event.workflow_run.head_branch }}",
        "cancel-in-progress": True,
    },
    "deliver": {"group": "deliver", "cancel-in-progress": False, "queue": "max"},
    "retrain": {"group": "deliver", "cancel-in-progress": False, "queue": "max"},
    "rollback": {"group": "rollback", "cancel-in-progress": False},
    "monitor": {"group": "monitor", "cancel-in-progress": False},
    "infra": {"group": "infra", "cancel-in-progress": False},
    "release": {"group": "release", "cancel-in-progress": False},
}
LEVELS = ["none", "read", "write"]


def value(path: Path) -> Any:
    return read(path).value


def jobs(path: Path) -> dict[str, Any]:
    return value(path)["jobs"]


def steps(path: Path) -> list[dict[str, Any]]:
    if path in ACTIONS:
        return value(path)["runs"]["steps"]
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def verb(body: str) -> str | None:
    """The make verb that a body is; None where it is anything else."""
    found = re.fullmatch(r"make ([a-z]+)", body)
    return found[1] if found and found[1] in VERBS else None


def within(tree: Any, *keys: str) -> Iterator[dict[str, Any]]:
    """Every mapping in a file, however deep, that has one of these keys."""
    if isinstance(tree, dict):
        if set(keys) & set(tree):
            yield tree
        tree = list(tree.values())
    for part in tree if isinstance(tree, list) else []:
        yield from within(part, *keys)


def merged(*rights: dict[str, str]) -> dict[str, str]:
    """The permissions that several need together."""
    found: dict[str, str] = {}
    for key, level in (pair for one in rights for pair in one.items()):
        found[key] = max(level, found.get(key, "none"), key=LEVELS.index)
    return found


def needed(job: dict[str, Any]) -> dict[str, str]:
    """The permissions that a job's verbs need, or those of the jobs that it calls."""
    if "uses" in job:
        return merged(*(needed(inner) for inner in jobs(ROOT / job["uses"]).values()))
    found = [RIGHTS[name] for step in job["steps"] if (name := verb(step.get("run", "")))]
    checkout = [{"contents": "read"}] * any("checkout@" in step.get("uses", "") for step in job["steps"])
    return merged(*found, *checkout, *[APPROVED] * ("environment" in job))


def by_name(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


# Whose, and whose code


@by_name([*WORKFLOWS, *PIPELINES])
def test_a_file_says_whose_it_is_and_its_name_or_folder_says_the_same(path: Path) -> None:
    assert path.read_text().startswith("# Ours: " if path in OURS else "# Yours: ")


@by_name([*WORKFLOWS, *ACTIONS])
def test_every_action_is_a_whole_commit_with_its_version_beside_it(path: Path) -> None:
    """C5: a tag that is moved to other code changes nothing here."""
    used = [line for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    pinned = re.compile(r"\s*(- )?uses: (\./\.github/[\w./-]+|[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")
    assert [line for line in used if not pinned.fullmatch(line)] == []
    assert len(used) == path.read_text().count("uses:")


def test_one_action_has_one_commit_and_one_version_everywhere() -> None:
    """C5."""
    lines = [line for path in [*WORKFLOWS, *ACTIONS] for line in path.read_text().splitlines()]
    used = {line.split("uses: ")[1] for line in lines if "uses: " in line and "@" in line}
    assert used
    assert len({line.split("@")[0] for line in used}) == len(used)


# Rights


@by_name(WORKFLOWS)
def test_a_workflow_begins_with_no_permission_and_each_job_has_exactly_those_that_its_verbs_need(path: Path) -> None:
    assert value(path)["permissions"] == {}
    for name, job in jobs(path).items():
        assert job.get("permissions", {}) == needed(job), name


@by_name(WORKFLOWS)
def test_a_called_workflow_asks_for_no_more_than_its_caller_grants(path: Path) -> None:
    for name, job in jobs(path).items():
        for inner in jobs(ROOT / job["uses"]).values() if "uses" in job else ():
            asked, granted = inner.get("permissions", {}), job.get("permissions", {})
            assert all(LEVELS.index(level) <= LEVELS.index(granted.get(key, "none")) for key, level in asked.items()), name


def test_what_a_pull_request_starts_may_only_read() -> None:
    """C1: its code runs there, whoever wrote it."""
    started = [path for path in STARTED if {"pull_request", "merge_group"} & set(value(path)["on"])]
    assert [path.stem for path in started] == ["ci"]
    assert [job for path in started for job in jobs(path).values() if job.get("permissions", {}) not in ({}, {"contents": "read"})] == []


SIGNING_IN = {"train", "promote", "rollback", "monitor", "infra"}
"""The verbs that may have to sign in to Azure."""


@by_name(PIPELINES)
def test_an_azure_job_names_service_connections_where_its_verbs_sign_in_and_only_there(path: Path) -> None:
    """C1: a job has no token of a connection that none of its tasks names; those of a pull request name none."""
    for job in within(value(path), "job", "deployment"):
        verbs = {verb(step["script"]) for step in within(job, "script")}
        assert [step["template"] for step in within(job, "template")].count("azure.yml") == bool(verbs & SIGNING_IN), job


def test_a_task_that_names_a_service_connection_never_runs_and_without_one_there_is_no_task() -> None:
    template = value(AZURE / "templates/azure.yml")
    (task,) = within(template, "task")
    assert (task["condition"], task["inputs"]["azureSubscription"]) == ("false", "${{ connection }}")
    asked = {"infra": {"environment": "staging"}, "rollback": {"reason": "x"}}
    for path in BEGUN:
        found = load(lambda name: (ROOT / name).read_text(), path.relative_to(ROOT).as_posix(), asked.get(path.stem, {}))
        assert [step for stage in found.stages for job in stage.jobs for step in job.steps if step.body == "AzureCLI@2"] == []


@by_name([*WORKFLOWS, *ACTIONS, *PIPELINES])
def test_there_is_no_secret_to_steal_and_no_machine_of_ours_to_stay_on(path: Path) -> None:
    """C1."""
    words = r"secrets *[.:[]|pull_request_target|self-hosted|- group:"
    assert re.findall(words, path.read_text()) == []
    runners = [job["runs-on"] for job in within(value(path), "runs-on")]
    assert set(runners) <= {"${{ inputs.os }}", "ubuntu-latest"}


@by_name([*WORKFLOWS, *PIPELINES])
def test_only_a_verb_that_asks_the_system_gets_the_token(path: Path) -> None:
    """C1: what runs a change's tests has none in its environment."""
    have = [step for step in within(value(path), "run", "script") if {"GITHUB_TOKEN", "SYSTEM_ACCESSTOKEN"} & set(step.get("env", {}))]
    need = [step for step in within(value(path), "run", "script") if verb(step.get("run", step.get("script", ""))) in ASKS_THE_SYSTEM]
    assert have == need
    tokens = [line.strip() for line in path.read_text().splitlines() if re.search(r"github\.token|System\.AccessToken", line)]
    assert set(tokens) <= {
        "GITHUB_TOKEN: ${{ github.token }}",
        "github-token: ${{ github.token }}",
        "SYSTEM_ACCESSTOKEN: $(System.AccessToken)",
    }


@by_name(WORKFLOWS)
def test_a_checkout_takes_the_event_s_commit_and_leaves_no_token_behind(path: Path) -> None:
    """C3: no `ref`, no `repository`: a run that may write never has a pull request's code in its hands."""
    found = [step["with"] for step in steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert all(step["persist-credentials"] is False and set(step) <= {"persist-credentials", "fetch-depth"} for step in found)


def test_azure_s_one_checkout_takes_the_run_s_commit_and_leaves_no_token_behind() -> None:
    found = [step for path in PIPELINES for step in within(value(path), "checkout")]
    assert found == [{"checkout": "self", "fetchDepth": "${{ parameters.fetchDepth }}", "persistCredentials": False}]


def test_what_another_run_left_behind_is_put_beside_the_checkout() -> None:
    """C3: no file of it can take the place of one of ours."""
    followers = [path for path in STARTED if "workflow_run" in value(path)["on"]]
    called = [ROOT / job["uses"] for path in followers for job in jobs(path).values()]
    brought = [step["with"] for path in called for step in steps(path) if "download-artifact@" in step.get("uses", "")]
    assert [path.stem for path in followers] == ["comment"]
    assert [step["path"].startswith("${{ runner.temp }}/") for step in brought] == [True]


# Bodies


@by_name([*WORKFLOWS, *ACTIONS])
def test_a_run_body_is_one_make_verb(path: Path) -> None:
    """C2: with no expression in a body, no branch name or title can become a command."""
    assert [step["run"] for step in steps(path) if "run" in step and step["run"] != REFUSE and not verb(step["run"])] == []
    assert list(within(value(path), "shell", "working-directory")) == []


@by_name(WORKFLOWS)
def test_only_the_required_job_runs_something_else_than_make(path: Path) -> None:
    assert {name for name, job in jobs(path).items() for step in job.get("steps", []) if step.get("run") == REFUSE} <= {"required"}


@by_name(PIPELINES)
def test_an_azure_script_is_one_make_verb(path: Path) -> None:
    """C2: a macro in a script is put in before bash reads it."""
    assert [step["script"] for step in within(value(path), "script") if not verb(step["script"])] == []
    assert list(within(value(path), "bash", "pwsh", "powershell", "inlineScript")) == []


@pytest.mark.parametrize(
    "body", ["make run; curl x", "make run ${{ github.head_ref }}", "make nothing", "pip install x", "make run | sh", "make run\nid"]
)
def test_the_check_of_bodies_is_awake(body: str) -> None:
    assert verb(body) is None


@pytest.mark.parametrize(("name", "typed"), [("retrain", {"set"}), ("rollback", {"reason", "model"}), ("infra", {"what_if"})])
def test_what_somebody_types_into_azure_s_form_becomes_no_variable(name: str, typed: set[str]) -> None:
    """C2: `$(name)` would be filled with that variable, a secret one too, whatever stands before it."""
    given = dict.fromkeys(typed, "$(System.AccessToken) $$(System.AccessToken)") | ({"environment": "staging"} if name == "infra" else {})
    found = load(lambda path: (ROOT / path).read_text(), f".azure-pipelines/{name}.yml", given)
    env = [
        word
        for stage in found.stages
        for job in stage.jobs
        for step in job.steps
        for key, word in step.env.items()
        if key in {"SET", "REASON", "MODEL", "ENV", "WHAT_IF"}
    ]
    assert any("System.AccessToken" in word for word in env)
    assert [word for word in env if "$(" in word] == []


# Ends, turns and caches


@by_name(WORKFLOWS)
def test_every_job_has_an_end(path: Path) -> None:
    """A job without a limit may run for six hours; one that calls a workflow takes that workflow's."""
    assert [name for name, job in jobs(path).items() if "uses" not in job and not 0 < job.get("timeout-minutes", 0) <= 60] == []


@by_name(PIPELINES)
def test_every_azure_job_has_an_end_and_a_hosted_pool(path: Path) -> None:
    for job in within(value(path), "job", "deployment"):
        assert 0 < job["timeoutInMinutes"] <= 60, job
        assert job["pool"] == {"vmImage": "${{ parameters.vmImage }}"}, job
    assert len(list(within(value(path), "pool"))) == len(list(within(value(path), "job", "deployment")))


@by_name(STARTED)
def test_runs_wait_for_each_other_as_they_should(path: Path) -> None:
    """C6: a newer delivery neither cancels the one that runs nor replaces the one that waits, and a rollback waits for none."""
    assert value(path)["concurrency"] == TURNS[path.stem]
    assert all("concurrency" not in job for job in jobs(path).values())


@by_name([path for path in WORKFLOWS if path in OURS])
def test_what_is_called_waits_for_nothing_of_its_own(path: Path) -> None:
    """C6: a group in a called workflow would cancel what its caller wants in turn."""
    assert list(within(value(path), "concurrency")) == []


@by_name(BEGUN)
def test_azure_s_deliveries_wait_for_each_other_and_none_is_dropped(path: Path) -> None:
    """C6."""
    assert value(path).get("lockBehavior") == ("sequential" if path.stem in {"deliver", "retrain"} else None)


@by_name(STARTED)
def test_only_a_check_of_a_change_reads_a_cache(path: Path) -> None:
    """C4: what a pull request ran can leave nothing behind that a delivery, a comment or a release uses."""
    caches = [job.name for stage in github(path.stem).stages for job in stage.jobs if job.cache]
    if path.stem == "ci":
        assert caches
    else:
        assert (caches, value(path)["cache-mode"]) == ([], "none")


@by_name(BEGUN)
def test_only_azure_s_check_of_a_change_reads_a_cache(path: Path) -> None:
    """C4."""
    assert any(job.cache for stage in azure(path.stem).stages for job in stage.jobs) == (path.stem == "ci")


@by_name([*WORKFLOWS, *ACTIONS, *PIPELINES])
def test_a_cache_is_only_to_be_had_by_asking_the_setup_for_it(path: Path) -> None:
    """C4: no other step restores one, not even one that sets something else up."""
    text = path.read_text()
    if path.name in {"action.yml", "setup.yml"}:
        one = re.findall(
            r"(?:- if: \$\{\{ inputs\.cache == 'true' \}\}\n +uses: actions/cache@|- \$\{\{ if eq\(parameters\.cache, true\) \}\}:\n +- task: Cache@)",
            text,
        )
        assert len(one) == len(re.findall(r"actions/cache|Cache@", text)) == 1
    else:
        assert re.findall(r"actions/cache|Cache@", text) == []
    others = [step for step in within(value(path), "with") if step["uses"].startswith("actions/")]
    assert [step for step in others if any("cache" in key for key in step["with"])] == []


# Callers and called


@by_name(WORKFLOWS)
def test_a_caller_gives_a_reusable_workflow_what_it_takes_and_needs(path: Path) -> None:
    for name, job in jobs(path).items():
        if "uses" in job:
            takes = value(ROOT / job["uses"])["on"]["workflow_call"].get("inputs", {})
            required = {key for key, entry in takes.items() if entry.get("required")}
            assert required <= set(job.get("with", {})) <= set(takes), name


@by_name(PIPELINES)
def test_a_caller_gives_a_template_what_it_takes_and_needs(path: Path) -> None:
    for call in within(value(path), "template"):
        folder = path.parent if "/" in call["template"] or path in OURS else AZURE
        takes = {entry["name"]: entry for entry in value(folder / call["template"])["parameters"]}
        required = {name for name, entry in takes.items() if "default" not in entry}
        given = call.get("parameters", {})
        assert required <= set(given) <= set(takes), call
        assert all(given[entry] in takes[entry].get("values", [given[entry]]) for entry in given), call


def test_every_reusable_workflow_and_template_is_used() -> None:
    called = {job["uses"].rpartition("/")[2] for path in WORKFLOWS for job in jobs(path).values() if "uses" in job}
    put_in = {call["template"].rpartition("/")[2] for path in PIPELINES for call in within(value(path), "template")}
    assert called == {path.name for path in WORKFLOWS if path in OURS}
    assert put_in == {path.name for path in PIPELINES if path in OURS}


def test_the_required_job_waits_for_every_other_and_is_red_where_one_that_the_plan_asked_for_did_not_succeed() -> None:
    found = jobs(GITHUB / "ci.yml")
    job = found["required"]
    assert set(job["needs"]) == set(found) - {"required"}
    assert (job["if"], [step["run"] for step in job["steps"]]) == ("${{ always() }}", [REFUSE])
    ends = ("success", "failure", "cancelled", "skipped")
    for plan, check, trial, code, models in itertools.product(ends, ends, ends, ("true", "false", ""), ('["a"]', "[]", "")):
        told = {"code": code, "models": models}
        needs = {"plan": {"result": plan, "outputs": told}, "check": {"result": check}, "try": {"result": trial}}
        asked = [plan, *[check] * (code != "false"), *[trial] * (models != "[]")]
        assert evaluate(job["steps"][0]["if"], {"needs": needs}, {}) == (set(asked) != {"success"}), needs


def test_azure_s_pipelines_name_the_models_of_the_project() -> None:
    """Azure takes no list from a run: a model that is missing here would be neither tried nor delivered."""
    models = list(read_project(ROOT).models)
    named = {
        path.stem: [call["parameters"]["models"] for call in value(path)["stages"] if "models" in call.get("parameters", {})]
        for path in BEGUN
    }
    for name in ("ci", "deliver", "monitor"):
        assert named[name] == [models], name
    defaults = [entry["default"] for path in BEGUN for entry in value(path).get("parameters", []) if entry["name"] == "model"]
    assert len(defaults) == 2
    assert set(defaults) <= set(models)


def test_the_machine_s_python_is_the_one_that_the_repository_names() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    versions = [line.split(":")[1].strip(" '") for path in PIPELINES for line in path.read_text().splitlines() if "versionSpec" in line]
    assert versions == [wanted]
    given = [step["with"] for path in [*WORKFLOWS, *ACTIONS] for step in steps(path) if "actions/setup-python@" in step.get("uses", "")]
    assert given == [{"python-version-file": ".python-version"}]


def test_the_hooks_of_pre_commit_call_make_verbs() -> None:
    hooks = [hook for repository in value(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    assert {hook["entry"].removeprefix("make ") for hook in hooks} == {"format", "check"} <= VERBS
