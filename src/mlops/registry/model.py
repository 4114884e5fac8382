"""A model folder: its signature, and the one way to load it.

The digest is checked before anything is read, the types that the file may hold come from the repository and never from the file
(GHSA-w582-9x45-8mpx: MLflow takes them from the model's own MLmodel), and there is no second loader for what the first one refuses.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed
from mlops.files import digest_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LARGEST = 4 * 2**30
"""Bytes that a model file may unpack to."""


@dataclass(frozen=True)
class Column:
    """One input of a model. `type` is MLflow's: boolean, integer, long, float, double, string, datetime."""

    name: str
    type: str
    required: bool = True


def read_signature(folder: Path) -> tuple[Column, ...]:
    """Return a model's inputs, in the order that it takes them.

    Raises:
        JobFailed: The folder has no MLmodel, or its signature names no columns.
    """
    signature = read_mlmodel(folder).get("signature") or {}
    try:
        columns = json.loads(signature.get("inputs") or "[]")
        made = tuple(Column(str(c["name"]), str(c["type"]), bool(c.get("required", True))) for c in columns)
    except (KeyError, TypeError, ValueError) as error:
        raise JobFailed("the model's signature does not name its columns", where=str(folder / "MLmodel"), hint=SIGNATURE_HINT) from error
    if not made:
        raise JobFailed("the model has no signature", where=str(folder / "MLmodel"), hint=SIGNATURE_HINT)
    return made


SIGNATURE_HINT = "Save it with mlflow.sklearn.save_model(..., signature=...), made from a table with named columns."


def read_mlmodel(folder: Path) -> Mapping[str, Any]:
    """Return what `MLmodel` says.

    Raises:
        JobFailed: There is none, or it is not a YAML mapping.
    """
    import yaml

    path = folder / "MLmodel"
    try:
        found = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise JobFailed(f"this is no MLflow model: {_first_line(error)}", where=str(path)) from error
    if not isinstance(found, dict):
        raise JobFailed("this is no MLflow model: MLmodel is not a mapping", where=str(path))
    return found


def load(folder: Path, *, trusted: Sequence[str], digest: str | None = None) -> Any:
    """Return the fitted estimator of a model folder.

    Args:
        folder: An MLflow model folder of the scikit-learn flavour, in skops format.
        trusted: Types beyond those skops knows that the file may hold, from project.yml.
        digest: What the folder's digest must be; None where it was made just now.

    Raises:
        JobFailed: Tampered with, missing, corrupt, of a type that is not trusted, or made by another scikit-learn.
    """
    if not folder.is_dir():
        raise JobFailed("the model's folder is gone", where=str(folder))
    if digest is not None and (found := digest_folder(folder)) != digest:
        raise JobFailed(
            f"the model was changed after it was registered: its digest is {found[:23]}…, and {digest[:23]}… was registered",
            where=str(folder),
            hint="Do not use it. Find out who changed it; a version made again has a digest of its own.",
        )
    flavour = (read_mlmodel(folder).get("flavors") or {}).get("sklearn") or {}
    _check_scikit_learn(folder, str(flavour.get("sklearn_version")))
    return _load_skops(_model_file(folder, flavour), trusted)


def _check_scikit_learn(folder: Path, made_by: str) -> None:
    import sklearn

    if made_by != sklearn.__version__:
        raise JobFailed(
            f"the model was made by scikit-learn {made_by}, and this is {sklearn.__version__}: its predictions could differ",
            where=str(folder / "MLmodel"),
            hint="Train it again here, or install the version that made it.",
        )


def _model_file(folder: Path, flavour: Mapping[str, Any]) -> Path:
    """Return the model's file, which must be in skops format and inside of the folder, links resolved."""
    path = folder / str(flavour.get("pickled_model"))
    if flavour.get("serialization_format") != "skops":
        raise JobFailed(
            f"the model is in {flavour.get('serialization_format')} format, which runs code when it is loaded",
            where=str(folder / "MLmodel"),
            hint="Save it with serialization_format='skops'.",
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise JobFailed("the model's file lies outside of its folder", where=str(path))
    return path


def _load_skops(path: Path, trusted: Sequence[str]) -> Any:
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with warnings.catch_warnings():
            _check_size(path)
            warnings.simplefilter("error", InconsistentVersionWarning)
            return skops.io.load(path, trusted=list(trusted))
    except UntrustedTypesFoundException as error:
        hint = "Nothing was run. If the type is harmless, add it to `trusted_types` in src/project/project.yml."
        raise JobFailed(f"the model holds types that are not trusted: {_first_line(error)}", where=str(path), hint=hint) from error
    except InconsistentVersionWarning as error:
        raise JobFailed(f"the model was made by another scikit-learn: {_first_line(error)}", where=str(path)) from error
    except JobFailed:
        raise
    except Exception as error:
        raise JobFailed(f"the model cannot be read: {type(error).__name__}: {_first_line(error)}", where=str(path)) from error


def _check_size(path: Path) -> None:
    """Refuse a file that is small, and large once unpacked."""
    import zipfile

    with zipfile.ZipFile(path) as packed:
        size = sum(entry.file_size for entry in packed.infolist())
    if size > LARGEST:
        raise JobFailed(f"the model unpacks to more than {LARGEST / 2**30:g} GiB", where=str(path))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
