"""The tree of steps: what a line says while its step runs, and afterwards."""

from mlops.engine.events import Finished, Progress, RunStarted, Started
from mlops.report.live import Tree


def test_a_running_step_says_how_far_it_is_and_then_what_it_did(capsys):
    tree = Tree(live=False)
    for event in (
        RunStarted(1, "a", "train.yml", {"train": (), "test": ()}),
        Started("train", "code changed", 0.0),
        Progress("train", "train 43 %, 43/100"),
    ):
        tree.apply(event)
    running, waiting = (row.plain for row in tree._rows())
    assert "train 43 %, 43/100" in running
    assert "43" not in waiting
    assert "43 %" not in capsys.readouterr().out
    tree.apply(Finished("train", 1.0, {}, "100 rows"))
    assert "100 rows" in next(tree._rows()).plain
    assert capsys.readouterr().out.split() == ["├─", "train", "100", "rows", "✔", "1.0", "s"]


def test_a_step_that_nobody_knew_at_the_start_stands_before_the_first_that_has_not_begun():
    tree = Tree(live=False, quiet=True)
    tree.apply(RunStarted(1, "calm-dove", "p.yml", {"again": (), "tell": ("again",)}))
    tree.apply(Progress("again", "iteration 1 of at most 5"))
    tree.apply(Finished("count-1", 0.1, {}, "n=1"))
    assert [(line.name, line.state) for line in tree._lines.values()] == [("again", "running"), ("count-1", "done"), ("tell", "waiting")]
