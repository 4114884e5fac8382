"""The verb `rules`: branch rules and environments as code, shown before they are set."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops.api import place
from mlops.ci.github import GitHub
from mlops.ci.origin import hosted
from mlops.ci.rules import RULES_FILE, apply, differences, read_rules
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    import argparse


def rules(arguments: argparse.Namespace) -> int:
    """Compare, show, and with --apply do, and compare again: what GitHub did not keep is no success.

    Raises:
        UsageError: The rules are wrong, or the repository is not on GitHub.
        PlatformError: GitHub could not be asked, or did not keep what it was told.
    """
    root, _ = place()
    if not (root / RULES_FILE).is_file():
        raise UsageError(
            f"there is no {RULES_FILE}", where=str(root), hint="Take the one of the template; docs/how-to/github.md says what is in it."
        )
    wanted, host = read_rules(root), hosted(root, os.environ)
    if not isinstance(host, GitHub):
        raise UsageError(f"these rules are GitHub's, and this is {host.context.system}", hint="docs/ci.md says what is set by hand there.")
    found = differences(host, wanted)
    told: list[dict[str, Any]] = []
    for change in found:
        if arguments.apply:
            apply(host, change)
        told.append({**asdict(change), "command": change.command()})
        if not arguments.json:
            print(f"  {'✔ set' if arguments.apply else '≠'} {change.what}: {change.why}")
            print("" if arguments.apply else f"\n{change.command()}\n", end="")
    left = differences(host, wanted) if found and arguments.apply else ()
    if arguments.json:
        print(json.dumps({"repository": host.context.repository, "changes": told, "applied": bool(arguments.apply)}, ensure_ascii=False))
    elif not found:
        print(f"  ✔ {host.context.repository} is as {RULES_FILE} says")
    elif not arguments.apply:
        print("  nothing was changed; mlops rules --apply makes these calls")
    if left:
        hint = "Reviewers and rules of a private repository take a paid plan. mlops rules shows what differs."
        raise PlatformError(f"GitHub took the calls and did not keep: {', '.join(sorted({one.what for one in left}))}", hint=hint)
    return 0
