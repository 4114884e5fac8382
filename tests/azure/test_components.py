"""Components are registered in the workspace by their content, and a pipeline that names one runs."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_components_are_registered_by_content_and_nothing_twice(there):
    (there.project.root / "src/pipelines/components").mkdir(parents=True)
    for name in ("make", "double"):
        text = (there.project.root / f"{name}.yml").read_text().replace("./code", "../../../code")
        there.project.write(f"src/pipelines/components/{name}.yml", text)
    code, out, errors = there.mlops("component", "create", "--where", "azure", "--json")
    assert code == 0, errors
    first = {one["name"]: one for one in json.loads(out)}
    assert {one["new"] for one in first.values()} == {True}
    assert {one["new"] for one in json.loads(there.mlops("component", "create", "--where", "azure", "--json")[1])} == {False}
    assert len(there.puts("components")) == 2
    there.project.write("code/rule.py", "def double(x):\n    return x + x\n")
    changed = json.loads(there.mlops("component", "create", "-f", "src/pipelines/components/double.yml", "--where", "azure", "--json")[1])
    assert changed[0]["new"]
    assert changed[0]["version"] != first["double"]["version"]
    there.project.edit("pipeline.yml", "component: ./make.yml", f"component: {first['make']['reference']}")
    assert there.run()["state"] == "completed"
