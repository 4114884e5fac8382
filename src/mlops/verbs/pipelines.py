"""The verbs about pipelines and runs: check, run, runs, show, report, ui."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from mlops.api import place, prepare
from mlops.errors import PlatformError, SpecError, UsageError
from mlops.files import shown
from mlops.local.warm import Spawner

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from mlops.local.run import LocalRun


_WOULD = {"Fresh": "reuse", "Stale": "run", "Skipped": "skip", "Finished": "decide", "Failed": "fail"}
_SEVERAL = r"(\s*inputs\.\w+=\S*){2,}\s*"


def given(pairs: list[str]) -> dict[str, str]:
    """Return `--set inputs.NAME=VALUE` arguments as a mapping; one may hold several, with blanks between (`make train SET="inputs.a=1 inputs.b=2"`).

    A blank alone is none: Azure's form for a manual run takes no empty value.

    Raises:
        UsageError: One is not of that form.
    """
    result = {}
    for pair in (one for given in pairs if given.strip() for one in (given.split() if re.fullmatch(_SEVERAL, given) else [given])):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {pair!r} has no value", hint="Write --set inputs.NAME=VALUE")
        result[key.strip().removeprefix("inputs.")] = value
    return result


def check(arguments: argparse.Namespace) -> int:
    """Read each file as the run would, and tell every mistake of all of them."""
    files = [Path(name) for name in arguments.files] or _all_files()
    problems, notes = [], []
    for path in files:
        try:
            notes += [f"{path}: {said}" for said in _check_one(path)]
        except SpecError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise SpecError(problems)
    facts = {"files": [str(path) for path in files], "problems": [], "notes": notes}
    print(json.dumps(facts) if arguments.json else f"{len(files)} file{'s' * (len(files) != 1)}: no mistake found")
    for said in [] if arguments.json else notes:
        print(f"  note: {said}")
    return 0


def _all_files() -> list[Path]:
    from mlops.assets.rules import RULES_FILE as PATHS_FILE
    from mlops.audit.policy import POLICY_FILE
    from mlops.ci.rules import RULES_FILE

    root, _ = place()
    found = sorted(
        [
            *root.glob("src/*pipelines*/**/*.yml"),
            *root.glob("environments/*.yml"),
            *root.glob("environments/images/*/environment.yml"),
            *(path for path in root.glob("environments/*/*.yml") if (root / "environments" / path.name).is_file()),
            *root.glob("data/*.odcs.yml"),
            *root.glob("src/project/project.yml"),
            *root.glob(RULES_FILE.as_posix()),
            *root.glob(POLICY_FILE),
            *root.glob(PATHS_FILE.as_posix()),
        ]
    )
    return [Path(shown(path, Path.cwd())) for path in found]


def _check_one(path: Path) -> list[str]:
    """Find the mistakes of one file; return what is none and is worth to know."""
    from mlops.assets.definition import read_draft
    from mlops.assets.elsewhere import Elsewhere
    from mlops.assets.lookup import open_assets
    from mlops.assets.pins import loose
    from mlops.assets.rules import RULES_FILE as PATHS_FILE
    from mlops.assets.rules import read_rules as read_paths
    from mlops.audit.policy import POLICY_FILE, read_policy
    from mlops.ci.rules import RULES_FILE, read_rules
    from mlops.contract.standard import load as load_contract
    from mlops.settings import check_environment, choose_model, read_environment, read_project
    from mlops.spec.pipeline import check_component, load_pipeline
    from mlops.spec.recognition import asset_kind, is_schedule
    from mlops.spec.schedule import read_schedule
    from mlops.spec.source import read

    source = read(path)
    value = source.value
    root, home = place()
    if path.name == "project.yml":
        read_project(root)
    elif path.name.endswith(".odcs.yml"):
        load_contract(path)
    elif path.resolve().parent == (root / "environments").resolve():
        check_environment(root, path.stem)
    elif path.resolve().parent.parent == (root / "environments").resolve() and (root / "environments" / path.name).is_file():
        read_environment(root, path.stem, choose_model(read_project(root), path.resolve().parent.name))
    elif path.resolve() == (root / RULES_FILE).resolve():
        read_rules(root)
    elif path.resolve() == (root / POLICY_FILE).resolve():
        read_policy(root)
    elif path.resolve() == (root / PATHS_FILE).resolve():
        read_paths(root)
    elif "component" in str(value.get("$schema", "") if isinstance(value, dict) else "").lower():
        check_component(path, open_assets(root, home, fetching=False))
    elif isinstance(value, dict) and (kind := asset_kind(value)):
        read_draft(kind, source)
        return loose(source) if kind == "environment" else []
    elif isinstance(value, dict) and is_schedule(value):
        read_schedule(source, Elsewhere(open_assets(root, home, fetching=False)))
    else:
        load_pipeline(path, complete=False, assets=open_assets(root, home, fetching=False))
    return []


def run(arguments: argparse.Namespace) -> int:
    """Run one pipeline file, show it, and return the exit code of how it ended."""
    settings = given(arguments.set)
    if arguments.where == "azure":
        return _run_there(arguments, settings)
    if arguments.dry_run:
        return _dry_run(prepare(arguments.file, settings, force=arguments.force, dry=True), as_json=arguments.json)
    return begin_run(arguments.file, settings, as_json=arguments.json, force=arguments.force, warm=not arguments.no_warm, why=arguments.why)


def begin_run(
    file: Path | str, settings: dict[str, str], *, as_json: bool, force: bool = False, warm: bool = True, why: bool = False
) -> int:
    """Run a pipeline file on this machine, show it, and return the exit code of how it ended."""
    early = Spawner()  # it starts while the pipeline is read
    try:
        return _carry_out(prepare(file, settings, warm=warm, force=force, early=early), as_json=as_json, why=why)
    finally:
        early.close(idle=True)


def _run_there(arguments: argparse.Namespace, settings: dict[str, str]) -> int:
    from mlops.verbs import remote

    if arguments.dry_run or arguments.no_warm:
        raise UsageError("--dry-run and --no-warm are about this machine", hint="Leave them out, or leave out --where azure.")
    return remote.run(
        arguments.file, settings, arguments.environment, force=arguments.force, as_json=arguments.json, queue_limit=arguments.queue_limit
    )


def carry_on(path: Path, facts: dict[str, Any], *, as_json: bool) -> int:
    """Run a pipeline file as the run of `facts` did, taking over what that has done."""
    running = prepare(path, facts.get("settings"), force=bool(facts.get("force")), resumes=facts)
    return _carry_out(running, as_json=as_json, why=False)


def _carry_out(running: LocalRun, *, as_json: bool, why: bool) -> int:
    from mlops.local.mounts import warning
    from mlops.local.run import why_not
    from mlops.report.live import Tree

    if told := warning(running.home):
        print(f"  warning: {told}", file=sys.stderr)
    with Tree(live=False if as_json else None, quiet=as_json) as tree:
        for event in running.events():
            tree.apply(event)
    facts = running.record.facts
    if why:
        _say_why(facts, running.pipeline.without_effect, running.assets.remote.notes if running.assets else [])
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        end = f"  {facts['state']} in {facts['seconds']:.1f} s · {shown(running.record.folder, Path.cwd())}"
        print(*_handed_on(facts), end, sep="\n")
    error = why_not(running)
    if error:
        raise error
    return 0


def _dry_run(running: LocalRun, *, as_json: bool) -> int:
    """Tell what a run would do with each step, and why; do nothing."""
    if as_json:
        said = {name: {"would": would, "reason": reason} for name, would, reason in _foreseen(running)}
        print(json.dumps(said, ensure_ascii=False))
        return 0
    count = total = 0
    for name, would, reason in _foreseen(running):
        print(f"  {would:<6} {name:<14} {reason}")
        if running.pipeline.steps[name].flow is None:
            total, count = total + 1, count + (would == "run")
    for key in running.pipeline.without_effect:
        print(f"  no effect on this machine: {key}")
    print(f"  {count} of {total} steps would run, or fewer where one of them makes the same bytes as before. Nothing was started.")
    return 0


def _foreseen(running: LocalRun) -> Iterator[tuple[str, str, str]]:
    from mlops.engine.events import Finished

    for name, verdict in running.forecast():
        yield name, _WOULD[type(verdict).__name__], verdict.summary if isinstance(verdict, Finished) else verdict.reason


def _say_why(facts: dict[str, Any], without_effect: tuple[str, ...], fetched: list[str]) -> None:
    for name, step in facts["steps"].items():
        warm = "" if "control" in step else {True: " (warm)", False: " (own process)"}.get(step.get("warm"), "")
        because = step.get("reason") or (step.get("summary", "") if "control" in step else "")
        print(f"  why  {name:<14} {step.get('state')}: {because}{warm}", file=sys.stderr)
    for line in _environments(facts):
        print(f"  why  {line}", file=sys.stderr)
    for line in fetched:
        print(f"  why  {line}", file=sys.stderr)
    for key in without_effect:
        print(f"  why  no effect on this machine: {key}", file=sys.stderr)


def _environments(facts: dict[str, Any]) -> list[str]:
    """Return what each environment that steps ask for is here, and what differs from it."""
    steps: dict[str, list[str]] = {}
    for name, step in facts["steps"].items():
        steps.setdefault(step.get("environment", ""), []).append(name)
    told = []
    for asked, here in facts.get("environments", {}).items():
        names = steps.get(asked, [])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        told.append("\n       ".join([f"environment {asked}: {here['used']}", *here["differs"], f"in {', '.join(names[:5])}{more}"]))
    return told


def _handed_on(facts: dict[str, Any]) -> list[str]:
    """Return where outputs went: the assets that they are now, and their places in datastores."""
    return [f"  {step}.{output} is {place}" for step, one in facts["steps"].items() for output, place in (one.get("assets") or {}).items()]


def runs(arguments: argparse.Namespace) -> int:
    """List all runs."""
    from mlops.local.runs import read_runs

    found = read_runs(place()[1])
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False))
    elif not found:
        print("no runs yet: make run")
    for facts in [] if arguments.json else found:
        seconds = f"{facts['seconds']:8.1f} s" if "seconds" in facts else " " * 10
        print(f"{facts['run']:>5}  {facts['name']:<16} {facts['state']:<10} {seconds}  {facts['started'][:19]}  {facts['pipeline']}")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one run."""
    from mlops.local.runs import find_run, read_run

    folder = find_run(place()[1], arguments.run)
    facts = read_run(folder) or {}
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    commit = f"commit {facts['commit'][:7]}{' + changes' if facts['dirty'] else ''}" if facts.get("commit") else "no commit"
    print(f"run {facts['run']} ({facts['name']})  {facts['state']}  {facts['pipeline']}  {commit}  by {facts['user']}  {facts['started']}")
    for name, value in facts["inputs"].items():
        print(f"  input {name:<16} {value.get('value', value.get('asset', value.get('path', '')))}  {value.get('digest', '')[:19]}")
    for name, step in facts["steps"].items():
        seconds = f"{step['seconds']:.1f} s" if step.get("seconds") is not None else ""
        said = step.get("summary") or step.get("progress") or step.get("reason", "")
        print(f"  {name:<14} {step.get('state', 'waiting'):<9} {seconds:>8}  {said}")
    for name, value in facts["outputs"].items():
        print(f"  output {name:<15} {value['path']}  {value['digest'][:19]}")
    print(*_handed_on(facts), f"  folder {folder}", sep="\n")
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Write a run's page and say where it is."""
    from mlops.local.runs import find_run
    from mlops.report.page import write_report

    page = write_report(find_run(place()[1], arguments.run))
    print(json.dumps({"report": str(page)}) if arguments.json else page)
    if arguments.open:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            print("(no browser here: open the file above)", file=sys.stderr)
    return 0


def ui(arguments: argparse.Namespace) -> int:
    """Become MLflow's server over this project's store."""
    from mlops.tracking.later import catch_up
    from mlops.tracking.server import connect, tracking_uri

    home = place()[1]
    uri = tracking_uri(home)
    if uri.startswith("http"):
        print(uri)
        return 0
    connect(home)
    catch_up(home)
    words = ["mlflow", "server", "--backend-store-uri", uri, "--default-artifact-root", str(home / "mlflow-artifacts")]
    words += ["--host", "127.0.0.1", "--port", str(arguments.port), "--workers", "1"]
    print(f"MLflow's pages: http://127.0.0.1:{arguments.port}  (Ctrl-C ends them)")
    program = Path(sys.executable).with_name("mlflow")
    if not program.exists():
        raise PlatformError("mlflow is not installed here", where=str(program), hint="make setup")
    # Jobs on the server are three more processes that import MLflow, and nothing here asks for one.
    return os.execve(program, words, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ})
