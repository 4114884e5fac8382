"""The notebook of an adopted model: load, look, run the pipeline, see what came out. The tests run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.adopt.layout import Layout
    from mlops.adopt.plan import Plan


def text(plan: Plan, layout: Layout) -> str:
    """Return the notebook as JSON."""
    cells = [
        _cell("markdown", number, source) if kind == "markdown" else _cell("code", number, source)
        for number, (kind, source) in enumerate(_cells(plan, layout))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    body = {"cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, number: int, source: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
    return made if kind == "markdown" else made | {"execution_count": None, "outputs": []}


def _cells(plan: Plan, layout: Layout) -> list[tuple[str, str]]:
    about = plan.name, layout.pipelines, layout.package
    flow = (
        FLOW.replace("PIPELINES", layout.pipelines)
        .replace("PACKAGE", layout.package)
        .replace("SHARE", ", share=0.05" if plan.rows > LARGE else "")
    )
    return [
        ("markdown", HEAD.format(*about)),
        ("code", IMPORTS.format(*about)),
        ("code", flow),
        ("markdown", "## Data: import, check against the contract, clean"),
        ("code", LOAD),
        ("markdown", "## The target"),
        ("code", TARGET_NUMBER if plan.task == "regression" else TARGET_CLASS),
        ("markdown", "## Train and evaluate: the place to try things"),
        ("code", TRAIN),
        ("markdown", "## The strongest columns"),
        ("code", STRONGEST_NUMBER if plan.task == "regression" else STRONGEST_CLASS),
        ("code", METRICS),
    ]


LARGE = 50_000
HEAD = """# {0}, step by step

The same pipeline as `make run`, in this process: the steps of `{1}/train.yml`, with their parameters.
Change a parameter or a script, run the cell again, and take what is better into the YAML. What is tried here is not recorded and not deployed;
`make run` does that."""
IMPORTS = """import json
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

root = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "{1}/train.yml").is_file())
sys.path.insert(0, str(root / "{2}"))"""
FLOW = """from by_hand import Pipeline
from columns import read_columns

flow = Pipeline(root / "PIPELINES/train.yml", tempfile.mkdtemp()SHARE)
columns = read_columns(root / "PACKAGE/columns.yml")"""
LOAD = """for step in ("import", "validate", "clean"):
    outputs = flow.run(step)
table = pd.read_parquet(outputs["cleaned"])
answers = table[columns.target]
table.describe(include="all").T"""
TARGET_NUMBER = """plt.figure()
answers.plot.hist(bins=40, title=columns.target)
plt.show()"""
TARGET_CLASS = """plt.figure()
answers.astype("str").value_counts()[:20].plot.barh(title=columns.target)
plt.show()"""
TRAIN = """for step in ("split", "train", "evaluate"):
    outputs = flow.run(step)
evaluation = outputs["evaluation"]
importance = pd.DataFrame(json.loads((evaluation / "importance.json").read_text()))
importance.head(10)"""
STRONGEST_NUMBER = """for name in importance["feature"][:3] if len(importance) else []:
    plt.figure()
    plt.scatter(table[name] if table[name].dtype.kind in "fM" else table[name].astype("str"), answers, s=4)
    plt.title(name.replace("$", r"\\$"))
    plt.show()"""
STRONGEST_CLASS = """for name in importance["feature"][:3] if len(importance) else []:
    numbers = table[name].dtype.kind == "f"
    values = pd.qcut(table[name].rank(method="first"), min(10, len(table))) if numbers else table[name].astype("str")
    shares = pd.crosstab(values, answers.astype("str"), normalize="index").iloc[:20, :6]
    shares.plot.bar(stacked=True, title=name.replace("$", r"\\$"), legend=True)
    plt.show()"""
METRICS = """pd.Series(json.loads((evaluation / "metrics.json").read_text()))"""
