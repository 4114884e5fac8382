"""The script for a person with a subscription does what it says, on the loopback: so what fails there is Azure's doing."""

import pytest

pytestmark = pytest.mark.slow


def looked(there):
    from mlops.azure import acceptance

    there.capsys.readouterr()
    return acceptance.main(["staging"]), there.capsys.readouterr().out


@pytest.mark.e2e
def test_every_look_is_good_on_the_loopback_and_the_report_names_nobody(there):
    code, out = looked(there)
    assert code == 0, out
    assert out.count("| yes |") == 6
    assert [value for value in [*there.azure.place().values(), there.azure.scientist.client] if value in out] == []


def test_a_look_that_fails_is_told_and_the_others_are_made(there):
    there.azure.workspace.computes -= {"cpu-cluster"}
    code, out = looked(there)
    there.azure.workspace.computes |= {"cpu-cluster"}
    assert (code, out.count("| **no** |")) == (1, 5)
