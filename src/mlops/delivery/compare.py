"""The step behind every pipeline: candidate and champion, scored on the same rows (see `registry/compare.py`).

It is a step like any other, so that it runs in the warm process, has a log, and is reused while nothing that it looks at has changed.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import write_json
from mlops.spec.source import Source
from mlops.spec.values import Asset, Binding, Component, Input, Literal, Output, Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion

NAME = "compare"


def compare_step(workspace: Workspace, folder: Path, outputs: Mapping[str, Any], champion: tuple[ModelVersion, Path] | None) -> Step:
    """Return the step that compares the model of a run with the champion, or with the baseline where there is none.

    Args:
        workspace: Names the rules, the contract and the champion.
        folder: Where its settings are written, in the run's folder.
        outputs: The pipeline's outputs: model, test and evaluation.
        champion: The version that production serves, and its local folder.
    """
    write_json(folder / "rules.json", workspace.staging.gate_facts())
    write_json(folder / "trusted.json", list(workspace.model.trusted_types))
    assets = {name: Path(outputs[name]["path"]) for name in ("model", "test", "evaluation")}
    assets |= {"rules": folder / "rules.json", "trusted": folder / "trusted.json"}
    assets["contract"] = workspace.root / workspace.model.contract
    literals = {"target": workspace.model.target, "positive": str(workspace.model.positive)}
    if champion is not None:
        version, place = champion
        assets["champion"] = place
        literals |= {"champion-version": str(version.version), "champion-digest": version.digest}
    words = ["python -m mlops.registry.compare", '--out "${{outputs.evidence}}"']
    words += [f'--{name} "${{{{inputs.{name}}}}}"' for name in assets]
    words += [f"--{name} ${{{{inputs.{name}}}}}" for name in literals]
    inputs = {name: Input(name, "uri_file" if path.is_file() else "uri_folder") for name, path in assets.items()}
    inputs |= {name: Input(name, "string") for name in literals}
    bindings: dict[str, Binding] = {name: Asset(path, inputs[name].type) for name, path in assets.items()}
    bindings |= {name: Literal(shlex.quote(value)) for name, value in literals.items()}
    place_of = Place(Source(Path(__file__), None, (), {}, {}), ())
    component = Component(
        name=NAME,
        version="1",
        display_name="Compare with the champion",
        command=" ".join(words),
        inputs=inputs,
        outputs={"evidence": Output("evidence")},
        code=None,
        environment=None,
        environment_variables={},
        is_deterministic=True,
        timeout=None,
        place=place_of,
    )
    return Step(NAME, component, bindings, place_of)


def read_evidence(run: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return the path and content of the evidence that a run's compare step wrote."""
    path = Path(run["steps"][NAME]["outputs"]["evidence"]["path"], "evidence.json")
    return path, json.loads(path.read_text(encoding="utf-8"))
