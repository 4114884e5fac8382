"""Azure's packages cost seconds to import: who does not go there does not pay."""

import subprocess
import sys

import pytest

LOOK = "import sys; from mlops.cli import main; code = main(sys.argv[1:]); print(code, sorted(m for m in sys.modules if m.split('.')[0] == 'azure'))"


SCHEDULE = "name: s\ntrigger: {type: cron, expression: '0 4 * * *'}\ncreate_job: ./pipeline.yml\n"


@pytest.mark.parametrize(
    "words",
    [["check", "pipeline.yml"], ["run", "pipeline.yml"], ["runs"], ["diff", "1", "1"], ["schedule", "show", "-f", "schedule.yml"]],
)
def test_nothing_of_azure_is_imported_without_being_asked_for(project, words):
    project.write("schedule.yml", SCHEDULE)
    if words[0] == "diff":
        subprocess.run([sys.executable, "-c", LOOK, "run", "pipeline.yml"], cwd=project.root, check=True, stdout=subprocess.DEVNULL)
    ended = subprocess.run([sys.executable, "-c", LOOK, *words], cwd=project.root, check=True, stdout=subprocess.PIPE, text=True)
    assert ended.stdout.splitlines()[-1] == "0 []"
