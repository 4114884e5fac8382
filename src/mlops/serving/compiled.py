"""A fitted pipeline of known parts as one function over plain rows.

Most of the time of one small prediction is not the model's: scikit-learn checks and copies the input in each step, and boosted trees are 200
calls from Python, one per tree. Here the steps before the trees become one lookup or conversion per value, and the trees become one: a
forest whose topmost nodes lead, by an extra feature that holds the tree's number, to the trees as they are. That forest is walked by
scikit-learn's own compiled code in one call, once per row and tree, and the leaves are added in the order of the trees, so that every sum is
the same to the last bit.

This leans on parts of scikit-learn that it does not promise to keep. That is why only exact known types are taken, why the model must have
been made by the very version that runs, and why nothing of this is used before it gave the same bits as the model for rows made from its own
thresholds and categories (`scoring.py`).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.serving.body import missing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops.registry.model import Column
    from mlops.serving.body import Row

    Score = Callable[[list[Row]], Any]
    Value = Callable[[Any], Any]

TRIALS = 160
"""Rows that a compiled pipeline must get right before it is used."""
WALK_AT_ONCE = 20_000
"""Rows times trees up to which copying a row for each tree is cheaper than a call for each tree."""


class Unknown(Exception):
    """The pipeline has a part that is not known here; it is scored as it is."""


@dataclass(frozen=True)
class Feature:
    """One number that a step makes: of which value of the row, and by which functions, one after the other."""

    source: int
    steps: tuple[Value, ...] = ()

    def then(self, step: Value) -> Feature:
        return Feature(self.source, (*self.steps, step))


class Lookup(dict[Any, float]):
    """Numbers by category; what is not among them has a number of its own."""

    def __init__(self, numbers: Mapping[Any, float], unknown: float) -> None:
        super().__init__(numbers)
        self.unknown = unknown

    def __missing__(self, key: Any) -> float:
        return self.unknown


def compile_model(model: Any, width: int) -> Score:
    """Return a function from rows (lists of `width` values) to what the model's `predict_proba`, or a regression's `predict`, gives.

    Raises:
        Unknown: A part of the model is not known here.
    """
    features, trees = features_of(model, width)
    score = _walk(trees)
    steps = [(feature.source, _composed(feature.steps)) for feature in features]

    def compiled(rows: list[Row]) -> Any:
        return score([[step(row[source]) for source, step in steps] for row in rows])

    return compiled


def features_of(model: Any, width: int) -> tuple[list[Feature], Any]:
    """Return what the trees get, made from the values of a row, and the trees.

    Raises:
        Unknown: A part of the model is not known here.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    features = [Feature(number) for number in range(width)]
    steps = [step for _, step in model.steps] if type(model) is Pipeline else [model]
    for step in steps[:-1]:
        features = _through(step, features)
    trees = steps[-1]
    if type(trees) not in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        raise Unknown(type(trees).__name__)
    if trees._preprocessor is not None:  # noqa: SLF001
        features = _through(trees._preprocessor, features)  # noqa: SLF001
    return features, trees


def _through(step: Any, features: list[Feature]) -> list[Feature]:
    """Return the features after a fitted transformer."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    kind = type(step)
    if step == "passthrough":
        return features
    if kind is Pipeline:
        for _, part in step.steps:
            features = _through(part, features)
        return features
    if kind is FunctionTransformer and not step.validate:
        return [feature.then(_number) for feature in features] if _makes_numbers(step) else features
    if kind is OrdinalEncoder:
        return [feature.then(lookup) for feature, lookup in zip(features, _lookups(step), strict=True)]
    if kind is ColumnTransformer and not step.transformer_weights:
        return [
            made
            for name, part, _ in step.transformers_
            if not (isinstance(part, str) and part == "drop")
            for made in _through(part, [features[at] for at in step._transformer_to_input_indices[name]])  # noqa: SLF001
        ]
    raise Unknown(kind.__name__)


def _makes_numbers(step: Any) -> bool:
    """Return whether a FunctionTransformer makes float64 of its input, or leaves it as it is.

    Raises:
        Unknown: It does something else.
    """
    from functools import partial

    import numpy as np
    from sklearn.utils.validation import check_array

    function: Any = step.func
    named = dict(step.kw_args or {})
    if function is None:
        return False
    if isinstance(function, partial) and not function.args:
        function, named = function.func, {**function.keywords, **named}
    kinds = named.pop("dtype", object)
    kinds = kinds if isinstance(kinds, list) else [kinds]
    plain = function is np.asarray and not named
    if not plain and not (function is check_array and named == {"ensure_all_finite": False}):
        raise Unknown(f"a FunctionTransformer of {function!r}")
    return bool(np.dtype(kinds[0]) == np.float64)


def _lookups(encoder: Any) -> list[Value]:
    import numpy as np

    if encoder.handle_unknown != "use_encoded_value" or np.dtype(encoder.dtype) != np.float64 or encoder._infrequent_enabled:  # noqa: SLF001
        raise Unknown("an OrdinalEncoder with other settings")
    unknown, missing = _one_nan(encoder.unknown_value), _one_nan(encoder.encoded_missing_value)
    made: list[Value] = []
    for categories in encoder.categories_:
        numbers = {}
        for number, category in enumerate(categories.tolist()):
            absent = category is None or category != category  # noqa: PLR0124 - NaN
            numbers[math.nan if absent else category] = missing if absent else float(number)
        made.append(Lookup(numbers, unknown).__getitem__)
    return made


def _one_nan(value: Any) -> float:
    """Return a number, and for NaN the one object of math, so that a lookup finds it again."""
    return math.nan if value != value else float(value)  # noqa: PLR0124


def _number(value: Any) -> float:
    return math.nan if value is None or value != value else float(value)  # noqa: PLR0124


def _composed(steps: tuple[Value, ...]) -> Value:
    if len(steps) < 2:
        return steps[0] if steps else _number

    def composed(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return composed


def _walk(trees: Any) -> Callable[[list[list[float]]], Any]:
    """Return the function from the trees' features to class probabilities or predictions."""
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

    flat = [tree for iteration in trees._predictors for tree in iteration]  # noqa: SLF001
    kinds, width, count = trees.n_trees_per_iteration_, trees._n_features, len(flat)  # noqa: SLF001
    nodes, bitsets = _forest([tree.nodes for tree in flat], [tree.raw_left_cat_bitsets for tree in flat], width)
    known, places = trees._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001
    places = np.append(places, np.uint32(0)).astype(np.uint32)
    base, link = trees._baseline_prediction, _link(trees)  # noqa: SLF001
    numbers = np.arange(count, dtype=np.float64)

    def walk(rows: list[list[float]]) -> Any:
        table = np.array(rows, dtype=np.float64)
        size = len(table)
        if size * count > WALK_AT_ONCE:
            return link(_by_tree(trees, table))
        wide = np.empty((size, count, width + 1))
        wide[:, :, :width] = table[:, None, :]
        wide[:, :, width] = numbers
        leaves = np.empty(size * count)
        _predict_from_raw_data(nodes, wide.reshape(size * count, width + 1), bitsets, known, places, 1, leaves)
        sums = np.empty((size, count // kinds + 1, kinds))
        sums[:, 0] = base
        sums[:, 1:] = leaves.reshape(size, count // kinds, kinds)
        # Added one after the other, as scikit-learn does: np.sum would add in pairs, and round otherwise.
        return link(np.asfortranarray(np.add.accumulate(sums, axis=1)[:, -1]))

    return walk


def _link(trees: Any) -> Callable[[Any], Any]:
    """Return what makes probabilities, or predictions, of the raw sums (n, kinds)."""
    loss = trees._loss  # noqa: SLF001
    return loss.predict_proba if hasattr(trees, "classes_") else lambda raw: loss.link.inverse(raw.ravel())


def _by_tree(trees: Any, table: Any) -> Any:
    """Return the raw sums of many rows as scikit-learn does it, without its checks."""
    import numpy as np

    raw = np.zeros((len(table), trees.n_trees_per_iteration_), dtype=trees._baseline_prediction.dtype, order="F")  # noqa: SLF001
    raw += trees._baseline_prediction  # noqa: SLF001
    trees._predict_iterations(table, trees._predictors, raw, False, 1)  # noqa: SLF001
    return raw


def _forest(trees: Sequence[Any], bitsets: Sequence[Any], width: int) -> tuple[Any, Any]:
    """Return all trees as one: feature `width` holds a tree's number, and the topmost nodes lead to its root by it."""
    import numpy as np

    signposts = np.zeros(max(0, len(trees) - 1), dtype=trees[0].dtype)
    roots = len(signposts) + np.cumsum([0, *(len(tree) for tree in trees)])
    sets = np.cumsum([0, *(len(found) for found in bitsets)])
    moved = []
    for tree, root, first in zip(trees, roots, sets, strict=False):
        copy = tree.copy()
        copy["left"] += np.uint32(root)
        copy["right"] += np.uint32(root)
        copy["bitset_idx"] += np.uint32(first)
        moved.append(copy)
    free = iter(range(len(signposts)))

    def lead(low: int, high: int) -> int:
        """Return the node that leads to the trees from `low` up to `high`."""
        if high - low == 1:
            return int(roots[low])
        at, middle = next(free), (low + high) // 2
        signposts[at]["feature_idx"], signposts[at]["num_threshold"] = width, middle - 0.5
        signposts[at]["left"], signposts[at]["right"] = lead(low, middle), lead(middle, high)
        return at

    lead(0, len(trees))
    together = np.concatenate([np.asarray(found, dtype=np.uint32).reshape(-1, 8) for found in bitsets])
    return np.concatenate([signposts, *moved]), np.ascontiguousarray(together)


def trial_rows(model: Any, columns: Sequence[Column], example: list[Row]) -> list[Row]:
    """Return rows that lead through the model's branches: its thresholds and what lies beside them, its categories, missing and unknown."""
    pools = [_pool(column, [row[at] for row in example]) for at, column in enumerate(columns)]
    try:
        features, trees = features_of(model, len(columns))
    except Unknown:
        features, trees = [], None
    for at, feature in enumerate(features):
        for step in feature.steps:
            numbers = getattr(step, "__self__", None)
            if isinstance(numbers, Lookup):
                pools[feature.source] += [key for key in numbers if isinstance(key, str) == (columns[feature.source].type == "string")]
        if columns[feature.source].type == "double" and not any(hasattr(step, "__self__") for step in feature.steps):
            pools[feature.source] += _thresholds(trees, at)
    dice = random.Random(7)  # noqa: S311 - the same rows each time
    return [[dice.choice(pool) for pool in pools] for _ in range(TRIALS)]


def _pool(column: Column, seen: list[Any]) -> list[Any]:
    """Return values for a column: those seen, and those at the borders of its type."""
    borders: dict[str, list[Any]] = {
        "double": [math.nan, 0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, -1e300],
        "string": ["", "no such category", "é"],
        "boolean": [True, False],
        "long": [0, 1, -1, 2**31],
    }
    optional = [] if column.required or column.type == "double" else [missing_of(column)]
    return [*seen, *borders.get(column.type, []), *optional]


def _thresholds(trees: Any, feature: int) -> list[float]:
    """Return the numbers at which the trees branch by a feature, and the next ones above."""
    found: set[float] = set()
    for iteration in trees._predictors:  # noqa: SLF001
        for tree in iteration:
            nodes = tree.nodes
            chosen = nodes["num_threshold"][(nodes["feature_idx"] == feature) & (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
            found.update(float(number) for number in chosen if math.isfinite(number))
    return [*sorted(found), *(math.nextafter(number, math.inf) for number in sorted(found))]
