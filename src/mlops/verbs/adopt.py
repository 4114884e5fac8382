"""The verb `adopt`: from a table that nobody here has seen to a project of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import textwrap
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.place import find_root
from mlops.settings import METRICS, read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from mlops.adopt.look import Options
    from mlops.adopt.plan import Decision, Plan
    from mlops.adopt.write import Changes

MOST = 12
"""Columns of a kind that are named; of more, the number is told."""
WIDTH = 110
ABOUT_ALL = ("--task", "--positive", "--metric", "--time", "--group", "--key")
"""The options of decisions about the whole table: a column may be called as such a decision is, as `time`."""


def adopt(arguments: argparse.Namespace) -> int:
    """Look at the data, say what was found, write a project for them, and say what comes next."""
    from mlops.adopt.look import Options, name_of
    from mlops.adopt.owned import check_name
    from mlops.adopt.repository import ready
    from mlops.adopt.write import replaced

    project = read_project(find_root(Path.cwd()))
    root, name = project.root, arguments.name or name_of(arguments.data)
    beside = bool(arguments.name) and arguments.name not in project.models
    ready(root, arguments.data)
    check_name(project, name, arguments.data, replaced(project, name, beside=beside))
    given = {"task", "time", "group", "metric", "positive", "test_share"}
    options = Options(
        drop=tuple(arguments.drop),
        keep=tuple(arguments.keep),
        keys=tuple(arguments.key),
        day_first=None if arguments.day_first is None else arguments.day_first in {"yes", "1"},
        **{name: getattr(arguments, name) for name in given if getattr(arguments, name) is not None},
    )
    with tempfile.TemporaryDirectory(prefix="mlops-look-") as folder:
        return _adopted(arguments, root, options, Path(folder), beside=beside)


def _adopted(arguments: argparse.Namespace, root: Path, options: Options, folder: Path, *, beside: bool) -> int:
    from mlops.adopt.look import look
    from mlops.adopt.write import write
    from mlops.datasets.address import secret

    quiet = arguments.json
    _say(f"  reading {arguments.data}", quiet=quiet or secret(arguments.data))
    plan = look(arguments.data, arguments.target, name=arguments.name, options=options, folder=folder)
    if not (arguments.yes or quiet) and sys.stdin.isatty() and sys.stdout.isatty():
        told = _asked(plan, options)
        plan = look(arguments.data, arguments.target, name=arguments.name, options=told, folder=folder) if told != options else plan
    _say(described(plan), quiet=quiet)
    _say("\n  trying it: the steps of the new project, in a temporary folder", quiet=quiet)
    changes = write(plan, root, beside=beside, dry_run=arguments.dry_run, say=lambda line: _say(f"    {line}", quiet=quiet))
    if quiet:
        print(json.dumps(_facts(plan, changes), ensure_ascii=False, default=str))
    else:
        print(ended(plan, changes, several=len(read_project(root).models) > 1))
    return 0


def _say(words: str, *, quiet: bool) -> None:
    if not quiet:
        print(words, flush=True)


def _facts(plan: Plan, changes: Changes) -> dict[str, Any]:
    return {"plan": asdict(plan), "changes": {key: value for key, value in asdict(changes).items() if key != "diff"}}


def _asked(plan: Plan, options: Options) -> Options:
    """Ask what is unsure; an empty answer takes the reading that stands first."""
    from mlops.adopt.look import questions

    for decision, answers in questions(plan):
        print(f"\n  {decision.about}: {decision.value}? {decision.why}")
        choices = list(dict.fromkeys(answers)) if len(set(answers)) > 1 else [decision.value, "no"]
        print("  " + "   ".join(f"[{number}] {choice}" for number, choice in enumerate(choices, 1)))
        try:
            said = input(f"  1-{len(choices)}, Enter for 1: ").strip()
        except EOFError:
            return options
        if said.isdigit() and 1 < int(said) <= len(choices):
            options = answered(plan, options, decision, choices[int(said) - 1])
    return options


def answered(plan: Plan, options: Options, decision: Decision, answer: str) -> Options:
    """Return the options with a person's answer to a question."""
    about = decision.about
    if decision.option.startswith("--day-first"):
        return replace(options, day_first=answer.startswith("%d"))
    if about == "task":
        return replace(options, task=answer)
    if about == "positive":
        return replace(options, positive=answer)
    if about == "time":
        return replace(options, time="none" if answer == "no" else answer)
    if about in {"split", "group"}:
        group = answer.removeprefix("group by ") if answer.startswith("group by ") else "none"
        return replace(options, time="none" if answer != "time" else options.time, group=group)
    column = next((column for column in plan.columns if column.name == about), None)
    if column is None:
        return options
    return replace(options, drop=(*options.drop, about)) if column.used else replace(options, keep=(*options.keep, about))


def described(plan: Plan) -> str:
    """Return what was found, how sure that is, and why."""
    names = {column.name for column in plan.columns}
    seconds = plan.facts.get("seconds_read")
    lines = [f"\n  {plan.name}   {plan.rows:,} rows, {len(plan.columns):,} columns" + (f", read in {seconds} s" if seconds else ""), ""]
    lines.append(_row("target", plan.target, "given", ""))
    lines += [
        _row(item.about, item.value, item.sure, item.why)
        for item in plan.decisions
        if item.about not in names or item.option.startswith(ABOUT_ALL)
    ]
    used: dict[str, list[str]] = {}
    for column in plan.columns:
        if column.used:
            used.setdefault(column.role, []).append(column.name)
    lines += ["", f"  learnt from   {_columns(sum(map(len, used.values())))}"]
    lines += [_wrapped(f"    {role:<18}", _listed(columns)) for role, columns in used.items()]
    left = [column for column in plan.columns if not column.used and column.role != "target"]
    if left:
        lines += ["", f"  left out      {_columns(len(left))}"]
        lines += [_wrapped(f"    {column.name:<17} ", f"{column.role}: {column.why}") for column in left[:MOST]]
        lines += [f"    and {len(left) - MOST:,} more"] if len(left) > MOST else []
    kept = [suspect for suspect in plan.suspects if not suspect.left_out or not suspect.column]
    if kept:
        lines += ["", "  look at"]
        lines += [_wrapped(f"    {suspect.column or 'rows':<17} ", suspect.why) for suspect in kept[:MOST]]
    unsure = [item for item in plan.decisions if item.sure == "unsure" and item.option]
    if unsure:
        lines += ["", "  unsure        the safe reading was taken; say otherwise with"]
        lines += [f"    {item.option:<30} ({item.about}: {item.value})" for item in unsure[:MOST]]
    lines += ["", *(_wrapped("  seen          ", remark) for remark in plan.remarks)] if plan.remarks else []
    return "\n".join(lines)


def ended(plan: Plan, changes: Changes, *, several: bool) -> str:
    """Return what was measured and written, and what comes next."""
    from mlops.adopt.gates import told
    from mlops.adopt.measure import SCORING

    measured, gate = changes.measured, changes.gate
    better = "more" if METRICS[plan.metric] == "higher" else "less"
    gain = measured.gain
    lines = ["", f"  measured      on {measured.rows:,} test rows that the model never saw, {measured.train_rows:,} learnt from"]
    lines += [f"    {plan.metric:<18}{told(measured.model)}, a guess {told(measured.guess)} ({better} is better)"]
    lines += [f"    estimator         {measured.estimator}: {_scores(measured.scores, SCORING[plan.metric])} in a cross-validation"]
    lines += [_wrapped("    gate              ", gate.why)]
    if gain is None or gain <= 0:
        lines += [
            _wrapped(
                "  NO GAIN       ",
                "The model is no better than a guess: `make run` will register it and not promote it. More rows or columns are needed.",
            )
        ]
    lines += [_wrapped("  note          ", remark) for remark in changes.remarks[:MOST]]
    place = f"in the place of {changes.replaced}" if changes.replaced else "beside the other models"
    if not changes.commit:
        lines += ["", "  would write   " + f"{len(changes.written)} files, {place}; {len(changes.removed)} would go", ""]
        lines += [f"    {name}" for name in changes.written]
        lines += [f"    {name}   (goes)" for name in changes.removed]
        return "\n".join([*lines, "", changes.diff, "", "  Nothing was changed. Without --dry-run (make: DRY=) it is done, as one commit."])
    run = f"make run MODEL={plan.name}" if several else "make run"
    lines += [
        "",
        f"  written       {len(changes.written)} files, {place}; {len(changes.removed)} went; commit {changes.commit[:10]}, {changes.seconds:.0f} s",
    ]
    lines += [f"  next          {run}     # to production", "  then          make check   # and make test"]
    return "\n".join([*lines, f"  undo          git revert {changes.commit[:10]}"])


def _columns(count: int) -> str:
    return f"{count:,} column{'s' * (count != 1)}"


def _scores(scores: Mapping[str, float], scoring: str) -> str:
    """Return scores as people read them: scikit-learn turns what is better when it is less around, and calls it neg_."""
    from mlops.adopt.yamls import number

    way, words = (-1, scoring.removeprefix("neg_")) if scoring.startswith("neg_") else (1, scoring)
    return ", ".join(f"{name} {number(way * value, 4)}" for name, value in scores.items()) + f" ({words.replace('_', ' ')})"


def _row(about: str, value: str, sure: str, why: str) -> str:
    return _wrapped(f"  {about:<13} {value:<18} {sure:<9} ", why) if why else f"  {about:<13} {value:<18} {sure}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST:,} more" if len(names) > MOST else "")


def _wrapped(start: str, words: str) -> str:
    return (
        textwrap.fill(
            words, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False, break_long_words=False
        )
        or start
    )
