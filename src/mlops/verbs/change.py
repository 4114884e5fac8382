"""The verbs about a change before it is merged: plan (what it asks for), try (what it does to the model), comment (tell the pull request)."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.ci.host import current
from mlops.delivery.shared import on_state
from mlops.delivery.workspace import Workspace, open_workspace
from mlops.errors import JobFailed, MlopsError
from mlops.files import shown, write_json
from mlops.settings import read_place

if TYPE_CHECKING:
    import argparse

    from mlops.ci.host import Host
    from mlops.delivery.plan import Plan
    from mlops.delivery.sample import Extent, Twin

VERDICTS = "verdict"
"""Folder of the verdicts, in the state folder: `<model>.json`, and `<model>.md` as a person reads it."""


def plan(arguments: argparse.Namespace) -> int:
    """Say what a change asks for, and of what it does not, why not."""
    from mlops.delivery.plan import plan as decide
    from mlops.place import find_root
    from mlops.settings import read_project

    host = current(os.environ)
    first = next(iter(read_project(find_root(Path.cwd())).models))
    context = replace(host.context, base=arguments.base) if arguments.base else host.context
    decided = decide(open_workspace(first), context, _judged)
    host.output("code", str(decided.code.do).lower())
    host.output("models", json.dumps(decided.names))
    host.summary(_table(decided))
    if arguments.json:
        print(json.dumps(decided.facts()))
    for one in [] if arguments.json else [decided.code, *decided.models]:
        print(f"  {one.name:<16} {'do  ' if one.do else 'skip'}  {_harmless(one.why)}")
    return 0


def _judged(workspace: Workspace, digest: str) -> str | None:
    workspace = open_workspace(workspace.model.name)
    found = on_state(workspace, lambda: workspace.registry.by_fingerprint(workspace.model.name, digest))
    return f"v{found.version}" if found else None


def _table(decided: Plan) -> str:
    from mlops.report.markdown import code, table, text

    rows = [(text(one.name), "yes" if one.do else "no", code(_harmless(one.why), 1_000)) for one in (decided.code, *decided.models)]
    return table(("what", "done", "why"), rows, "lll") + "\n"


def _harmless(words: str) -> str:
    """Return text as one line that no terminal and no CI system takes for a command; both look for those in what is printed."""
    from mlops.report.figures import line

    return re.sub(r"#(?=#)|^:(?=:)", r"\g<0> ", line(words))


def attempt(arguments: argparse.Namespace) -> int:
    """Train with the change and compare; register nothing; write the verdict down, whatever it is.

    Raises:
        JobFailed: A limit is broken, or the model is worse and the environment calls that red.
    """
    from mlops.report.comment import title

    workspace = open_workspace(arguments.model)
    if read_place(workspace.root, "staging") == "azure":
        workspace = replace(workspace, apart=True)  # a change's own code runs here, and gets no right to anything there
    folder = workspace.home / VERDICTS
    host = current(os.environ)
    try:
        facts, error = _tried(workspace, host, arguments)
        facts["commit"] = host.context.commit  # CI may have checked out what the merge of it would be
    except MlopsError as raised:
        from mlops.report.verdict import failed

        facts, error = failed(raised.message, raised.hint, model=workspace.model.name, commit=host.context.commit), raised
    write_json(folder / f"{workspace.model.name}.json", facts)
    told = _rendered(facts, host)
    (folder / f"{workspace.model.name}.md").write_text(told, encoding="utf-8")
    host.summary(told)
    place = shown(folder / f"{workspace.model.name}.md", Path.cwd())
    print(
        f"  {'verdict':<11}{title(facts)}\n  {'':<11}{place}, as the pull request shows it",
        file=sys.stderr if arguments.json else sys.stdout,
    )
    if error is not None:
        raise error
    return 0


def _tried(workspace: Workspace, host: Host, arguments: argparse.Namespace) -> tuple[dict[str, Any], MlopsError | None]:
    from mlops.delivery import sample
    from mlops.delivery.way import Delivery
    from mlops.report.verdict import gather
    from mlops.verbs.way import show

    _ = workspace.staging, workspace.production  # a mistake in a file is told before any work starts
    extent = sample.extent(workspace, host.context, arguments.rows)
    workspace.load(workspace.model.pipeline, extent.settings)
    error: MlopsError | None = None
    made: list[Delivery] = []

    def go() -> None:
        known, twin = _based(workspace, extent, host.context.base) if workspace.apart else _opponent(workspace, extent)
        print(f"  {'all rows' if not known.settings else 'a sample'}: {known.why}", file=sys.stderr)

        def deliver(tell: Any) -> Delivery:
            made.append(Delivery(workspace, tell, "verdict", False, known.settings, twin, bool(known.settings)))
            return made[-1]

        show(workspace, deliver, arguments)

    try:
        on_state(workspace, go)
    except MlopsError as raised:
        error = raised
        if not made or "run" not in made[-1].facts:
            raise
    last = made[-1]
    facts = gather(
        workspace.home / "runs" / str(last.facts["run"]), reference=_reference(last.facts, last.twin), sample=last.settings or None
    )
    worse = None if last.sampled else _worse(last.facts)  # a part of the rows can tell the other way round
    facts["tolerated"] = workspace.staging.pull_request.red_when == "never"
    return facts, error or (worse if not facts["tolerated"] else None)


def _opponent(workspace: Workspace, extent: Extent) -> tuple[Extent, Twin | None]:
    """Return on what to train and whom to meet: on a sample the champion's twin, or where there can be none all rows and the champion itself."""
    from mlops.delivery import sample

    champion = workspace.registry.resolve(workspace.model.name, "champion")
    if champion is None or not extent.settings:
        return extent, None
    twin = sample.train_twin(workspace, champion, extent.settings)
    return (sample.Extent({}, twin), None) if isinstance(twin, str) else (extent, twin)


def _based(workspace: Workspace, extent: Extent, base: str | None) -> tuple[Extent, Twin | None]:
    """Return on what to train and whom to meet where no registry is asked: what the commit that the change goes to makes of the same rows."""
    from mlops.delivery import sample

    twin = sample.train_base(workspace, base, extent.settings)
    if isinstance(twin, str):
        return sample.Extent(extent.settings, f"{extent.why}; compared with the baseline, for {twin}"), None
    return sample.Extent(extent.settings, f"{extent.why}; compared with what {twin.commit[:7]} makes of them, here"), twin


def _reference(facts: dict[str, Any], twin: Twin | None) -> dict[str, Any]:
    champion = facts.get("champion") or {}
    if twin is not None and twin.version is None:
        return {"kind": "base", "version": None, "commit": twin.commit, "folder": str(twin.run)}
    if twin is not None:
        return {"kind": "twin", "version": twin.version, "commit": twin.commit, "folder": str(twin.run)}
    return {"kind": "champion", "version": champion.get("version"), "commit": None} if champion else {"kind": "baseline", "version": None}


def _worse(facts: dict[str, Any]) -> MlopsError | None:
    """Return the error of a model that lost; None for one that is better, or merely not better."""
    from mlops.registry.gate import is_worse, read_verdict

    if not facts.get("verdict") or not is_worse(read_verdict(facts["verdict"])):
        return None
    hint = "Nothing was registered. Where a worse model may be merged: `pull_request: {red_when: never}` in environments/staging.yml."
    return JobFailed(f"the change makes the model worse: {facts['reason']}", hint=hint)


def _rendered(facts: dict[str, Any], host: Host) -> str:
    from mlops.report.comment import render

    context = host.context
    return render(facts, commit=context.commit, run_url=context.run_url, charts=context.system != "azure")


def comment(arguments: argparse.Namespace) -> int:
    """Tell the pull request what its run found: one comment a model, kept up to date, and one check of the commit.

    The verdicts were written by a run of the pull request's own code: they are read as data, and nothing in them decides where they are shown.
    """
    from mlops.report.comment import conclusion, render, title
    from mlops.report.verdict import failed, read

    host = current(os.environ)
    followed = host.tested()
    number, commit = (followed.number, followed.commit) if followed else (host.context.pull_request, host.context.commit)
    if number is None and host.context.system != "laptop":
        print("  no open pull request is about this commit any more: nothing to tell")
        return 0
    jobs = host.jobs()
    broken = [job.name for job in jobs if job.conclusion == "failure"]
    files = (
        sorted(Path(arguments.folder).rglob("*.json"))
        if arguments.folder
        else sorted((open_workspace(None).home / VERDICTS).glob("*.json"))
    )
    told: list[dict[str, Any]] = []
    run = followed.run_url if followed else host.context.run_url
    report = f"{run}#artifacts" if host.context.system == "github" and run else ""
    for path in files[:20]:
        try:
            told.append(read(path))
        except MlopsError as error:
            told.append(failed(f"the verdict of the run cannot be read: {error.message}", error.hint, model=path.stem[:64], commit=commit))
    if not told and broken:
        told = [failed(f"the run stopped before a model was tried: {', '.join(broken)}", "", model="model", commit=commit)]
    for facts in told:
        body = render(facts, commit=commit, run_url=run, jobs=jobs, report_url=report, charts=host.context.system != "azure")
        address = host.comment(number or 0, f"verdict:{facts['model']}", body)
        said = title(facts, jobs)
        host.check(f"model: {facts['model']}", commit, conclusion(facts, jobs), said, said, run)
        print("  " + _harmless(f"{facts['model']}: {said} {address}"))
    if not told:
        print("  no model was tried, and no job failed: nothing to tell")
    return 0
