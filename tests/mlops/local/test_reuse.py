"""Reuse never lies: whatever is changed, exactly the steps that it concerns run again, and undoing it brings everything back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.engine.events import Finished, Reused
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

# Three commands in a row beside one that stands alone; each output is what the step was given, so that a change travels.
STEPS = {"a": ("a", "b", "c"), "b": ("b", "c"), "c": ("c",), "alone": ("alone",)}


def lay_out(project, facts):
    (project.root / "other").mkdir(exist_ok=True)
    for name in STEPS:
        folder = "other" if name == "alone" else f"code_{name}"
        project.write(f"{folder}/rule.txt", facts[name, "code"])
        before = "cat '${{inputs.before}}' >> '${{outputs.out}}'; " if name in {"b", "c"} else ""
        data = "cat '${{inputs.data}}' >> '${{outputs.out}}'; " if name in {"a", "alone"} else ""
        more = ", before: {type: uri_file}" if before else ", data: {type: uri_file}"
        project.write(
            f"{name}.yml",
            f"type: command\nname: {name}\ninputs: {{p: {{type: string}}{more}}}\noutputs: {{out: {{type: uri_file}}}}\ncode: ./{folder}\n"
            f"environment: {{image: {facts[name, 'image']}}}\nenvironment_variables: {{V: '{facts[name, 'variable']}'}}\n"
            f"command: >-\n  {before}{data}cat rule.txt >> '${{{{outputs.out}}}}';"
            f" echo \"${{{{inputs.p}}}} $V {facts[name, 'image']}\" >> '${{{{outputs.out}}}}'\n",
        )
        if data:
            project.write(f"{name}.data", facts[name, "data"])
    jobs = "".join(
        f"  {name}: {{type: command, component: ./{name}.yml, inputs: {{p: '{facts[name, 'parameter']}', "
        + (
            f"before: '${{{{parent.jobs.{'a' if name == 'b' else 'b'}.outputs.out}}}}'"
            if name in {"b", "c"}
            else f"data: {{path: ./{name}.data}}"
        )
        + "}}\n"
        for name in STEPS
    )
    project.write("pipeline.yml", f"type: pipeline\njobs:\n{jobs}")


def ran(project):
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(warm=False))
    events = list(running.events())
    ends = {event.step: event for event in events if isinstance(event, Finished | Reused)}
    assert set(ends) == set(STEPS), [event for event in events if type(event).__name__ == "Failed"]
    return {name for name, event in ends.items() if isinstance(event, Finished)}, {
        name: Path(event.outputs["out"].path).read_bytes() for name, event in ends.items()
    }


def told(facts, name):
    """What a step must write: all that decides it, its own and that of the steps before it."""
    before = {"b": "a", "c": "b"}.get(name)
    first = told(facts, before) if before else facts[name, "data"].encode()
    own = f"{facts[name, 'code']}{facts[name, 'parameter']} {facts[name, 'variable']} {facts[name, 'image']}\n"
    return first + own.encode()


KINDS = ("code", "parameter", "variable", "image")
PLACES = [(name, kind) for name in STEPS for kind in (*KINDS, *(("data",) if name in {"a", "alone"} else ()))]
CHANGES = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from("uvwxyz")), min_size=1, max_size=8)


@pytest.mark.slow
def test_whatever_changes_exactly_the_steps_that_it_concerns_run_again(project):
    """E10, and D6: a byte of code or data, a parameter, a variable, an environment; the one step downstream of what changed, and no other."""
    state = dict.fromkeys(PLACES, "t")
    lay_out(project, state)
    assert ran(project)[0] == set(STEPS)
    made_before = {(name, told(state, name)) for name in STEPS}

    @settings(max_examples=6, derandomize=True, database=None)
    @given(CHANGES)
    def check(changes):
        for place, value in changes:
            state[place] = value
            lay_out(project, state)
            now, made = ran(project)
            assert made == {name: told(state, name) for name in STEPS}
            assert now == {name for name in STEPS if (name, told(state, name)) not in made_before}
            made_before.update((name, told(state, name)) for name in STEPS)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "data"])
def test_a_change_of_any_kind_runs_the_step_and_what_comes_after_it(project, kind):
    state = dict.fromkeys(PLACES, "t")
    lay_out(project, state)
    ran(project)
    lay_out(project, state | {("a", kind): "u"})
    assert ran(project)[0] == {"a", "b", "c"}
    lay_out(project, state)
    assert ran(project)[0] == set()
