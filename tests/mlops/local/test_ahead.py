"""What is laid out ahead is what a step finds, and nothing of it stays behind where no step runs."""

from mlops.engine.events import Failed, Finished, Reused
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

FIRST = "type: command\nname: first\noutputs: {out: {type: uri_file}}\ncode: ./first\nenvironment: {image: any}\ncommand: python run.py '${{outputs.out}}'\n"
NEXT = (
    "type: command\nname: {name}\ninputs: {{before: {{type: uri_file}}}}\noutputs: {{out: {{type: uri_file}}}}\n"
    "code: ./next\nenvironment: {{image: any}}\ncommand: python run.py '${{{{inputs.before}}}}' '${{{{outputs.out}}}}'\n"
)
PIPELINE = "type: pipeline\njobs:\n  first: {type: command, component: ./first.yml}\n" + "".join(
    f"  {name}: {{type: command, component: ./{name}.yml, inputs: {{before: '${{{{parent.jobs.{before}.outputs.out}}}}'}}}}\n"
    for before, name in (("first", "second"), ("second", "third"))
)
SEES = "import os, sys\nopen(sys.argv[-1], 'w').write(str(sorted(os.listdir('.'))))\n"


def lay_out(project, first):
    project.write("first.yml", FIRST)
    project.write("first/run.py", f"import sys\nopen(sys.argv[1], 'w').write({first!r})\n")
    for name in ("second", "third"):
        project.write(f"{name}.yml", NEXT.format(name=name))
    project.write("next/run.py", SEES)
    project.write("next/unused.py", "")
    project.write("next/table.csv", "1")
    project.write("pipeline.yml", PIPELINE)


def run(project):
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options())
    ends = {event.step: type(event) for event in running.events() if isinstance(event, Finished | Failed | Reused)}
    steps = running.record.folder / "steps"
    return ends, steps, sorted(place.name for place in steps.glob("*"))


def test_a_step_finds_its_code_and_no_more(project):
    lay_out(project, "1")
    ends, steps, there = run(project)
    assert set(ends.values()) == {Finished}
    assert (steps / "second/outputs/out").read_text() == (steps / "third/outputs/out").read_text() == "['outputs', 'run.py', 'table.csv']"
    assert there == ["first", "second", "third"]


def test_a_step_that_is_reused_after_one_that_ran_leaves_no_folder(project):
    lay_out(project, "1")
    run(project)
    project.write("first/run.py", "import sys\nprint('other words, the same bytes')\nopen(sys.argv[1], 'w').write('1')\n")
    ends, _, there = run(project)
    assert ends == {"first": Finished, "second": Reused, "third": Reused}
    assert there == ["first"]


def test_steps_that_come_no_more_leave_no_folder(project):
    lay_out(project, "1")
    project.write("first/run.py", "raise SystemExit(3)\n")
    ends, _, there = run(project)
    assert ends == {"first": Failed}
    assert there == ["first"]


def test_what_an_earlier_release_kept_is_still_found(project):
    lay_out(project, "1")
    run(project)
    cache = project.home / "cache"
    for kept in list(cache.glob("*.json")):
        (cache / kept.name[:2]).mkdir(exist_ok=True)
        kept.rename(cache / kept.name[:2] / kept.name[2:])
    assert set(run(project)[0].values()) == {Reused}


def test_of_equal_steps_those_that_are_judged_when_one_has_ended_are_reused(project):
    project.write("one.yml", FIRST)
    project.write("first/run.py", "import sys\nopen(sys.argv[1], 'w').write('1')\n")
    names = "abcdef"
    project.write(
        "pipeline.yml", "type: pipeline\njobs:\n" + "".join(f"  {name}: {{type: command, component: ./one.yml}}\n" for name in names)
    )
    running = LocalRun(load_pipeline(project.pipeline), project.home, project.root, Options(workers=1))
    ends = [type(event) for event in running.events() if isinstance(event, Finished | Reused)]
    assert (ends.count(Finished), ends.count(Reused)) == (2, 4), "one runs, and one is laid out beside it"


def test_steps_that_are_skipped_make_room_for_those_that_come(project):
    lay_out(project, "1")
    later = "".join(
        f"  {name}: {{type: command, component: ./second.yml, inputs: {{before: '${{{{parent.jobs.{before}.outputs.out}}}}'}}}}\n"
        for before, name in (("alone", "fourth"), ("fourth", "fifth"))
    )
    project.write("first/run.py", "raise SystemExit(3)\n")
    project.write("alone.yml", FIRST.replace("first", "alone"))
    project.write("alone/run.py", "import sys, time\ntime.sleep(0.2)\nopen(sys.argv[1], 'w').write('1')\n")
    project.write("pipeline.yml", PIPELINE + "  alone: {type: command, component: ./alone.yml}\n" + later)
    ends, _, there = run(project)
    assert ends == {"first": Failed, "alone": Finished, "fourth": Finished, "fifth": Finished}
    assert there == ["alone", "fifth", "first", "fourth"]
