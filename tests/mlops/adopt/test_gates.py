"""The gates: what is written can be read back, whatever the target's size."""

from types import SimpleNamespace

import pytest
import yaml

from mlops.adopt.gates import gate_yaml
from mlops.adopt.measure import Measured


def measured(size):
    numbers = {"rmse": 0.3 * size}
    return Measured("trees", {}, "rmse", 0.3 * size, float(size), 0.1 * size, 500, 2_000, numbers, 1.0, 1.0, (), "the mean")


@pytest.mark.parametrize("size", [1e-7, 0.02, 1, 1e4, 1e7, 1e12])
def test_a_gate_holds_numbers_whether_the_target_is_a_share_or_a_price(size):
    """YAML reads 3e+03 as a word: a gate of house prices was refused."""
    column = SimpleNamespace(name="region", role="category", used=True, distinct=4, values=("a", "b", "c", "d"))
    plan = SimpleNamespace(metric="rmse", task="regression", columns=(column,), rows=2_500, split=SimpleNamespace(share=0.2))
    gate = yaml.safe_load(gate_yaml(plan, measured(size)))["gate"]
    assert gate["limits"]["rmse"]["at_most"] == pytest.approx(0.65 * size, rel=0.01)
    assert gate["slices"]["may_fall_by"] == pytest.approx(0.03 * size, rel=0.1)
