"""Why a step failed, where its log says that this machine lacks something."""

from importlib import metadata

import pytest

from mlops.local.causes import cause

ASKED = ("tensorflow==2.16 is not installed", "pandas==1.3 is asked for, 3.1.1 is used")
CURATED = ("its packages are not known here: it is Microsoft's",)


@pytest.mark.parametrize(
    ("line", "differs", "said"),
    [
        ("ModuleNotFoundError: No module named 'tensorflow.keras'", ASKED, "the step's conda file asks for it"),
        ("[rank 1] ModuleNotFoundError: No module named 'cv2'", CURATED, "uv pip install opencv-python"),
        ("ModuleNotFoundError: No module named 'torch'", (), "name it in the step's conda file"),
        ("ModuleNotFoundError: No module named 'azureml.core'", (), "uv pip install azureml-core"),
        (
            "ModuleNotFoundError: No module named 'pandas.nowhere'",
            ASKED,
            "has no pandas.nowhere: it is another version than the script is for (pandas==1.3",
        ),
        ("/bin/bash: line 1: Rscript: command not found", (), "there is no program Rscript on this machine"),
        ("/bin/bash: line 1: /opt/x/activate: No such file or directory", (), "its command needs /opt/x/activate, a file of the container"),
        ("/usr/bin/env: ‘julia’: No such file or directory", (), "there is no program julia on this machine"),
        ("wget: unable to resolve host address ‘a.blob.core.windows.net’", (), "a.blob.core.windows.net cannot be reached from here"),
        ("urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>", (), "a host that it asks for cannot be reached"),
        ("KeyError: 'AZUREML_ARM_SUBSCRIPTION'", (), "it calls the Azure ML workspace"),
        ("RuntimeError: Found no NVIDIA driver on your system.", (), "it needs a graphics card"),
        ("AttributeError: 'DataFrame' object has no attribute 'append'", ASKED, "pandas==1.3 is asked for, 3.1.1 is used"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(line, differs, said):
    assert said in cause(["a line before", line, "and one behind"], differs)


def test_an_error_out_of_a_package_names_the_version_where_what_is_asked_for_is_not_known():
    lines = [
        'File "/x/site-packages/pandas/core/generic.py", line 1, in __getattr__',
        "AttributeError: 'DataFrame' object has no attribute 'append'",
    ]
    assert f"it may be written for another pandas than {metadata.version('pandas')}" in cause(lines, CURATED)
    assert cause(lines, ()) == ""


@pytest.mark.parametrize(
    ("lines", "differs"),
    [
        (["ValueError: no"], ASKED),
        (["AttributeError: 'NoneType' object has no attribute 'a'"], CURATED),
        (["KeyError: column: not found"], ()),
        (["ModuleNotFoundError: No module named 'long_ago'", *["went on"] * 50, "ValueError: no"], ()),
    ],
)
def test_what_is_the_scripts_own_affair_is_left_to_its_log(lines, differs):
    assert cause(lines, differs) == ""
