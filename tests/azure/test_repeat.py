"""One training on several sizes: each run goes where it is said to, and costs what its time costs there."""

import json
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
PRICES = Path(__file__).parents[2] / "infra/prices.yml"


def test_a_file_is_repeated_on_each_compute_and_priced(there):
    there.azure.workspace.computes |= {"small", "large"}
    there.place(cost_owner="team-flights")
    (there.project.root / "infra").mkdir()
    prices = yaml.safe_load(PRICES.read_text())
    size, hourly = next((size, told) for size, told in prices["prices"].items() if "Dedicated" in told)
    there.project.write(
        "infra/prices.yml", yaml.safe_dump(prices | {"computes": {"small": f"{size} Dedicated", "large": f"{size} Dedicated"}})
    )
    code, out, errors = there.mlops("repeat", "pipeline.yml", "--compute", "small,large", "--json")
    assert code == 0, errors + out
    told = json.loads(out)["runs"]
    assert [(one["compute"], one["state"], one["run"]) for one in told] == [("small", "completed", 1), ("large", "completed", 2)]
    assert all(one["cost"] == pytest.approx(one["hours"] * hourly["Dedicated"]) for one in told)
    sent = [body["properties"]["settings"]["default_compute"].rpartition("/")[2] for body in there.puts("jobs")]
    assert sent == ["small", "large"]
    assert {body["properties"]["tags"]["cost-owner"] for body in there.puts("jobs")} == {"team-flights"}
    code, _, errors = there.mlops("repeat", "pipeline.yml", "--compute", "small,unknown")
    assert (code, "infra/prices.yml" in errors) == (2, True)
    assert len(there.puts("jobs")) == 2
