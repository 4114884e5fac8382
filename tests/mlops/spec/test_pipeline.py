import shlex

import pytest

from mlops.errors import SpecError
from mlops.spec import expressions
from mlops.spec.expressions import fill
from mlops.spec.pipeline import load_pipeline
from mlops.spec.values import FromPipeline, FromStep, Literal


def mistakes(path, **settings):
    with pytest.raises(SpecError) as caught:
        load_pipeline(path, settings)
    return caught.value.problems


def test_a_pipeline_becomes_frozen_values(project):
    pipeline = load_pipeline(project.pipeline)
    assert list(pipeline.steps) == ["make", "double", "count"]
    assert pipeline.steps["make"].inputs == {"n": FromPipeline("n")}
    assert pipeline.steps["count"].needs == ("double",)
    assert pipeline.outputs == {"result": FromStep("double", "folder")}
    assert pipeline.values == {"n": Literal(5)}
    assert pipeline.without_effect == ("pipeline.yml: settings.default_compute",)


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "hint"),
    [
        ("      n: ${{parent.inputs.n}}", "      m: ${{parent.inputs.n}}", 14, "make has no input called 'm'", "make takes: n"),
        ("n: ${{parent.inputs.n}}", "n: ${{parent.inputs.nn}}", 14, "the pipeline has no input called 'nn'", 'did you mean "n"?'),
        ("jobs.make.outputs.numbers", "jobs.maker.outputs.numbers", 19, "there is no step called 'maker'", 'did you mean "make"?'),
        ("jobs.make.outputs.numbers", "jobs.make.outputs.number", 19, "make has no output called 'number'", 'did you mean "numbers"?'),
        ("component: ./make.yml", "component: ./mike.yml", 12, "there is no component file './mike.yml'", 'did you mean "make.yml"?'),
        ("component: ./make.yml", "component: azureml:make@latest", 12, "is not on this machine", "component file"),
        ("experiment_name:", "experiment_nam:", 3, "unknown key 'experiment_nam'", 'did you mean "experiment_name"?'),
        (
            "folder: ${{parent.outputs.result}}",
            "folder: ${{parent.outputs.results}}",
            21,
            "unknown output binding",
            'did you mean "result"?',
        ),
        ("  n: 5", "  n: five", 14, "'five' is not an integer", None),
        ("  n: 5", "  n: 0", 14, "less than the least allowed, 1", None),
    ],
)
def test_a_mistake_is_told_with_file_line_and_hint(project, old, new, line, said, hint):
    project.edit("pipeline.yml", old, new)
    problem = next(p for p in mistakes(project.pipeline) if said in p.message)
    assert (problem.file, problem.line) == (str(project.pipeline), line)
    assert hint is None or hint in problem.hint


def test_all_mistakes_are_told_at_once(project):
    project.edit("pipeline.yml", "component: ./double.yml", "component: ./doble.yml")
    project.edit("pipeline.yml", "n: ${{parent.inputs.n}}", "n: ${{parent.inputs.k}}")
    project.edit("make.yml", "outputs: ", "outptus: ")
    found = " ".join(p.message for p in mistakes(project.pipeline))
    assert "doble.yml" in found
    assert "no input called 'k'" in found
    assert "unknown key 'outptus'" in found


def test_a_cycle_names_its_steps(project):
    project.edit("make.yml", "inputs: {n:", "inputs: {back: {type: uri_folder}, n:")
    project.edit("pipeline.yml", "      n: ${{parent.inputs.n}}", "      n: 5\n      back: ${{parent.jobs.double.outputs.folder}}")
    (problem,) = mistakes(project.pipeline)
    assert problem.message.startswith("the steps wait for each other:")
    assert "make" in problem.message
    assert "double" in problem.message


def test_a_missing_script_is_found_before_any_work(project):
    (project.root / "code/make.py").rename(project.root / "code/maker.py")
    (problem,) = mistakes(project.pipeline)
    assert "there is no script 'make.py'" in problem.message
    assert 'did you mean "maker.py"?' in problem.hint
    assert problem.file.endswith("make.yml")


def test_a_step_type_that_does_not_run_here_is_refused_by_name(project):
    project.edit("pipeline.yml", "type: command\n    component: ./make.yml", "type: data_transfer\n    component: ./make.yml")
    assert "a step of type 'data_transfer' is not run on this machine" in mistakes(project.pipeline)[0].message


def test_inputs_given_on_the_command_line_are_checked_as_those_in_the_file(project):
    assert load_pipeline(project.pipeline, {"n": "7"}).values["n"] == Literal("7")
    assert "'x' is not an integer" in mistakes(project.pipeline, n="x")[0].message
    assert "no input called 'm'" in mistakes(project.pipeline, m="1")[0].message


def test_a_single_command_job_is_a_pipeline_of_one_step(project):
    path = project.write("job.yml", "type: command\ncommand: echo ${{inputs.word}}\ninputs: {word: hello}\nenvironment: azureml:x@latest\n")
    pipeline = load_pipeline(path)
    assert list(pipeline.steps) == ["job"]
    assert pipeline.steps["job"].component.inputs["word"].default == "hello"


def test_an_optional_part_of_a_command_goes_where_it_has_no_value():
    command = "train --a ${{inputs.a}} $[[--b ${{inputs.b}}]] $[[--c ${{inputs.c}}]]"
    values = {"a": "1", "c": "3"}
    assert fill(command, lambda parts: values.get(parts[1])) == "train --a 1  --c 3"


def test_expressions_are_looked_up_and_never_evaluated():
    """X3: an expression is a name, not code."""
    assert not fill("${{__import__('os').system('echo hi')}}", lambda parts: {"inputs": "x"}.get(parts[0]))


def test_an_input_without_a_value_is_a_mistake_only_when_the_file_is_run(project):
    project.edit("pipeline.yml", "  n: 5", "  n: {type: uri_file}")
    assert "the pipeline's input 'n' has no value" in mistakes(project.pipeline)[0].message
    assert load_pipeline(project.pipeline, complete=False).values == {}


def test_jobs_that_name_the_same_component_have_the_same_value_unless_they_set_something_over_it(project):
    project.edit(
        "pipeline.yml",
        "jobs:\n",
        "jobs:\n  again: {component: ./make.yml, type: command, inputs: {n: 1}}\n"
        "  over: {component: ./make.yml, type: command, inputs: {n: 1}, environment_variables: {A: b}}\n",
    )
    steps = load_pipeline(project.pipeline).steps
    assert steps["again"].component is steps["make"].component
    assert steps["over"].component.environment_variables == {"A": "b"}
    assert steps["again"].component.environment_variables == {}


@pytest.mark.parametrize("command", ["python a.py  --n 1\t2\n", "python 'a b.py' \"c\" d\\ e", "", " x\u00a0y \x0b z", "a # b"])
def test_a_command_is_split_into_words_as_a_shell_does(command):
    assert expressions.words(command) == shlex.split(command)
