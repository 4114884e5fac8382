"""A model's entry in src/project/project.yml, written as a person would; the entries of other models stay as they are, comments and all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops.adopt.measure import HARMLESS
from mlops.adopt.pipelines import window
from mlops.adopt.yamls import flow, number

if TYPE_CHECKING:
    from mlops.adopt.layout import Layout
    from mlops.adopt.plan import Plan

LARGE = 50_000
SAMPLE_ROWS = 20_000
"""Above LARGE rows, a pull request is tried on about SAMPLE_ROWS of them."""
HEAD = """# What this repository makes (yours). A second model is a second entry, with a package and pipelines of its own;
# every verb then takes MODEL=name.
"""


def entry(plan: Plan, layout: Layout, trusted: tuple[str, ...]) -> str:
    """Return the model's entry, indented for `models:`."""
    lines = [
        f"  {layout.name}:",
        f"    task: {plan.task}",
        f"    package: {layout.package}",
        f"    pipeline: {layout.pipelines}/train.yml   # its outputs `model`, `test` and `evaluation` are what is gated and registered",
        f"    contract: {layout.contract}",
    ]
    if window(plan) != "none":
        lines += [f"    monitor: {layout.pipelines}/monitor.yml   # its output `rows` is what `mlops monitor` looks at, window by window"]
        lines += ["    window: time_window"]
    lines += [f"    target: {flow(plan.target)}"]
    lines += [f"    positive: {flow(plan.positive)}"] if plan.task == "binary" else []
    lines += [f"    keys: {flow(list(plan.keys))}   # what names a row to a person"]
    lines += ["    # The classes a model file may hold beyond those that skops trusts. It stands here, not in the model:"]
    lines += ["    # a list that travels with the file protects nobody.", "    trusted_types:" + ("" if trusted else " []")]
    lines += [f"      - {name}   # {HARMLESS[name]}" for name in trusted]
    if plan.rows > LARGE:
        lines += ["    # A first word on a pull request comes from a part of the rows: a hint, never red."]
        lines += ["    sample:", f"      share: {number(SAMPLE_ROWS / plan.rows, 2)}"]
    own = [
        f"/{layout.data}/",
        f"/{layout.contract}",
        f"/{layout.pipelines}/",
        f"/{layout.package}/columns.yml",
        f"/{layout.package}/model.py",
        f"/{layout.package}/train.py",
    ]
    return "\n".join([*lines, f"    all_when_changed: {flow(own)}"]) + "\n"


def alone(plan: Plan, made: str) -> str:
    """Return a whole project.yml with one model."""
    what = f"{plan.target} of {plan.name} ({plan.task})."
    return f"{HEAD}name: {plan.name}\ndescription: {flow(what)}\n\nmodels:\n{made}"


def with_entry(text: str, made: str, name: str) -> str:
    """Return project.yml's text with the entry of `name` put in the place of the one it has, or at the end."""
    lines = text.splitlines(keepends=True)
    start = next((at for at, line in enumerate(lines) if re.match(rf"  {re.escape(name)}:\s", line)), None)
    if start is None:
        return text.rstrip("\n") + "\n\n" + made
    end = next((at for at in range(start + 1, len(lines)) if re.match(r"\S|  \S", lines[at])), len(lines))
    return "".join(lines[:start]) + made + ("\n" if end < len(lines) else "") + "".join(lines[end:])
