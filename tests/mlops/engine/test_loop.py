from collections import deque

import pytest

from mlops.engine.events import Canceled, Failed, Finished, Progress, Reused, Skipped, Started
from mlops.engine.freshness import Fresh, Recipe, Stale, compare
from mlops.engine.loop import More, execute
from mlops.engine.order import Task


class Inline:
    """Runs each task at once, in the caller's thread: `work` is what it should end as."""

    room = True

    def __init__(self):
        self.events = deque()

    def start(self, task, reason):
        self.events.append(Started(task.name, reason, 0.0))
        self.events.append(Finished(task.name, 1.0, {}) if task.work else Failed(task.name, 1.0, "no"))

    def next(self):
        return self.events.popleft()

    def cancel(self, reason):
        names = [e.step for e in self.events if isinstance(e, Finished | Failed)]
        self.events = deque(Canceled(name, 0.0, reason) for name in names)


def told(tasks, fresh=(), **options):
    graph = {name: Task(name, needs, work) for name, needs, work in tasks}
    judge = lambda task, products: Fresh("same", {}) if task.name in fresh else Stale("new")  # noqa: E731
    return [(type(event), event.step) for event in execute(graph, judge, Inline(), **options) if not isinstance(event, Started)]


def test_steps_run_in_the_order_of_their_needs():
    assert told([("c", ("b",), True), ("a", (), True), ("b", ("a",), True)]) == [(Finished, "a"), (Finished, "b"), (Finished, "c")]


def test_a_fresh_step_is_not_started():
    assert told([("a", (), True), ("b", ("a",), True)], fresh=["a"]) == [(Reused, "a"), (Finished, "b")]


class Noted(Inline):
    """Notes when a task is taken, in the list of what is told."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def start(self, task, reason):
        self.seen.append(f"start {task.name}")
        super().start(task, reason)


def seen_of(verdicts, *tasks):
    """Return what is started and told, in order; the verdict of a task may be an error that its judge raises."""
    seen = []

    def judge(task, products):
        verdict = verdicts.get(task.name, Stale("new"))
        if isinstance(verdict, BaseException):
            raise verdict
        return verdict

    try:
        for event in execute({name: Task(name, needs, True) for name, needs in tasks}, judge, Noted(seen)):
            seen.append(f"{type(event).__name__} {event.step}")
    except (KeyboardInterrupt, ValueError) as error:
        seen.append(type(error).__name__)
    return [one for one in seen if not one.startswith("Started")]


def test_what_waits_for_a_step_begins_before_its_end_is_told():
    assert seen_of({}, ("a", ()), ("b", ("a",))) == ["start a", "start b", "Finished a", "Finished b"]


def test_what_need_not_run_is_told_when_that_is_known():
    fresh = {name: Fresh("same", {}) for name in "bcd"}
    assert seen_of(fresh, ("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("c",))) == [
        "start a",
        "Finished a",
        "Reused b",
        "Reused c",
        "Reused d",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("the disk is full")], ids=repr)
def test_an_end_is_told_though_what_comes_next_cannot_begin(error):
    assert seen_of({"b": error}, ("a", ()), ("b", ("a",))) == ["start a", "Finished a", type(error).__name__]


def test_what_needs_a_failed_step_is_skipped_and_the_rest_goes_on():
    tasks = [("a", (), False), ("b", ("a",), True), ("c", ("b",), True), ("d", (), True)]
    assert told(tasks) == [(Failed, "a"), (Skipped, "b"), (Skipped, "c"), (Finished, "d")]


def test_one_failure_ends_everything_where_the_pipeline_says_so():
    tasks = [("a", (), False), ("d", (), True), ("e", ("d",), True)]
    assert told(tasks, go_on=False) == [(Failed, "a"), (Canceled, "d"), (Skipped, "e")]


def grown(*rounds, more=(), **options):
    """What is told of `loop`, which needs the tasks of each round in turn, and of the tasks beside it."""
    left = list(rounds)

    def judge(task, products):
        if task.work != "loop":
            return Stale("new")
        tasks = left.pop(0) if left else None
        return (
            Finished(task.name, 0.0, {}) if tasks is None else More({name: Task(name, needs, work) for name, needs, work in tasks}, "again")
        )

    graph = {"loop": Task("loop", (), "loop"), **{name: Task(name, needs, work) for name, needs, work in more}}
    events = execute(graph, judge, Inline(), **options)
    return [(type(event), event.step) for event in events if not isinstance(event, Started)]


def test_a_task_that_needs_more_is_asked_again_when_that_has_ended():
    told = grown([("a", (), True)], [("b", ("a",), True), ("c", ("b",), True)], more=[("end", ("loop",), True)])
    assert told == [
        (Progress, "loop"),
        (Finished, "a"),
        (Progress, "loop"),
        (Finished, "b"),
        (Finished, "c"),
        (Finished, "loop"),
        (Finished, "end"),
    ]


def test_what_a_task_needed_besides_and_failed_skips_it():
    told = grown([("a", (), False)], [("b", ("a",), True)], more=[("end", ("loop",), True), ("other", (), True)])
    assert told == [(Progress, "loop"), (Finished, "other"), (Failed, "a"), (Skipped, "loop"), (Skipped, "end")]


def test_a_task_that_nobody_wants_is_no_failure_and_what_needs_it_does_not_run():
    graph = {name: Task(name, needs, True) for name, needs in [("a", ()), ("b", ("a",)), ("c", ())]}
    judge = lambda task, products: Skipped("a", "not taken") if task.name == "a" else Stale("new")  # noqa: E731
    events = execute(graph, judge, Inline(), go_on=False)
    assert [(type(event), event.step) for event in events] == [(Skipped, "a"), (Skipped, "b"), (Started, "c"), (Finished, "c")]


def test_the_reason_for_running_again_names_what_changed():
    before = Recipe({"parameter n": "5", "input data": "sha256:" + "0" * 64})
    assert compare(None, before) == "never run before"
    assert compare(before, before) == "its earlier outputs are gone"
    assert compare(before, Recipe({"parameter n": "6", "input data": "sha256:" + "1" * 64})) == "input data changed, parameter n 5 -> 6"


def test_the_same_recipe_has_the_same_key_whatever_the_order():
    assert Recipe({"a": "1", "b": "2"}).key == Recipe({"b": "2", "a": "1"}).key != Recipe({"a": "2", "b": "1"}).key
