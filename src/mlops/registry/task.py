"""What a model is asked for: whether something happens, which of several classes, or how much; and how its answers are read and judged.

All that differs between the tasks is here: how the target is read from a table, what a model says to rows, how two models that do not know
the same classes are laid side by side, and what of a score is watched. The rest of the machinery takes a task, and asks it.

Classes are named by words: `1`, `1.0` and a truth value are the class `1`, everything else is what `str` makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlops.errors import JobFailed
from mlops.settings import METRICS_OF
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from mlops.registry.metrics import Numbers

SUM_WITHIN = 1e-3
"""How far from one the probabilities of a row may add up: float32 has seven digits."""
NAMED = 10
"""Classes that a message names."""


@dataclass(frozen=True)
class Scores:
    """What was said to n rows.

    `numbers` is P(positive) of a binary task and the prediction of a regression, shape (n,), and the probabilities of the `classes` of a
    multiclass one, shape (n, k). `served` is what an endpoint answers: a number for each row (of two classes P(positive)), or a list of them.
    """

    numbers: Numbers
    classes: tuple[str, ...] = ()
    served: list[Any] | None = None

    def of(self, rows: Any) -> Scores:
        """Return what was said to some of the rows."""
        return Scores(self.numbers[rows], self.classes)


class Task(Protocol):
    """What the machinery asks of a task."""

    @property
    def name(self) -> str: ...

    def truth(self, values: pd.Series) -> Any:
        """Return what is true of each row, shape (n,); raise ValueError where a value cannot be."""

    def scores(self, model: Any, rows: pd.DataFrame) -> Scores:
        """Return what a model says to rows that have its inputs; raise ValueError where it is no answer to this task."""

    def baseline(self, found: pd.DataFrame) -> Scores:
        """Return what the evaluation's baseline says; raise ValueError where it is none."""

    def aligned(self, truth: Any, *said: Scores) -> tuple[Numbers, ...]:
        """Return truth and scores as the metrics take them (see `metrics.py`)."""

    def watched(self, scores: Scores) -> pd.Series:
        """Return what of the scores is profiled: the probability, the predicted class, or the prediction."""

    def facts(self, truth: Any) -> dict[str, Any]:
        """Return what is told about the target of some rows, as JSON has it."""


@dataclass(frozen=True)
class Binary:
    """Whether something happens: judged is the probability of the `positive` class."""

    positive: str
    name: str = "binary"

    def truth(self, values: pd.Series) -> Numbers:
        words = [word(value) for value in values.tolist()]
        others = sorted(set(words) - {self.positive})
        if len(others) > 1:
            raise ValueError(f"beside the positive class {self.positive!r} there is one other, and here are {_listed(others)}")
        return np.array([one == self.positive for one in words], float)

    def scores(self, model: Any, rows: pd.DataFrame) -> Scores:
        classes = classes_of(model)
        told = told_class(classes, self.positive)
        found = answered(probabilities_of(model, rows), told)
        return Scores(found, classes, found.tolist())

    def baseline(self, found: pd.DataFrame) -> Scores:
        return Scores(_probabilities(_column(found)))

    def aligned(self, truth: Numbers, *said: Scores) -> tuple[Numbers, ...]:
        return (truth, *(one.numbers for one in said))

    def watched(self, scores: Scores) -> pd.Series:
        return _series(scores.numbers)

    def facts(self, truth: Numbers) -> dict[str, Any]:
        return {"positive_share": float(truth.mean())}


@dataclass(frozen=True)
class Multiclass:
    """Which of several classes: judged are the probabilities of all of them."""

    name: str = "multiclass"

    def truth(self, values: pd.Series) -> Any:
        return np.array([word(value) for value in values.tolist()], dtype=object)

    def scores(self, model: Any, rows: pd.DataFrame) -> Scores:
        classes, found = classes_of(model), probabilities_of(model, rows)
        return Scores(found, classes, answered(found, told_class(classes)).tolist())

    def baseline(self, found: pd.DataFrame) -> Scores:
        columns = [name for name in map(str, found.columns) if name.startswith("baseline:")]
        if not columns:
            raise ValueError("it has no column `baseline:<class>`")
        known = {str(value): word(value) for value in found["target"].unique().tolist()}  # the column of class 1.0 is `baseline:1.0`
        names = (name.removeprefix("baseline:") for name in columns)
        return Scores(_probabilities(found[columns].to_numpy(float)), tuple(known.get(name, name) for name in names))

    def aligned(self, truth: Any, *said: Scores) -> tuple[Numbers, ...]:
        """Lay them side by side over all classes that anybody knows: to a class that it does not know a model gives no chance."""
        known = sorted({*truth.tolist(), *(name for one in said for name in one.classes)})
        at = {name: number for number, name in enumerate(known)}
        made = []
        for one in said:
            wide = np.zeros((len(one.numbers), len(known)))
            wide[:, [at[name] for name in one.classes]] = one.numbers
            made.append(wide)
        return (np.array([at[name] for name in truth.tolist()], float), *made)

    def watched(self, scores: Scores) -> pd.Series:
        return _series(np.array(scores.classes, dtype=object)[scores.numbers.argmax(axis=1)])

    def facts(self, truth: Any) -> dict[str, Any]:
        names, counts = np.unique(truth.astype(str), return_counts=True)
        return {"classes": len(names), "largest": {"class": str(names[counts.argmax()]), "share": float(counts.max() / counts.sum())}}


@dataclass(frozen=True)
class Regression:
    """How much: judged is the prediction itself."""

    name: str = "regression"

    def truth(self, values: pd.Series) -> Numbers:
        try:
            found = values.to_numpy(float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"it is not a number everywhere: {error}") from error
        return _finite(found, "values")

    def scores(self, model: Any, rows: pd.DataFrame) -> Scores:
        found = _asked(model.predict, rows)
        if found.shape != (len(rows),):
            raise ValueError(f"its predictions are of shape {found.shape}, and one number for each of {len(rows):,} rows is needed")
        return Scores(_finite(found, "predictions"), (), found.tolist())

    def baseline(self, found: pd.DataFrame) -> Scores:
        return Scores(_finite(_column(found), "predictions"))

    def aligned(self, truth: Numbers, *said: Scores) -> tuple[Numbers, ...]:
        return (truth, *(one.numbers for one in said))

    def watched(self, scores: Scores) -> pd.Series:
        return _series(scores.numbers)

    def facts(self, truth: Numbers) -> dict[str, Any]:
        return {"mean_target": float(truth.mean())}


def task_of(name: str, positive: Any = 1) -> Task:
    """Return the task of that name, which is one of `settings.TASKS`."""
    tasks: tuple[Task, ...] = (Binary(word(positive)), Multiclass(), Regression())
    return next(task for task in tasks if task.name == name)


def metrics_of(task: Task, first: str | None = None) -> list[str]:
    """Return the names of a task's metrics, the one that decides first."""
    return sorted(METRICS_OF[task.name], key=lambda name: name != first)


def truth_of(task: Task, rows: pd.DataFrame, target: str, where: Path, what: str = "the test rows") -> Any:
    """Return what is true of each row, shape (n,).

    Raises:
        JobFailed: There is no such column, no row, or a value that is missing or that the task does not have.
    """
    if target not in rows:
        raise JobFailed(f"{what} have no column {target!r}", where=str(where), hint=did_you_mean(target, rows.columns, label="columns"))
    if rows[target].isna().any() or rows.empty:
        raise JobFailed(f"{what} lack a {target!r} to compare with, or there are none", where=str(where))
    try:
        return task.truth(rows[target])
    except ValueError as error:
        raise JobFailed(f"{target!r} of {what} cannot be the target of a {task.name}: {error}", where=str(where)) from error


def scores_of(task: Task, model: Any, rows: pd.DataFrame, columns: Sequence[str], what: str = "the test rows") -> Scores:
    """Return what a model says to each row; `what` names the rows in a message.

    Raises:
        JobFailed: The rows lack an input, the model fails on them, or what it says is no answer to this task.
    """
    missing = [name for name in columns if name not in rows]
    if missing:
        raise JobFailed(f"it needs {', '.join(missing)}, which {what} lack")
    try:
        return task.scores(model, rows[list(columns)])
    except _Failed as error:
        raise JobFailed(f"it cannot score {what}: {error}"[:400]) from error
    except ValueError as error:
        raise JobFailed(str(error)[:400]) from error


def classes_of(model: Any) -> tuple[str, ...]:
    """Return the names of a classifier's classes, in its order.

    Raises:
        ValueError: It has none, or no probabilities of them.
    """
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ValueError(f"a {type(model).__name__} has no predict_proba and classes_, which a classifier must have")
    names = tuple(word(value) for value in np.asarray(model.classes_).tolist())
    if len(set(names)) < len(names):
        raise ValueError(f"two of its classes have the same name: {_listed(names)}")
    return names


def probabilities_of(model: Any, rows: pd.DataFrame) -> Numbers:
    """Return the probability of each class, shape (n, k)."""
    return _probabilities(_asked(model.predict_proba, rows))


def told_class(classes: Sequence[str], positive: str | None = None) -> int | None:
    """Return the place of the class whose probability an endpoint answers: the positive one; None where it answers all of them.

    Of two classes of which neither is said to be positive it is the second.

    Raises:
        ValueError: The model does not know the positive class.
    """
    if positive is None:
        return 1 if len(classes) == 2 else None
    if positive not in classes:
        raise ValueError(f"it does not know the class {positive!r}, only {_listed(classes)}")
    return list(classes).index(positive)


def answered(probabilities: Any, told: int | None) -> Any:
    """Return what an endpoint answers of probabilities (n, k): those of the class that is told, or all of them."""
    return probabilities if told is None else probabilities[:, told]


def word(value: Any) -> str:
    """Return the name of a class."""
    value = value.item() if hasattr(value, "item") else value
    return str(int(value) if isinstance(value, bool | float) and float(value).is_integer() else value)


class _Failed(Exception):
    """The model raised, whatever it was."""


def _asked(ask: Callable[[pd.DataFrame], Any], rows: pd.DataFrame) -> Numbers:
    try:
        return np.asarray(ask(rows), float)
    except Exception as error:
        raise _Failed(f"{type(error).__name__}: {error}") from error


def _probabilities(found: Numbers) -> Numbers:
    wrong = ~((found >= 0) & (found <= 1))
    odd = wrong.any(axis=1) | (np.abs(found.sum(axis=1) - 1) > SUM_WITHIN) if found.ndim == 2 else wrong
    if odd.any():
        raise ValueError(
            f"{int(odd.sum()):,} of its {len(found):,} scores are no probabilities (NaN, outside of 0 to 1, or not 1 together)"
        )
    return found


def _finite(found: Numbers, what: str) -> Numbers:
    wrong = int((~np.isfinite(found)).sum())
    if wrong:
        raise ValueError(f"{wrong:,} of its {len(found):,} {what} are not finite (NaN or infinite)")
    return found


def _column(found: pd.DataFrame) -> Numbers:
    if "baseline" not in found:
        raise ValueError("it has no column `baseline`")
    values: Numbers = found["baseline"].to_numpy(float)
    return values


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED} more" if len(known) > NAMED else "")


def _series(values: Any) -> pd.Series:
    import pandas as pd

    return pd.Series(values)
