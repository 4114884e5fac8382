"""The verbs `infra` and `infra-destroy`: an environment's resources on Azure, shown before they change, named before they end."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from mlops.api import place
from mlops.azure.az import find_az
from mlops.azure.infra import (
    MARKS,
    SHARED,
    create_group,
    deploy,
    find_place,
    group_exists,
    losses,
    others,
    parameters,
    resources,
    what_if,
)
from mlops.azure.infra import destroy as delete
from mlops.azure.sign_in import in_ci, sign_in
from mlops.ci.host import current
from mlops.delivery.approval import approved_by
from mlops.errors import JobFailed, UsageError
from mlops.settings import read_environment

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from mlops.azure.az import Account, Az
    from mlops.azure.infra import Change, Place

_CHANGING = ("Create", "Modify", "Deploy", "Delete", "Unsupported")


def infra(arguments: argparse.Namespace) -> int:
    """Show what would change on Azure, ask, and change it.

    Raises:
        UsageError: There is no such environment, or az is signed in elsewhere than is meant.
        JobFailed: In CI, and nobody approved it; or a person said no.
        PlatformError: az is missing, not signed in, or was refused.
    """
    root, _ = place()
    where = find_place(root, arguments.environment, arguments.group)
    az = find_az()
    if in_ci(os.environ):
        sign_in(az, os.environ)
    account = az.account(os.environ.get("AZURE_SUBSCRIPTION_ID", ""))
    if not arguments.json:
        _say_where(account, where)
    if not group_exists(az, where):
        _make_group(az, where, arguments)
    words = parameters(where, resources(az, where))
    changes = what_if(az, words)
    done = arguments.what_if or not any(change.what in _CHANGING for change in changes)
    if arguments.json and done:
        print(json.dumps({"group": where.group, "subscription": account.subscription, "changes": [asdict(one) for one in changes]}))
    elif not arguments.json:
        _say_changes(changes)
    if done:
        return 0
    who = _agreed(root, where, "Make these changes?")
    if not arguments.json:
        print("  deploying; this takes minutes, and Ctrl-C does not stop it on Azure ...", flush=True)
    outputs = deploy(az, where, words)
    if arguments.json:
        print(json.dumps({"group": where.group, "agreed": who, "changes": [asdict(one) for one in changes], "outputs": outputs}))
        return 0
    for name, value in outputs.items():
        print(f"  {name:<15} {', '.join(value) if isinstance(value, list) else value}")
    print(f"  ✔ {where.group} is as infra/{where.file.name} says")
    return 0


def infra_destroy(arguments: argparse.Namespace) -> int:
    """Name what would be lost, have the name of the group typed, and delete it.

    Raises:
        UsageError: In CI, or without a person who could type.
        JobFailed: Something else was typed. Nothing was changed.
        PlatformError: az is missing, not signed in, or was refused.
    """
    root, _ = place()
    if current(os.environ).context.system != "laptop":
        raise UsageError("an environment is not ended by CI", hint="Type it yourself: make infra-destroy ENV=" + arguments.environment)
    where = find_place(root, arguments.environment, arguments.group)
    az = find_az()
    _say_where(az.account(os.environ.get("AZURE_SUBSCRIPTION_ID", "")), where)
    if not group_exists(az, where):
        print(f"  there is no resource group {where.group}: nothing to end")
        return 0
    _say_losses(resources(az, where))
    if _typed("  Type the name of the resource group to delete it and all of that: ") != where.group:
        raise JobFailed("that is not its name: nothing was changed")
    print("  deleting; this takes minutes ...", flush=True)
    delete(az, where)
    print(f"  ✔ {where.group} is gone")
    return 0


def _say_where(account: Account, where: Place) -> None:
    print(f"  {where.environment}: the resource group {where.group}")
    print(f"  in the subscription {account.subscription_name} ({account.subscription}), tenant {account.tenant}, as {account.user}")


def _make_group(az: Az, where: Place, arguments: argparse.Namespace) -> None:
    if not arguments.location:
        raise UsageError(
            f"there is no resource group {where.group}", hint=f"make infra ENV={where.environment} LOCATION=<region, as westeurope>"
        )
    if arguments.what_if:
        raise UsageError(
            f"there is no resource group {where.group}, and what would change in it cannot be asked before it is there",
            hint=f"az group create --name {where.group} --location {arguments.location}",
        )
    _agreed(place()[0], where, f"There is no resource group {where.group}. Make it, empty, in {arguments.location}?")
    create_group(az, where, arguments.location)


def _say_changes(changes: tuple[Change, ...]) -> None:
    for change in changes:
        if change.what in _CHANGING:
            print(f"    {MARKS[change.what]} {change.kind} {change.name}")
            for detail in change.details:
                print(f"        {detail}")
    counts = Counter(change.what for change in changes)
    told = [f"{counts[what]} to {what.lower()}" for what in ("Create", "Modify", "Deploy", "Delete") if counts[what]]
    told += [f"{counts['Unsupported']} that Azure cannot tell before"] if counts["Unsupported"] else []
    left = counts["NoChange"] + counts["Ignore"]
    print(f"  {', '.join(told) or 'nothing to change'}{f'; {left} stay as they are' if left else ''}")


def _agreed(root: Path, where: Place, question: str) -> str:
    """Return who agreed: in CI whoever approved the environment, else the person at this terminal."""
    host = current(os.environ)
    if host.context.system != "laptop":
        if where.environment == SHARED:
            raise UsageError(
                "what environments share is no environment that somebody could approve in CI",
                hint="Change it yourself: make infra ENV=shared",
            )
        return approved_by(read_environment(root, where.environment), host) or "nobody has to"
    if _typed(f"  {question} [yes/no] ").lower() not in {"y", "yes"}:
        raise JobFailed("nothing was changed")
    return "you"


def _typed(question: str) -> str:
    """Ask on standard error, so that what is printed stays what was asked for."""
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise UsageError("nobody is here to answer", hint="Run it in a terminal. mlops infra --what-if only shows.")
    return line.strip()


def _say_losses(there: list[dict[str, object]]) -> None:
    print("  This would be lost:")
    for name, kind, meaning in losses(there):
        print(f"    - {name} ({kind}): {meaning}")
    rest = others(there)
    if rest:
        print(f"    and {sum(rest.values())} that make infra makes again as they were: {', '.join(sorted(rest))}")
    if not there:
        print("    nothing: the group is empty")
