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
    share = ", share=0.05" if plan.rows > 50_000 else ""
    return [
        (
            "markdown",
            f"# {plan.name}, step by step\n\n"
            f"The same pipeline as `make run`, in this process: the steps of `{layout.pipelines}/train.yml`, with their parameters.\n"
            "Change a parameter or a script, run the cell again, and take what is better into the YAML. What is tried here is not recorded and not\n"
            "deployed; `make run` does that.",
        ),
        (
            "code",
            "import json\nimport sys\nimport tempfile\nfrom pathlib import Path\n\nimport matplotlib.pyplot as plt\nimport pandas as pd\n\n"
            f'root = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "{layout.pipelines}/train.yml").is_file())\n'
            f'sys.path.insert(0, str(root / "{layout.package}"))',
        ),
        (
            "code",
            "from by_hand import Pipeline\nfrom columns import read_columns\n\n"
            f'flow = Pipeline(root / "{layout.pipelines}/train.yml", tempfile.mkdtemp(){share})\n'
            f'columns = read_columns(root / "{layout.pipelines}/columns.yml")',
        ),
        ("markdown", "## Data: import, check against the contract, clean"),
        (
            "code",
            'for step in ("import", "validate", "clean"):\n    outputs = flow.run(step)\ntable = pd.read_parquet(outputs["cleaned"])\ntable.describe(include="all").T',
        ),
        ("markdown", "## The target"),
        (
            "code",
            "answers = table[columns.target]\n"
            + ("answers.plot.hist(bins=40)" if plan.task == "regression" else "answers.astype(str).value_counts()[:20].plot.barh()")
            + "\nplt.title(columns.target)\nplt.show()",
        ),
        ("markdown", "## Train and evaluate: the place to try things"),
        ("code", 'for step in ("split", "train", "evaluate"):\n    outputs = flow.run(step)\nevaluation = outputs["evaluation"]'),
        (
            "code",
            'importance = pd.DataFrame(json.loads((evaluation / "importance.json").read_text()))\n'
            'strongest = importance["feature"].head(3).tolist() if len(importance) else []\n'
            "for name in strongest:\n"
            "    values = table[name]\n"
            + (
                '    plt.scatter(values.astype("str"), answers, s=4) if values.dtype.kind not in "fM" else plt.scatter(values, answers, s=4)\n'
                if plan.task == "regression"
                else "    for label, rows in list(table.groupby(columns.target))[:5]:\n"
                '        rows[name].astype("str").value_counts()[:20].plot(label=label) if values.dtype.kind not in "f" else plt.hist(rows[name].dropna(), 30, alpha=0.5, label=str(label))\n'
                "    plt.legend()\n"
            )
            + "    plt.title(name)\n    plt.show()\nimportance.head(10)",
        ),
        ("code", 'pd.Series(json.loads((evaluation / "metrics.json").read_text()))'),
    ]
