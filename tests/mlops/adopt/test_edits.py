"""Files of the fork that name its models: changed where they do, and nowhere else."""

from pathlib import Path

import pytest

from mlops.adopt.edits import added, renamed

PARAMETERS = """\
using 'main.bicep'

param project = 'flights'
param costOwner = 'flights-team'
param models = ['flights', 'flights-too']
param registryGroup = 'rg-flights-shared'
param alertEmails = ['flights-team@example.com']
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/staging.bicepparam").write_text(PARAMETERS)
    (tmp_path / "infra/other.bicepparam").write_text("using 'main.bicep'\n")
    return tmp_path


def test_a_model_that_takes_another_s_place_takes_it_on_azure(root: Path) -> None:
    made = renamed(root, "flights", "late-trains-of-2020")
    assert made == {
        "infra/staging.bicepparam": PARAMETERS.replace("project = 'flights'", "project = 'latetrains'")
        .replace("'flights',", "'late-trains-of-2020',")
        .replace("rg-flights-", "rg-latetrains-")
        .replace("flights-team", "late-trains-of-2020-team")
    }


def test_a_model_beside_the_others_has_its_endpoint_on_azure(root: Path) -> None:
    assert added(root, "trains", "src/trains") == {
        "infra/staging.bicepparam": PARAMETERS.replace("'flights-too']", "'flights-too', 'trains']")
    }
