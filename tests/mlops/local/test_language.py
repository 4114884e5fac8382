"""What the language means when it is run: each pipeline is written here, and is read and run as a user's is."""

import ensurepip
import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import pytest

from mlops.errors import JobFailed
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

HEAD = "type: pipeline\nsettings: {default_compute: azureml:cpu-cluster}\n"
ENVIRONMENT = "environment: azureml:any@latest"


@pytest.fixture
def ran(tmp_path):
    """Run a pipeline's text, and return what each step wrote into its log, and the state of each."""

    def run(text, **files):
        for name, content in files.items():
            (tmp_path / f"{name}.yml").write_text(content)
        (tmp_path / "p.yml").write_text(text)
        made = LocalRun(load_pipeline(tmp_path / "p.yml"), tmp_path / ".mlops", tmp_path, Options())
        list(made.events())
        steps = made.record.facts["steps"]
        said = {name: (made.record.folder / "steps" / name / "log.txt") for name in steps}
        return {name: path.read_text().strip() if path.exists() else "" for name, path in said.items()}, {
            name: facts.get("state") for name, facts in steps.items()
        }

    return run


def command(name, body, inputs="{}", outputs="{}", more=""):
    return f"type: command\nname: {name}\ninputs: {inputs}\noutputs: {outputs}\ncommand: {body}\n{ENVIRONMENT}\n{more}"


def test_a_pipeline_component_is_run_as_its_steps(ran):
    inner = """\
type: pipeline
name: inner
inputs: {word: {type: string}, loud: {type: string, default: "!"}}
outputs: {made: {type: uri_file}}
jobs:
  write: {type: command, component: ./write.yml, inputs: {word: "${{parent.inputs.word}}", loud: "${{parent.inputs.loud}}"}, outputs: {file: "${{parent.outputs.made}}"}}
"""
    write = command(
        "write",
        'echo "${{inputs.word}}${{inputs.loud}}" > ${{outputs.file}}',
        "{word: {type: string}, loud: {type: string}}",
        "{file: {type: uri_file}}",
    )
    text = (
        HEAD
        + """\
inputs: {word: hello}
jobs:
  outer: {type: pipeline, component: ./inner.yml, inputs: {word: "${{parent.inputs.word}}"}}
  read: {type: command, command: "cat ${{inputs.made}}", environment: azureml:any@latest, inputs: {made: "${{parent.jobs.outer.outputs.made}}"}}
"""
    )
    said, _ = ran(text, inner=inner, write=write)
    assert said == {"outer.write": "", "read": "hello!"}


def test_a_literal_output_is_the_value_that_the_next_step_takes(ran):
    count = command("count", "echo 3 > ${{outputs.n}}", outputs="{n: {type: integer}}")
    tell = command("tell", "echo n=${{inputs.n}}", "{n: {type: integer}}")
    said, _ = ran(
        HEAD + 'jobs: {count: {component: ./count.yml}, tell: {component: ./tell.yml, inputs: {n: "${{parent.jobs.count.outputs.n}}"}}}',
        count=count,
        tell=tell,
    )
    assert said["tell"] == "n=3"


def test_a_literal_output_of_another_type_is_told_with_the_step_that_wrote_it(ran):
    count = command("count", "echo many > ${{outputs.n}}", outputs="{n: {type: integer}}")
    tell = command("tell", "echo n=${{inputs.n}}", "{n: {type: integer}}")
    with pytest.raises(JobFailed, match="count wrote its output 'n', and 'many' is not an integer"):
        ran(
            HEAD
            + 'jobs: {count: {component: ./count.yml}, tell: {component: ./tell.yml, inputs: {n: "${{parent.jobs.count.outputs.n}}"}}}',
            count=count,
            tell=tell,
        )


def test_a_step_runs_without_an_optional_input_that_could_not_be_made(ran):
    bad = command("bad", "exit 1", outputs="{file: {type: uri_file}}")
    take = command("take", "echo took $[[${{inputs.file}}]]", "{file: {type: uri_file, optional: true}}")
    jobs = 'jobs: {bad: {component: ./bad.yml}, take: {component: ./take.yml, inputs: {file: "${{parent.jobs.bad.outputs.file}}"}}}'
    said, states = ran(HEAD + jobs, bad=bad, take=take)
    assert (said["take"], states) == ("took", {"bad": "failed", "take": "finished"})
    strict = HEAD.replace("settings: {", "settings: {continue_on_failed_optional_input: false, ")
    assert ran(strict + jobs)[1]["take"] == "skipped"


def test_on_init_is_first_and_on_finalize_is_last_whatever_failed(ran):
    text = (
        HEAD.replace("settings: {", "settings: {on_init: first, on_finalize: last, ")
        + f"""\
jobs:
  last: {{command: "date +%s%N # last", {ENVIRONMENT}}}
  work: {{command: "date +%s%N; exit 1", {ENVIRONMENT}}}
  first: {{command: "date +%s%N # first", {ENVIRONMENT}}}
"""
    )
    said, states = ran(text)
    assert sorted(said, key=lambda name: int(said[name])) == ["first", "work", "last"]
    assert states == {"first": "finished", "work": "failed", "last": "finished"}


def test_inputs_in_groups_are_named_with_dots(ran):
    tell = command("tell", "echo ${{inputs.model.depth}}", "{model.depth: {type: integer}}")
    said, _ = ran(HEAD + "jobs: {tell: {component: ./tell.yml, inputs: {model.depth: 4}}}", tell=tell)
    assert said["tell"] == "4"


def test_what_is_left_in_the_folder_outputs_is_the_output_artifacts(ran):
    text = (
        HEAD
        + f"""\
jobs:
  make: {{command: echo kept > outputs/word.txt, {ENVIRONMENT}, outputs: {{artifacts: }}}}
  read: {{command: "cat ${{{{inputs.all}}}}/outputs/word.txt", {ENVIRONMENT}, inputs: {{all: "${{{{parent.jobs.make.outputs.artifacts}}}}"}}}}
"""
    )
    assert ran(text)[0]["read"] == "kept"


def test_additional_includes_lie_beside_the_code(ran, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("import shared.word\nprint(shared.word.WORD)\n")
    (tmp_path / "elsewhere/shared").mkdir(parents=True)
    (tmp_path / "elsewhere/shared/word.py").write_text("WORD = 'included'\n")
    tell = command("tell", "python main.py", more="code: ./code\nadditional_includes: [./elsewhere/shared]\n")
    assert ran(HEAD + "jobs: {tell: {component: ./tell.yml}}", tell=tell)[0]["tell"] == "included"


def test_a_zip_to_include_that_is_a_folder_is_made_of_it(ran, tmp_path):
    (tmp_path / "shared/deep").mkdir(parents=True)
    (tmp_path / "shared/deep/word.txt").write_text("zipped")
    step = command(
        "tell",
        "python -c \"import zipfile; print(zipfile.ZipFile('shared.zip').read('deep/word.txt').decode())\"",
        more="additional_includes: [./shared.zip]",
    )
    text = HEAD + "jobs: {tell: {component: ./tell.yml}}"
    assert ran(text, tell=step)[0]["tell"] == "zipped"
    assert ran(text, tell=step)[1]["tell"] == "reused"


def test_an_input_may_be_what_the_step_beside_it_is_given(ran):
    text = f"""\
inputs: {{word: hello}}
jobs:
  one: {{command: "echo ${{{{inputs.word}}}}", {ENVIRONMENT}, inputs: {{word: "${{{{parent.inputs.word}}}}"}}}}
  two: {{command: "echo ${{{{inputs.same}}}}", {ENVIRONMENT}, inputs: {{same: "${{{{parent.jobs.one.inputs.word}}}}"}}}}
"""
    assert ran(HEAD + text)[0] == {"one": "hello", "two": "hello"}


def test_a_limit_and_a_variable_may_be_bound_to_an_input_of_the_pipeline(ran):
    text = (
        HEAD
        + f"""\
inputs: {{seconds: 30, word: hi}}
jobs:
  tell:
    command: echo $WORD $NAME
    {ENVIRONMENT}
    limits: {{timeout: "${{{{parent.inputs.seconds}}}}"}}
    environment_variables: {{WORD: "${{{{parent.inputs.word}}}}", NAME: "${{{{inputs.name}}}}"}}
    inputs: {{name: "you-${{{{parent.inputs.word}}}}"}}
"""
    )
    assert ran(text)[0]["tell"] == "hi you-hi"


@pytest.fixture
def wheel(tmp_path):
    """Make a wheel of one module, whose VERSION is what it says."""

    def make(name, version):
        path = tmp_path / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(f"{name}.py", f"VERSION = '{version}'")
            file.writestr(f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            file.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr(f"{name}-{version}.dist-info/RECORD", "")
        return path

    return make


@pytest.mark.slow  # starts pip
@pytest.mark.parametrize("more", ["", ", distribution: {type: pytorch, process_count_per_instance: 1}"])
def test_a_step_that_installs_a_package_has_it_alone(ran, wheel, more):
    tell = f"pip install -q --no-index {wheel('onlyhere', '1')} && python -c 'import onlyhere, yaml; print(onlyhere.VERSION)'"
    said, _ = ran(HEAD + f'jobs: {{tell: {{command: "{tell}", {ENVIRONMENT}{more}}}}}')
    assert [line for line in said["tell"].splitlines() if line.endswith("1")]
    assert importlib.util.find_spec("onlyhere") is None


@pytest.mark.slow  # starts pip
def test_a_script_that_installs_another_version_has_it_and_the_project_keeps_its_own(ran, wheel, tmp_path):
    before = importlib.metadata.version("click")
    script = """\
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-index", sys.argv[1]])
import click
print(click.VERSION)
"""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/tell.py").write_text(script)
    said, _ = ran(HEAD + f"jobs: {{tell: {{code: ./src, command: python tell.py {wheel('click', '0.0.1')}, {ENVIRONMENT}}}}}")
    assert said["tell"].splitlines()[-1] == "0.0.1"
    importlib.invalidate_caches()
    assert importlib.metadata.version("click") == before


@pytest.mark.slow  # starts pip
def test_an_installation_that_no_text_speaks_of_stays_in_the_folder_of_its_step(ran, wheel, tmp_path):
    pip = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))  # an environment that uv makes has none
    tell = f"PYTHONPATH={pip} python -m p''ip i''nstall -q --no-index {wheel('unsaid', '1')}"
    _, states = ran(HEAD + f'jobs: {{tell: {{command: "{tell}", {ENVIRONMENT}}}}}')
    assert states == {"tell": "finished"}
    assert (tmp_path / ".mlops/runs/1/steps/tell/packages/unsaid.py").is_file()
    assert importlib.util.find_spec("unsaid") is None
