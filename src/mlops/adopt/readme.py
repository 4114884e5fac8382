"""The top of README.md: what the repository is about. All from the table `I want to` on stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.adopt.card import cell, code
from mlops.adopt.gates import told

if TYPE_CHECKING:
    from mlops.adopt.measure import Measured
    from mlops.adopt.plan import Plan

ANCHOR = "| I want to | do |"


def rewritten(text: str, plan: Plan, measured: Measured) -> str | None:
    """Return README.md with the paragraphs of this model; None where its table is not there any more: it is somebody's own then."""
    if ANCHOR not in text:
        return None
    used = sum(column.used for column in plan.columns)
    asked = {
        "binary": f"whether {code(plan.target, table=False)} is {code(str(plan.positive), table=False)}",
        "multiclass": f"which of {len(plan.classes)} classes {code(plan.target, table=False)} is",
        "regression": f"how much {code(plan.target, table=False)} is",
    }[plan.task]
    return f"""# {plan.name}

A model that says {asked}, from {used:,} columns of {plan.rows:,} rows ([data card](data/{plan.name}/README.md)), and its way from a commit to
production. It runs whole on one machine, with no account and no container engine; the pipeline is standard Azure ML v2 YAML.

```
make run      # raw data to a production endpoint: sets itself up
make check    # lint, types and quick tests; make test: all of them
```

On {measured.rows:,} test rows that it never saw: {measured.metric} {told(measured.model)}, against {told(measured.guess)} of a guess
({cell(measured.guess_words)}). You need git, make and Python 3.11 (or 3.12).

{text[text.index(ANCHOR) :]}"""
