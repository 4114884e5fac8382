"""columns.yml: what the model learns from, and as what. One line a column, so that a change of it reads well in a review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.adopt.yamls import block, flow

if TYPE_CHECKING:
    from mlops.adopt.plan import Column, Plan

FILE = "columns.yml"
MOST_VALUES = 12
LEAST_ROWS = 50
"""A slice is looked at where a category has few values, and each of them this many rows in the mean."""
LISTS = {
    "numbers": ("numbers, as they are", ("number",)),
    "booleans": ("true or false", ("boolean",)),
    "categories": ("one of a few values", ("category",)),
    "high_cardinality": ("one of many values: what the target is like for each (target encoding)", ("high-cardinality",)),
    "texts": ("free text: which words occur", ("text",)),
    "dates": ("times: since when, and where in the year, the week and the day", ("date",)),
}


def text(plan: Plan) -> str:
    """Return the file's text."""
    lines = [
        "# What the model learns from, and as what (yours). A column that stands in none of these lists is not learnt from.",
        "# Move a name to another list, or take it out, and run again: nothing else names a column.",
        f"target: {flow(plan.target)}",
    ]
    if plan.task == "binary":
        lines.append(f"positive: {flow(plan.positive)}   # the class whose probability is told")
    made = "\n".join(lines) + "\n\n"
    for key, (what, roles) in LISTS.items():
        names = plan.of(*roles)
        if names:
            made += f"# {what}\n{block(key, names)}"
    ordinals = {column.name: list(column.values) for column in plan.columns if column.role == "ordinal"}
    if ordinals:
        made += f"# one of a few values that have an order, from the first to the last\n{block('ordinals', ordinals)}"
    return made + "\n" + "".join(f"{key}: {flow(value)}   # {what}\n" for key, (value, what) in besides(plan).items() if value)


def besides(plan: Plan) -> dict[str, tuple[Any, str]]:
    """Return what the file says besides: keys, group, time and slices, each with a word about it."""
    time = next(iter(decided(plan, "time")), "")
    return {
        "keys": (list(plan.keys), "what names a row to a person"),
        "group": (plan.split.column if plan.split.kind == "group" else "", "rows of one group are never on both sides of the split"),
        "time": (plan.split.column if plan.split.kind == "time" else time, "when a row is from"),
        "slices": ([column.name for column in slices(plan)], "looked at value by value"),
    }


def decided(plan: Plan, about: str) -> list[str]:
    """Return the columns that a decision names, if they are columns of the table."""
    names = {column.name for column in plan.columns}
    return [decision.value for decision in plan.decisions if decision.about == about and decision.value in names]


def slices(plan: Plan) -> list[Column]:
    """Return up to three categories with few values, and enough rows for each."""
    fit = [c for c in plan.columns if c.role in {"category", "ordinal", "boolean"} and 2 <= c.distinct <= MOST_VALUES]
    return [c for c in fit if plan.rows * plan.split.share / c.distinct >= LEAST_ROWS][:3]
