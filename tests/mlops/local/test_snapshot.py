"""Which files a command depends on, read from the code."""

from pathlib import Path

import mlops
from mlops.local.snapshot import read_code

SOURCE = Path(mlops.__file__).parents[1]


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_script_depends_on_what_it_imports_and_on_nothing_else(tmp_path):
    write(tmp_path, train="import model", model="import json", evaluate="import model")
    assert set(read_code("python train.py", tmp_path).files) == {"train.py", "model.py"}


def test_asking_for_versions_is_not_importing_by_a_name_made_at_run_time(tmp_path):
    write(tmp_path, train="from importlib.metadata import version", evaluate="")
    assert set(read_code("python train.py", tmp_path).files) == {"train.py"}


def test_a_script_that_imports_by_a_name_made_at_run_time_depends_on_the_whole_folder(tmp_path):
    write(tmp_path, train="import importlib\nimportlib.import_module('x')", evaluate="")
    assert set(read_code("python train.py", tmp_path).files) == {"train.py", "evaluate.py"}


def test_our_own_module_depends_on_its_package_and_not_on_the_folder_that_brings_it():
    code = read_code("python -m mlops.contract --data x", SOURCE)
    assert code.files == {}
    assert "mlops/contract/check.py" in code.ours
    assert not [name for name in code.ours if name.startswith("mlops/serving")]
