"""The one way to load a model, and what it refuses."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlops.errors import JobFailed
from mlops.files import digest_folder
from mlops.registry import model

TREES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


class Evil:
    """What runs a command as soon as it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/slipway-was-here",)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.ensemble import HistGradientBoostingClassifier

    table = pd.DataFrame({"temp": [0.0, 1.0] * 30, "wind": [1.0, 2.0, None] * 20})
    fitted = HistGradientBoostingClassifier(max_iter=2, early_stopping=False).fit(table, [0, 1] * 30)
    folder = tmp_path_factory.mktemp("saved") / "model"
    mlflow.sklearn.save_model(
        fitted,
        folder,
        signature=infer_signature(table, [0, 1]),
        pip_requirements=["scikit-learn"],
        serialization_format="skops",
        skops_trusted_types=list(TREES),
    )
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "MLmodel"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def refusal(folder: Path, **more: Any) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        model.load(folder, **({"trusted": TREES} | more))
    return caught.value


def test_a_model_that_is_as_registered_loads(folder: Path) -> None:
    loaded = model.load(folder, trusted=TREES, digest=digest_folder(folder))
    assert loaded.predict([[1.0, 2.0]]).tolist() == [1]


def test_the_signature_names_the_columns_in_their_order(folder: Path) -> None:
    assert model.read_signature(folder) == (model.Column("temp", "double"), model.Column("wind", "double", required=False))


def test_a_changed_file_is_refused_before_it_is_read(folder: Path) -> None:
    """R7, X1."""
    digest = digest_folder(folder)
    (folder / "model.skops").write_bytes(b"anything")
    assert "changed after it was registered" in refusal(folder, digest=digest).message


def test_a_file_more_is_a_change_too(folder: Path) -> None:
    """R7."""
    digest = digest_folder(folder)
    (folder / "more.txt").write_text("")
    assert "changed after it was registered" in refusal(folder, digest=digest).message


def test_a_type_that_the_repository_does_not_trust_is_refused_whatever_the_model_says(folder: Path) -> None:
    """X1: MLmodel trusts the type (GHSA-w582-9x45-8mpx); its word does not count."""
    assert TREES[0] in (folder / "MLmodel").read_text()
    found = refusal(folder, trusted=())
    assert TREES[0] in found.message
    assert "trusted_types" in str(found.hint)


def test_a_file_that_would_run_a_command_is_not_loaded(folder: Path) -> None:
    """X1."""
    import skops.io

    here = Path("/tmp/slipway-was-here")
    skops.io.dump({"model": Evil()}, folder / "model.skops")
    refusal(folder)
    assert not here.exists()


def test_a_pickle_is_refused_and_there_is_no_other_loader(folder: Path) -> None:
    """X1: also where the pickle calls itself skops."""
    import pickle

    (folder / "model.skops").write_bytes(pickle.dumps(Evil()))
    assert "cannot be read" in refusal(folder).message
    edit(folder, "serialization_format: skops", "serialization_format: cloudpickle")
    assert "runs code when it is loaded" in refusal(folder).message


def test_a_file_outside_of_the_folder_is_refused(folder: Path) -> None:
    """X1, X2: by its name, and by a link."""
    outside = shutil.move(folder / "model.skops", folder.parent / "elsewhere.skops")
    edit(folder, "pickled_model: model.skops", "pickled_model: ../elsewhere.skops")
    assert "outside of its folder" in refusal(folder).message
    edit(folder, "../elsewhere.skops", "model.skops")
    (folder / "model.skops").symlink_to(outside)
    assert "outside of its folder" in refusal(folder).message


def test_a_file_that_unpacks_to_too_much_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X1: a bomb."""
    with zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(4 * 2**20))
    monkeypatch.setattr(model, "LARGEST", 2**20)
    assert "unpacks to more than" in refusal(folder).message


def test_another_scikit_learn_is_refused(folder: Path) -> None:
    """S5: by what MLmodel says."""
    import sklearn

    edit(folder, f"sklearn_version: {sklearn.__version__}", "sklearn_version: 1.3.0")
    assert "made by scikit-learn 1.3.0" in refusal(folder).message


def test_another_scikit_learn_is_refused_where_only_the_file_tells(folder: Path) -> None:
    """S5: InconsistentVersionWarning is an error."""
    import sklearn

    path = folder / "model.skops"
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    old, new = f'"_sklearn_version": "{sklearn.__version__}"'.encode(), b'"_sklearn_version": "1.3.0"'
    schema = parts["schema.json"].replace(old, new)
    if schema == parts["schema.json"]:
        schema = schema.replace(f'\\"{sklearn.__version__}\\"'.encode(), b'\\"1.3.0\\"')
    assert schema != parts["schema.json"]
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in (parts | {"schema.json": schema}).items():
            packed.writestr(name, data)
    assert "another scikit-learn" in refusal(folder).message


@pytest.mark.parametrize("name", ["MLmodel", "model.skops"])
def test_a_missing_file_is_told_with_its_name(folder: Path, name: str) -> None:
    """S5."""
    (folder / name).unlink()
    assert name in str(refusal(folder).where)


def test_a_truncated_file_is_told(folder: Path) -> None:
    """S5, D5."""
    path = folder / "model.skops"
    path.write_bytes(path.read_bytes()[:-500])
    assert "cannot be read" in refusal(folder).message


def test_a_model_without_a_signature_is_told_how_to_get_one(folder: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text[: text.index("signature:")])
    with pytest.raises(JobFailed, match="no signature") as caught:
        model.read_signature(folder)
    assert "signature=" in str(caught.value.hint)


def test_an_mlmodel_that_would_make_objects_is_refused(folder: Path) -> None:
    """X3: YAML is only data."""
    (folder / "MLmodel").write_text("!!python/object/apply:os.system ['touch /tmp/slipway-was-here']")
    assert "this is no MLflow model" in refusal(folder).message
    assert not Path("/tmp/slipway-was-here").exists()
