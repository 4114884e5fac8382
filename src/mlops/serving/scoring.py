"""From checked rows to predictions, by the quickest of three ways that gives what the model gives for a data frame, to the bit.

    compiled   the pipeline as one function over plain rows (`compiled.py`), where all of its parts are known
    arrays     the model's own predict_proba, or predict, on a 2-D object array
    frames     the same on a data frame

A way is taken only after it was tried: the model's input example, and rows made from the model's own thresholds and categories, must come
out the same in every bit. What cannot be tried is not used.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed
from mlops.registry.model import read_mlmodel, read_signature
from mlops.registry.task import answered, classes_of, told_class, word
from mlops.serving.body import Form, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mlops.registry.model import Column
    from mlops.serving.body import Row

FRAME_TYPES = {"double": "float64", "float": "float32", "string": "str", "datetime": "datetime64[us]"}
"""What a data frame that was read from a Parquet file has; each has room for what is missing."""
WHOLE_TYPES = {"long": "int64", "integer": "int32", "boolean": "bool"}
WITH_GAPS = {"long": "float64", "integer": "float64", "boolean": "object"}
"""What these become in a data frame where a value is missing."""
AS_ARRAYS = {"double", "string", "long", "boolean"}
"""Types that look the same in an object array and in a data frame."""


@dataclass(frozen=True)
class Scores:
    """Predictions in the order of the rows: classes, or numbers.

    `probabilities` is that of the class that the scorer tells, those of all classes where it tells none, or None for a model that has none.
    """

    predictions: list[Any]
    probabilities: list[Any] | None

    def part(self, start: int, stop: int) -> Scores:
        return Scores(self.predictions[start:stop], self.probabilities and self.probabilities[start:stop])


class Scorer:
    """A loaded model, tried, and the way that it is scored by.

    `named` are the classes that its probabilities are of: the `positive` one, or all of them. Raises ValueError where it does not know that.
    """

    def __init__(self, model: Any, columns: Sequence[Column], example: list[Row], positive: str | None = None) -> None:
        self.model = model
        self.columns = tuple(columns)
        self.classes: list[Any] | None = model.classes_.tolist() if hasattr(model, "predict_proba") else None
        names = classes_of(model) if self.classes is not None else ()
        self._told = told_class(names, positive and word(positive))
        self.named = names if self._told is None else (names[self._told],)
        self.way, self._raw = self._choose(example)

    def score(self, rows: list[Row]) -> Scores:
        """Return what the model says to `rows`, in the signature's order."""
        found = self._raw(rows)
        if self.classes is None:
            return Scores(found.tolist(), None)
        predictions = [self.classes[at] for at in found.argmax(axis=1).tolist()]
        return Scores(predictions, answered(found, self._told).tolist())

    def _choose(self, example: list[Row]) -> tuple[str, Callable[[list[Row]], Any]]:
        if not example or any(column.type not in AS_ARRAYS for column in self.columns):
            return "frames", self._by_frame
        from mlops.serving.compiled import compile_model, trial_rows

        trials = _groups([*example, *trial_rows(self.model, self.columns, example)])
        try:
            wanted, thorough = [self._by_frame(rows) for rows in trials], True
        except Exception:  # noqa: BLE001 - a model may refuse what no caller would send, such as a category that it does not know
            trials, thorough = _groups(example), False
            wanted = [self._by_frame(rows) for rows in trials]
        if thorough and (way := _same(lambda: compile_model(self.model, len(self.columns)), trials, wanted)):
            return "compiled", way
        if way := _same(lambda: self._by_array, trials, wanted):
            return "arrays", way
        return "frames", self._by_frame

    def _by_array(self, rows: list[Row]) -> Any:
        import numpy as np

        table = np.empty((len(rows), len(self.columns)), dtype=object)
        table[:] = rows
        return self._ask(table)

    def _by_frame(self, rows: list[Row]) -> Any:
        import pandas as pd

        table = pd.DataFrame(rows, columns=[column.name for column in self.columns])
        whole = {c.name: (WITH_GAPS if table[c.name].isna().any() else WHOLE_TYPES)[c.type] for c in self.columns if c.type in WHOLE_TYPES}
        return self._ask(table.astype(whole | {c.name: FRAME_TYPES[c.type] for c in self.columns if c.type in FRAME_TYPES}))

    def _ask(self, table: Any) -> Any:
        return self.model.predict_proba(table) if self.classes is not None else self.model.predict(table)


def _groups(rows: list[Row]) -> list[list[Row]]:
    """Return rows as they may come: all at once, some, and one by one. Linear algebra may round otherwise for other sizes."""
    return [rows, rows[1:24] or rows, rows[24:28] or rows, *([row] for row in rows[:4])]


def _same(make: Callable[[], Callable[[list[Row]], Any]], trials: list[list[Row]], wanted: list[Any]) -> Callable[[list[Row]], Any] | None:
    """Return the way that `make` gives, if it answers all trials as wanted, in every bit."""
    try:
        way = make()
        found = [way(rows) for rows in trials]
    except Exception:
        logging.getLogger(__name__).info("a quicker way was not taken", exc_info=True)
        return None
    return way if all(ours.tobytes() == theirs.tobytes() for ours, theirs in zip(found, wanted, strict=True)) else None


def read_example(folder: Path) -> tuple[list[str], list[Row]]:
    """Return the columns and rows of a model's input example, with None for what is missing; nothing where it has none.

    Raises:
        JobFailed: It is there and cannot be read.
    """
    import json

    info = read_mlmodel(folder).get("saved_input_example_info") or {}
    path = folder / str(info.get("artifact_path", "input_example.json"))
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return [], []
    kinds = {column.name: column.type for column in read_signature(folder)}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        times = [kinds.get(name) == "datetime" for name in found["columns"]]
        return list(found["columns"]), [[_there(v, time=time) for v, time in zip(row, times, strict=True)] for row in found["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobFailed(f"the model's input example cannot be read: {error}", where=str(path)) from error


def _there(value: Any, *, time: bool) -> Any:
    """Return a value of the example; MLflow writes a missing number as NaN, and a missing time as "NaT"."""
    return None if (time and value == "NaT") or (isinstance(value, float) and math.isnan(value)) else value


def prepare(model: Any, folder: Path, positive: str | None = None) -> tuple[Scorer, Form]:
    """Return a model that was tried with its own example, and the forms that it takes; `positive` is the class whose probability it tells.

    Raises:
        JobFailed: It has no usable signature, does not know the positive class, or does not score its own example.
    """
    columns = read_signature(folder)
    names, rows = read_example(folder)
    try:
        form = Form(columns)
        return Scorer(model, columns, form.check(names, rows) if rows else [], positive), form
    except Refused as error:
        raise JobFailed(f"the model's own example does not fit its signature: {error.message}", where=str(folder)) from error
    except Exception as error:
        raise JobFailed(f"the model cannot score its own example: {type(error).__name__}: {error}", where=str(folder)) from error
