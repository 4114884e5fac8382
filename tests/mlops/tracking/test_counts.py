"""What a step counted in its log is among its metrics, and on the parent under the step's name."""

import pytest
from tests.mlops.tracking.test_reader import runs_of, tracked


@pytest.mark.slow
def test_rows_that_a_step_counted_are_metrics_of_its_run(project):
    project.edit(
        "code/make.py", "import sys", "import sys\nprint('counts make rows_in=7 rows_out=5')\nprint('counts transform rows_in=5')\n"
    )
    _, facts = tracked(project)
    runs = runs_of(project.home)
    assert runs["make"].data.metrics == {"rows_in": 7, "rows_out": 5, "transform/rows_in": 5}
    assert runs[facts["name"]].data.metrics == {"make/rows_in": 7, "make/rows_out": 5, "transform/rows_in": 5}
