"""An MLflow model folder on this machine: what it takes, and loading it safely. Imports neither MLflow nor pandas.

A model file can hold anything, so three things stand before a load: the digest that the registry recorded, skops (which builds only known
types, no pickle), and the list of further types in `src/project/project.yml`. The list stands outside the model: one that travels with the file
protects nobody (GHSA-w582-9x45-8mpx). There is no second loader to fall back on.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from mlops.errors import JobFailed
from mlops.files import digest_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Column:
    """One column of a model's signature; `type` is MLflow's: double, float, long, integer, string, boolean, datetime."""

    name: str
    type: str
    required: bool


def read_signature(folder: Path) -> tuple[Column, ...]:
    """Return the columns that a model takes, in its order.

    Raises:
        JobFailed: The folder is not an MLflow model with a column signature.
    """
    described = _described(folder)
    try:
        columns = json.loads(described["signature"]["inputs"])
        return tuple(Column(str(one["name"]), str(one["type"]), bool(one.get("required", True))) for one in columns)
    except (KeyError, TypeError, ValueError) as error:
        raise JobFailed("the model has no signature with named columns", where=str(folder), hint="Save it with signature=...") from error


def _described(folder: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise JobFailed(f"this is no MLflow model: {error}", where=str(folder)) from error
    if not isinstance(found, dict):
        raise JobFailed("this is no MLflow model: MLmodel is not a mapping", where=str(folder))
    return found


def load(folder: Path, *, trusted: Sequence[str], digest: str | None = None) -> Any:
    """Return the scikit-learn model in a folder.

    Args:
        folder: The MLflow model.
        trusted: The types that it may hold beyond those that skops trusts.
        digest: What the folder's files must be; None where they were made in this very run.

    Raises:
        JobFailed: Tampered with, corrupt, not in skops format, of a type that is not trusted, or made by another scikit-learn.
    """
    if digest is not None and digest_folder(folder) != digest:
        raise JobFailed(
            "the model's files are not those that were registered", where=str(folder), hint="It is not loaded. See: mlops models"
        )
    flavor = (_described(folder).get("flavors") or {}).get("sklearn") or {}
    if flavor.get("serialization_format") != "skops":
        hint = 'Save it with serialization_format="skops"; other formats can run code when they are loaded.'
        raise JobFailed(f"the model is stored as {flavor.get('serialization_format')!r}, not as skops", where=str(folder), hint=hint)
    path = folder / "model.skops"
    _check_types(path, trusted)
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io import load as build

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return build(path, trusted=list(trusted))
    except InconsistentVersionWarning as error:
        raise JobFailed(f"the model was made by another scikit-learn: {error}", where=str(path), hint="Train it again here.") from error
    except Exception as error:  # a damaged file can fail in any way
        raise _broken(path, error) from error


def _check_types(path: Path, trusted: Sequence[str]) -> None:
    """Refuse a file that holds a type which neither skops nor the project trusts; nothing of it is built to find out."""
    from skops.io import get_untrusted_types

    try:
        stray = sorted(set(get_untrusted_types(file=path)) - set(trusted))
    except Exception as error:
        raise _broken(path, error) from error
    if stray:
        hint = "If you know them, name them under trusted_types in src/project/project.yml."
        raise JobFailed(f"the model holds types that are not trusted: {', '.join(stray)}", where=str(path), hint=hint)


def _broken(path: Path, error: Exception) -> JobFailed:
    return JobFailed(f"the model does not load: {type(error).__name__}: {error}"[:400], where=str(path), hint="Train it again.")
