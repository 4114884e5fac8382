"""The shops of the delivery tests, watched: a pipeline that makes newer months, whose likeness to the old ones is a parameter."""

import runpy
import textwrap
from pathlib import Path

import pytest

shops = runpy.run_path(str(Path(__file__).parents[1] / "delivery/conftest.py"))["shops"]

NEWEST = """
import argparse
from pathlib import Path
import numpy as np, pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--raw", type=Path)
for name in ("shift", "noise", "odd"):
    parser.add_argument(f"--{name}", type=float)
args = parser.parse_args()
draw = np.random.default_rng(2)
table = pd.DataFrame(draw.normal(size=(4000, 3)), columns=["a", "b", "c"])
table["late"] = (table.a + table.b + args.noise * draw.normal(size=4000) > 0).astype(float)
table["month"] = ["2024-01", "2024-02", "2024-03", "2024-04"] * 1000
newer = table.month > "2024-01"
table.loc[newer, ["a", "b"]] += args.shift
table.loc[newer, "late"] = table.late.where(table.index % 8 != 3)
table.loc[:int(args.odd) - 1, "c"] = 99.0
table.to_parquet(args.raw / "newest.parquet")
print(f"{len(table):,} rows")
"""
CONTRACT = """
    version: 1.0.0
    kind: DataContract
    apiVersion: v3.0.2
    id: newest
    status: active
    schema:
      - name: newest
        properties:
          - {name: month, logicalType: string, required: true, partitioned: true}
          - {name: c, logicalType: number, logicalTypeOptions: {minimum: -50, maximum: 50}}
"""
PIPELINE = """
    type: pipeline
    experiment_name: shops-monitor
    inputs:
      contract: {type: uri_file, path: ../../data/newest.odcs.yml}
      shift: 0.0
      noise: 1.0
      odd: 0
    outputs:
      rows: {type: uri_file}
    jobs:
      newest:
        type: command
        code: ../project
        environment: azureml:any@latest
        command: >-
          python newest.py --shift ${{inputs.shift}} --noise ${{inputs.noise}} --odd ${{inputs.odd}} --raw "${{outputs.raw}}"
        inputs:
          shift: ${{parent.inputs.shift}}
          noise: ${{parent.inputs.noise}}
          odd: ${{parent.inputs.odd}}
        outputs:
          raw: {type: uri_folder}
      validate:
        type: command
        code: ../project
        environment: azureml:any@latest
        command: >-
          python -m mlops.contract --contract "${{inputs.contract}}" --data "${{inputs.raw}}" --valid "${{outputs.valid}}"
          --quarantine "${{outputs.quarantine}}" --report "${{outputs.report}}"
        inputs:
          contract: ${{parent.inputs.contract}}
          raw: ${{parent.jobs.newest.outputs.raw}}
        outputs:
          valid: {type: uri_folder}
          quarantine: {type: uri_folder}
          report: {type: uri_folder}
      take:
        type: command
        environment: azureml:any@latest
        command: cp "${{inputs.valid}}/newest.parquet" "${{outputs.rows}}"
        inputs:
          valid: ${{parent.jobs.validate.outputs.valid}}
        outputs:
          rows: ${{parent.outputs.rows}}
"""


@pytest.fixture
def watched(shops):
    """The root of the small project, with a monitoring pipeline."""
    for name, text in {
        "src/project/newest.py": NEWEST,
        "data/newest.odcs.yml": CONTRACT,
        "src/pipelines/monitor.yml": PIPELINE,
    }.items():
        (shops / name).write_text(textwrap.dedent(text))
    for name, old, new in (
        ("src/project/train.py", "test.to_parquet(", 'test.assign(month="2024-01").to_parquet('),
        ("src/project/project.yml", "    target: late", "    monitor: src/pipelines/monitor.yml\n    window: month\n    target: late"),
    ):
        text = (shops / name).read_text()
        assert old in text
        (shops / name).write_text(text.replace(old, new))
    return shops
