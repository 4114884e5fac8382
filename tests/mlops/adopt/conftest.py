"""Tables that are looked at."""

import numpy as np
import pandas as pd
import pytest

from mlops.adopt.look import Options, look


@pytest.fixture
def draw():
    return np.random.default_rng(3)


@pytest.fixture
def base(draw):
    """200 honest rows: two numbers and a category tell something about a class and an amount."""
    a, b = draw.normal(size=200), draw.normal(size=200)
    return pd.DataFrame(
        {
            "a": a.round(3),
            "b": b.round(3),
            "c": draw.choice(["red", "blue"], 200),
            "y": np.where(a + draw.normal(size=200) > 0, "won", "lost"),
            "z": (a * 3 + draw.normal(size=200)).round(2),
        }
    )


@pytest.fixture
def plan(tmp_path):
    """Write a table as CSV, and return the plan of adopting it."""

    def go(frame, target="y", **options):
        frame.to_csv(tmp_path / "table.csv", index=False)
        return look(str(tmp_path / "table.csv"), target, options=Options(**options), folder=tmp_path)

    return go


@pytest.fixture
def roles(plan):
    return lambda frame, **options: {column.name: column.role for column in plan(frame, **options).columns}


@pytest.fixture
def said():
    """Return the decision about something."""
    return lambda plan, about: next(item for item in plan.decisions if item.about == about)
