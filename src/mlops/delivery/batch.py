"""Scoring rows in batches with the version that an environment serves: which pipeline file does it, and what a version gives to it.

The same file runs here and is what a batch endpoint on Azure ML holds. It takes the model as its input `model`. Where it has an input `lineage`, that is
told which version it is, so that each scored row can say so.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops.errors import UsageError
from mlops.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.registry.versions import ModelVersion
    from mlops.settings import Environment, ModelSettings

MODEL, LINEAGE = "model", "lineage"
"""The inputs of a scoring pipeline that the version decides, and nobody else."""


def scoring_pipeline(root: Path, model: ModelSettings, settings: Environment) -> Path:
    """Return the file of the pipeline that scores rows with a model.

    Raises:
        UsageError: There is none, or it takes no model.
    """
    named = settings.batch.pipeline if settings.batch else ""
    path = root / (named or PurePosixPath(model.pipeline).with_name("batch.yml"))
    if not path.is_file():
        hint = "Write one with an input `model` of type mlflow_model, or name it: batch: {pipeline: FILE}"
        raise UsageError(f"there is no pipeline that scores rows with {model.name}", where=str(path), hint=hint)
    if MODEL not in asked_of(path):
        raise UsageError("a pipeline that scores rows has an input `model`", where=str(path), hint="model: {type: mlflow_model}")
    return path


def asked_of(path: Path) -> Mapping[str, object]:
    """Return the inputs of a pipeline file, as they stand there."""
    value = read(path).value
    found = value.get("inputs") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def lineage_of(version: ModelVersion) -> str:
    """Return what a scored row says of the version that scored it: its model, number, digest and the run that made it."""
    run = version.tags.get("slipway.run", "")
    return f"{version.name} v{version.version} {version.digest}" + (f" run {run}" if run else "")


def decided(path: Path, lineage: str, model: str) -> dict[str, str]:
    """Return the inputs that a version decides, for a pipeline file; `model` is where its files are, `lineage` what `lineage_of` says of it."""
    return {MODEL: model} | ({LINEAGE: lineage} if LINEAGE in asked_of(path) else {})


def check_undecided(settings: Mapping[str, str], environment: str) -> None:
    """Refuse inputs that the version decides.

    Raises:
        UsageError: One of them was given.
    """
    given = [name for name in (MODEL, LINEAGE) if name in settings]
    if given:
        hint = "With another model: mlops run, with --set inputs.model=..."
        raise UsageError(f"--set inputs.{given[0]}: that is the version in {environment}", hint=hint)
