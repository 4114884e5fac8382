"""What a driver fills into a command."""

from mlops.local.kinds.job import read_job


def test_an_input_of_a_group_is_found_by_its_whole_name(tmp_path):
    (tmp_path / "job.json").write_text(
        '{"kind": "sweep", "step": "train", "code": "", "folder": "", "workers": 1, "environment_variables": {}, "job": {}, "outputs": {},'
        ' "inputs": {"first.rate": {"type": "number", "value": 0.1}, "second.rate": {"type": "number", "value": 0.2}}}'
    )
    job = read_job(tmp_path / "job.json")
    assert job.fill("${{inputs.second.rate}} ${{inputs.first.rate}} ${{search_space.depth}}", {"depth": "3"}) == "0.2 0.1 3"
