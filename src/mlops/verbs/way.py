"""The verbs about the way to production and back: deliver, models, promote, rollback, status, stop."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.delivery.shared import on_state
from mlops.delivery.workspace import ENVIRONMENTS, Workspace, open_workspace
from mlops.errors import MlopsError
from mlops.files import shown
from mlops.place import find_root
from mlops.settings import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from mlops.delivery.way import Delivery
    from mlops.engine.events import Event


def deliver(arguments: argparse.Namespace) -> int:
    """Take the model all the way, show it, and end with one screen."""
    from mlops.delivery.approval import check_alone
    from mlops.delivery.way import Delivery
    from mlops.verbs.pipelines import given

    workspace = open_workspace(arguments.model)
    check_alone(workspace, arguments.to)
    settings = given(arguments.set)
    on_state(workspace, lambda: show(workspace, lambda tell: Delivery(workspace, tell, arguments.to, arguments.force, settings), arguments))
    return 0


def show(workspace: Workspace, make: Callable[[Callable[[Event], None]], Delivery], arguments: argparse.Namespace) -> Delivery:
    """Let a delivery go, show it while it goes, and end with one screen.

    Raises:
        MlopsError: What the delivery raised, after the screen.
    """
    from mlops.local.mounts import warning
    from mlops.report.live import Tree
    from mlops.report.screen import closing

    if told := warning(workspace.home):
        print(f"  warning: {told}", file=sys.stderr)
    with Tree(live=False if arguments.json else None, quiet=arguments.json) as tree:
        delivery = make(tree.apply)
        error: MlopsError | None = None
        try:
            delivery.go()
        except MlopsError as raised:
            error = raised
    report = delivery.facts.get("report")
    facts = {**delivery.facts, "report": shown(Path(report), workspace.root) if report else ""}
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
    elif delivery.facts:
        print(closing(facts, width=min(110, shutil.get_terminal_size().columns), colour=_colour()))
    _hand_on(workspace, delivery.facts)
    if error:
        raise error
    return delivery


def _hand_on(workspace: Workspace, facts: Mapping[str, Any]) -> None:
    """Give later jobs what they need: how it ended, and the ticket of what may go on."""
    from mlops.ci.host import current
    from mlops.delivery.ticket import ticket_of

    host = current(os.environ)
    promoted = facts.get("outcome") == "promote" and facts.get("version") and not facts.get("production")
    if host.context.system == "laptop" and not promoted:
        return
    version = workspace.registry.resolve(workspace.model.name, str(facts["version"])) if promoted else None
    if version is not None and not facts.get("staging"):
        named = f" MODEL={workspace.model.name}" if len(workspace.project.models) > 1 else ""
        which = version.version if host.context.system == "laptop" else ticket_of(version)
        print(f"  {'next':<11}make promote VERSION={which}{named} ENV=staging   # then ENV=production", file=sys.stderr)
    host.output("outcome", str(facts.get("outcome", "")))
    host.output("ticket", str(ticket_of(version)) if version else "")


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _each(name: str | None) -> list[Workspace]:
    """Return the model that is named, or every one: what only looks need not ask which."""
    if name is not None:
        return [open_workspace(name)]
    return [open_workspace(model) for model in read_project(find_root(Path.cwd())).models]


def _print_facts(found: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Print the facts of one model, or of several as a list of them."""
    one = arguments.model is not None or len(found) == 1
    print(json.dumps(found[0] if one else {"models": found}, ensure_ascii=False, default=str))


def models(arguments: argparse.Namespace) -> int:
    """List versions, and the moves that brought them where they are; without a name, of every model."""
    found = [on_state(workspace, functools.partial(_known, workspace)) for workspace in _each(arguments.model)]
    if arguments.json:
        _print_facts(
            [{**facts, **{kind: [asdict(one) for one in facts[kind]] for kind in ("versions", "history")}} for facts in found], arguments
        )
        return 0
    for facts in found:
        _print_versions(facts, several=len(found) > 1)
    return 0


def _known(workspace: Workspace) -> dict[str, Any]:
    name = workspace.model.name
    return {"model": name, "versions": workspace.registry.versions(name), "history": workspace.registry.history(name)}


def _print_versions(facts: Mapping[str, Any], *, several: bool) -> None:
    name = facts["model"]
    if several and facts["versions"]:
        print(name)
    if not facts["versions"]:
        print(f"{name} has no version yet: make run{f' MODEL={name}' if several else ''}")
    for version in facts["versions"]:
        print(f"v{version.version:<4} {version.digest[:19]}…  {version.created[:19]}  {', '.join(version.aliases)}")
    for move in facts["history"]:
        print(f"  {move.at[:19]}  {move.environment:<10} {_step(move.before, move.after)}  by {move.who}  {move.reason}")


def _step(before: int | None, after: int | None) -> str:
    now = f"v{after}" if after else "nothing"
    return f"v{before} → {now}" if before else now


def promote(arguments: argparse.Namespace) -> int:
    """Put one version into one environment."""
    from mlops.delivery.moves import promote as move

    workspace = open_workspace(arguments.model)
    facts = on_state(workspace, lambda: move(workspace, arguments.version, arguments.to, arguments.reason))
    before = facts["previous"]["version"] if facts["previous"] else None
    _say_move(arguments, facts, f"  {arguments.to}: {_step(before, facts['version'])}")
    _record(workspace, arguments.to, facts)
    return 0


def _record(workspace: Workspace, environment: str, facts: Mapping[str, Any]) -> None:
    """Tell the CI system what serves now, where it shows deployments; that it cannot be told changes nothing."""
    from mlops.ci.host import current

    host = current(os.environ)
    try:
        host.deployed(
            environment, host.context.commit, f"{workspace.model.name} v{facts['version']} {facts['digest'][:19]}", host.context.run_url
        )
    except MlopsError as error:
        print(f"  not recorded as a deployment: {error.message}", file=sys.stderr)


def rollback(arguments: argparse.Namespace) -> int:
    """Take one environment back."""
    from mlops.delivery.moves import rollback as move

    workspace = open_workspace(arguments.model)
    facts = on_state(workspace, lambda: move(workspace, arguments.environment, arguments.reason, arguments.version))
    if facts["from"] == facts["version"]:
        told = f"  {arguments.environment} serves v{facts['version']}, and not v{arguments.version}: nothing was moved"
        print(json.dumps(facts) if arguments.json else told)
        return 0
    _say_move(arguments, facts, f"  {arguments.environment}: v{facts['from']} → v{facts['version']}")
    _record(workspace, arguments.environment, facts)
    return 0


def _say_move(arguments: argparse.Namespace, facts: dict[str, Any], what: str) -> None:
    from mlops.delivery.stations import summary

    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{what}   {facts['address']}   {facts['seconds']:.1f} s\n  {summary(facts)}")


def status(arguments: argparse.Namespace) -> int:
    """Tell what serves where, from the endpoints themselves and from the registry; without a name, of every model."""
    found = [on_state(workspace, functools.partial(_served, workspace)) for workspace in _each(arguments.model)]
    if arguments.json:
        _print_facts(found, arguments)
        return 0
    for facts in found:
        _print_served(facts, several=len(found) > 1)
    return 0


def _served(workspace: Workspace) -> dict[str, Any]:
    return {"model": workspace.model.name, "environments": {name: _environment(workspace, name) for name in ENVIRONMENTS}}


def _print_served(facts: Mapping[str, Any], *, several: bool) -> None:
    if several:
        print(facts["model"])
    for name, served in facts["environments"].items():
        number = served["version"] or served["registered"]
        version = f"{facts['model']} v{number}" if number else "nothing yet"
        print(f"  {name:<12} {version:<16} {served['health']:<12} {served['address'] or ''}")
        if served["batch"]:
            scores = f"{facts['model']} v{served['batch']['version']}" if served["batch"]["version"] else "nothing yet"
            print(f"  {'':<12} {scores:<16} {'batches':<12} {served['batch']['address']}")
        for told in (served["note"], served["differs"]):
            if told:
                print(f"  {'':<12} {told}")


def _environment(workspace: Workspace, name: str) -> dict[str, Any]:
    served = workspace.serving(name).look()
    facts = asdict(served)
    facts["registered"] = None
    if served.version is None and workspace.state is None:
        return facts | {"differs": None}  # nothing was ever served here: MLflow need not be asked
    registered = workspace.registry.resolve(workspace.model.name, name)
    facts["registered"] = registered.version if registered else None
    if registered is None and served.health == "not running":  # it was taken back, and there was none before it
        return facts | {"version": None, "differs": None}
    if served.version is not None and (registered is None or registered.version != served.version):
        said = f"v{registered.version}" if registered else "no version"
        facts["differs"] = f"the registry says {said}: a move was cut short. mlops promote {served.version} --to {name} finishes it"
    else:
        facts["differs"] = None
    return facts


def rotate_key(arguments: argparse.Namespace) -> int:
    """Give an endpoint a new key, and say where it is; the key itself is never printed."""
    workspace = open_workspace(arguments.model)
    told = workspace.serving(arguments.environment).rotate_key()
    key = workspace.endpoint(arguments.environment) / "key"
    print(json.dumps({"key_file": shown(key, workspace.root) if key.exists() else None}) if arguments.json else told)
    return 0


def stop(arguments: argparse.Namespace) -> int:
    """End every endpoint of a model, or of all models, on this machine; one on Azure ML only where it is named."""
    workspaces = _each(None) if arguments.all else [open_workspace(arguments.model)]
    named = (arguments.environment,) if arguments.environment else ENVIRONMENTS
    stopped = [
        f"{workspace.model.name} {name}" if arguments.all else name
        for workspace in workspaces
        for name in named
        if (arguments.environment or workspace.environment(name).where != "azure") and workspace.serving(name).stop()
    ]
    if arguments.json:
        print(json.dumps({"stopped": stopped}))
    else:
        print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0
