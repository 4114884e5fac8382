"""The tree of steps in the terminal."""

from mlops.engine.events import Finished, Progress, RunStarted
from mlops.report.live import Tree


def test_a_step_that_nobody_knew_at_the_start_stands_before_the_first_that_has_not_begun():
    tree = Tree(live=False, quiet=True)
    tree.apply(RunStarted(1, "calm-dove", "p.yml", {"again": (), "tell": ("again",)}))
    tree.apply(Progress("again", "iteration 1 of at most 5"))
    tree.apply(Finished("count-1", 0.1, {}, "n=1"))
    assert [(line.name, line.state) for line in tree._lines.values()] == [("again", "running"), ("count-1", "done"), ("tell", "waiting")]
