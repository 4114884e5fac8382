"""Keeping rows and answers of a deployment (Azure ML's data collector): what it takes, and where they go.

Without a scoring script the service collects by itself what an MLflow model is asked and answers. With one, the script collects: it makes a
`Collector` of the package azureml-ai-monitoring for each collection, or nothing is kept, and nobody says so.

Rows land in the workspace's blob store, `workspaceblobstore/modelDataCollector/<endpoint>/<deployment>/<collection>/yyyy/MM/dd/HH/<instance>.jsonl`
("Collect production data from models deployed for real-time inferencing", Microsoft).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

COLLECTIONS = ("model_inputs", "model_outputs")
"""What is kept; the names are those that the service's own monitoring reads."""
_PACKAGE = "azureml.ai.monitoring"


def check_collected(root: Path, scoring: str) -> None:
    """Refuse to turn the collector on for a script that collects nothing, or names no collection of ours.

    Args:
        root: The project.
        scoring: The scoring script below it; empty where the service serves the model by itself.

    Raises:
        UsageError: Nothing would be kept.
    """
    if not scoring:
        return
    script = root / scoring
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(script.parent.rglob("*.py"))]
    missing = [name for name in COLLECTIONS if not any(_PACKAGE in text and name in text for text in texts)]
    if missing:
        told = f"`collect: true`, and {scoring} keeps nothing as {' and '.join(missing)}"
        hint = (
            f"from {_PACKAGE} import Collector; in init(): Collector(name={missing[0]!r}, on_error=...); in run(): .collect(frame). "
            "Its image needs the package azureml-ai-monitoring. Or take `collect` out."
        )
        raise UsageError(told, where="online: collect", hint=hint)
