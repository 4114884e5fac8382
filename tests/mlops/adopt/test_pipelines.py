"""The pipelines that are written."""

import pandas as pd
import yaml

from mlops.adopt.layout import Layout
from mlops.adopt.pipelines import batch_yaml


def test_what_is_scored_in_batch_is_held_against_the_contract_first(plan, base):
    jobs = yaml.safe_load(batch_yaml(plan(pd.DataFrame(base)), Layout("a", first=True)))["jobs"]
    assert list(jobs) == ["import", "validate", "score"]
    assert jobs["score"]["inputs"]["raw"] == "${{parent.jobs.validate.outputs.valid}}"
    assert jobs["validate"]["inputs"] == {"contract": "${{parent.inputs.contract}}", "raw": "${{parent.jobs.import.outputs.raw}}"}
