"""Small real pipelines: a chain of Python steps and a shell step, in a folder of their own."""

import textwrap
from pathlib import Path

import pytest

COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: {name}
version: 1
inputs: {inputs}
outputs: {outputs}
code: ./code
environment: azureml:any@latest
command: {command}
"""

BILL_PROGRAM = """\
#!/bin/sh
[ "$1" = requirements ] && [ -f "$2" ] || exit 1
while [ "$1" != -o ]; do shift; done
printf '{"components": [{"bom-ref": "a", "at": "%s"}], "metadata": {}}' "$SOURCE_DATE_EPOCH" > "$2"
"""


class Project:
    """A folder with a pipeline, its components and scripts; every part can be rewritten by name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".mlops"
        (root / "code").mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def component(self, name: str, inputs: str, outputs: str, command: str) -> None:
        self.write(f"{name}.yml", COMPONENT.format(name=name, inputs=inputs, outputs=outputs, command=command))

    @property
    def pipeline(self) -> Path:
        return self.root / "pipeline.yml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three steps: `make` writes n numbers, `double` doubles them, `count` counts them in a shell."""
    made = Project(tmp_path / "a project")
    made.component(
        "make", "{n: {type: integer, min: 1}}", "{numbers: {type: uri_file}}", 'python make.py "${{inputs.n}}" "${{outputs.numbers}}"'
    )
    made.component(
        "double",
        "{numbers: {type: uri_file}}",
        "{folder: {type: uri_folder}}",
        "python double.py '${{inputs.numbers}}' '${{outputs.folder}}'",
    )
    made.write(
        "code/make.py",
        """\
        import sys
        count, out = int(sys.argv[1]), sys.argv[2]
        with open(out, "w") as file:
            file.write("\\n".join(map(str, range(count))))
        print(f"{count} numbers")
        """,
    )
    made.write(
        "code/double.py",
        """\
        import sys
        from pathlib import Path
        import rule
        numbers = [rule.double(int(line)) for line in Path(sys.argv[1]).read_text().split()]
        Path(sys.argv[2], "doubled.txt").write_text(" ".join(map(str, numbers)))
        print(f"{len(numbers)} doubled")
        """,
    )
    made.write("code/rule.py", "def double(x):\n    return 2 * x\n")
    made.write(
        "pipeline.yml",
        """\
        $schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
        type: pipeline
        experiment_name: numbers
        settings: {default_compute: azureml:cpu-cluster}
        inputs:
          n: 5
        outputs:
          result: {type: uri_folder}
        jobs:
          make:
            type: command
            component: ./make.yml
            inputs:
              n: ${{parent.inputs.n}}
          double:
            type: command
            component: ./double.yml
            inputs:
              numbers: ${{parent.jobs.make.outputs.numbers}}
            outputs:
              folder: ${{parent.outputs.result}}
          count:
            type: command
            command: cat '${{inputs.folder}}/doubled.txt' | wc -w
            environment: azureml:any@latest
            inputs:
              folder: ${{parent.jobs.double.outputs.folder}}
        """,
    )
    return made


@pytest.fixture
def bill_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program on PATH in the place of cyclonedx-py: it says which time it was told."""
    program = tmp_path / "tools" / "cyclonedx-py"
    program.parent.mkdir()
    program.write_text(BILL_PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return program
