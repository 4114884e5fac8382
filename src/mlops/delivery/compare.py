"""The step behind every pipeline: candidate and champion, scored on the same rows (see `registry/compare.py`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import write_json
from mlops.spec.program import program_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.delivery.workspace import Workspace
    from mlops.settings import ModelSettings
    from mlops.spec.values import Step

NAME = "compare"


@dataclass(frozen=True)
class Opponent:
    """Whom a model meets: the champion or its twin, by their version; or, without one, what the branch makes that a change goes to."""

    folder: Path
    digest: str
    version: int | None
    name: str = ""
    """Of who has no version: the commit."""


def compare_step(workspace: Workspace, folder: Path, outputs: Mapping[str, Any], opponent: Opponent | None) -> Step:
    """Return the step that compares the model of a run with another one, or with the baseline where there is none.

    Args:
        workspace: Names the rules, the contract and the champion.
        folder: Where its settings are written, in the run's folder.
        outputs: The pipeline's outputs: model, test and evaluation, and train where it has that.
        opponent: Whom it meets.
    """
    write_json(folder / "rules.json", workspace.staging.gate_facts())
    write_json(folder / "trusted.json", list(workspace.model.trusted_types))
    files = {name: Path(outputs[name]["path"]) for name in ("model", "test", "evaluation", "train") if name in outputs}
    files |= {"rules": folder / "rules.json", "trusted": folder / "trusted.json"}
    files["contract"] = workspace.root / workspace.model.contract
    words = asked_for(workspace.model)
    if workspace.model.window:
        words["window"] = workspace.model.window
    if opponent is not None:
        files["champion"] = opponent.folder
        words |= {"champion-version": str(opponent.version)} if opponent.version else {"champion-name": opponent.name}
        words["champion-digest"] = opponent.digest
    return program_step(NAME, "mlops.registry.compare", "Compare with the champion", files=files, words=words, output="evidence")


def asked_for(model: ModelSettings) -> dict[str, str]:
    """Return what a model is asked for, as the arguments of the programs that score it."""
    words = {"target": model.target, "task": model.task}
    return words | {"positive": str(model.positive)} if model.task == "binary" else words


def read_evidence(run: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return the path and content of the evidence that a run's compare step wrote."""
    path = Path(run["steps"][NAME]["outputs"]["evidence"]["path"], "evidence.json")
    return path, json.loads(path.read_text(encoding="utf-8"))
