"""The verbs that look at pipelines and runs and change nothing: graph, logs, diff."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.api import place, read
from mlops.errors import UsageError
from mlops.files import write_atomic
from mlops.verbs.pipelines import given

if TYPE_CHECKING:
    import argparse


def graph(arguments: argparse.Namespace) -> int:
    """Draw a pipeline: as lines in the terminal, or as a picture."""
    from mlops.report.graph import graph as drawn_of
    from mlops.report.graph import rows, svg

    drawn = drawn_of(read(arguments.file, given(arguments.set), complete=False))
    if arguments.out:
        write_atomic(Path(arguments.out), svg(drawn))
    if arguments.json:
        print(json.dumps(asdict(drawn), ensure_ascii=False))
        return 0
    depth = max(drawn.depths.values()) + 1
    print(f"  {drawn.title}: {len(drawn.depths)} steps, {depth} one after the other")
    print("\n".join(rows(drawn)))
    if arguments.out:
        print(f"  the picture: {arguments.out}")
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Print what the steps of a run wrote; with --follow, until it ends."""
    from mlops.local.runs import alive, find_run, read_run
    from mlops.report.tail import Tail

    folder = find_run(place()[1], arguments.run)
    facts = read_run(folder) or {}
    steps = facts.get("steps", {})
    if "job" in facts and (facts["state"] == "detached" or _not_here(folder, arguments.step)):
        from mlops.verbs import remote

        if arguments.follow and facts["state"] == "detached":
            return remote.resume(folder, facts, as_json=False)
        remote.bring_logs(folder, facts, arguments.step)
    if arguments.step and arguments.step not in steps and not alive(folder):
        raise UsageError(f"run {folder.name} has no step {arguments.step!r}", hint=f"Its steps: {', '.join(steps) or 'none'}")
    tail = Tail(folder, arguments.step or "")
    while True:
        running = arguments.follow and alive(folder)
        tail.show((read_run(folder) or {}).get("steps", {}), over=not running)
        if not running:
            return 0
        time.sleep(0.2)


def _not_here(folder: Path, step: str | None) -> bool:
    """Whether the log of a step of a large job on Azure ML was left there."""
    return bool(step) and not (folder / "steps" / str(step) / "log.txt").exists()


def diff(arguments: argparse.Namespace) -> int:
    """Tell what differs between two runs: parameters, data, code, and what was measured."""
    from mlops.local.runs import find_run, read_run
    from mlops.report.between import between

    home = place()[1]
    then, now = (read_run(find_run(home, which)) or {} for which in (arguments.before, arguments.after))
    found = between(then, now, home)
    if arguments.json:
        print(json.dumps([asdict(change) for change in found], ensure_ascii=False))
        return 0
    titles = " -> ".join(f"run {facts['run']} ({facts['name']})" for facts in (then, now))
    print(f"  {titles}: {len(found) or 'no'} difference{'s' * (len(found) > 1)}")
    wide = max((len(change.name) for change in found), default=0)
    for change in found:
        print(f"  {change.kind:<10} {change.name:<{wide}}  {change.before or '(none)'} -> {change.after or '(none)'}")
    return 0
