"""Targets and answers are read by what the model is asked for, and two models are laid side by side."""

import numpy as np
import pandas as pd
import pytest

from mlops.errors import JobFailed
from mlops.registry.bootstrap import compare
from mlops.registry.task import Multiclass, Regression, Scores, scores_of, task_of, truth_of, word

BOUNDS = {"resamples": 100, "confidence": 0.95, "seed": 7}


class Model:
    """Says what it was told to."""

    def __init__(self, said, classes=None):
        self.said = np.asarray(said)
        if classes is not None:
            self.classes_ = np.asarray(classes)
            self.predict_proba = lambda rows: self.said

    def predict(self, rows):
        return self.said


def ask(task, model, count=2):
    return scores_of(task, model, pd.DataFrame({"a": [1.0] * count}), ["a"])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["New York/NJ", "é ", "1.0"], ["New York/NJ", "é ", "1.0"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, 2.5], ["1", "2", "2.5"]),
        ([True, False, True], ["1", "0", "1"]),
    ],
)
def test_classes_of_any_kind_have_a_name(labels, names):
    assert truth_of(Multiclass(), pd.DataFrame({"y": labels}), "y", "rows").tolist() == names


def test_a_class_of_the_rows_that_a_model_does_not_know_has_no_chance_there():
    scores = ask(Multiclass(), Model([[0.5, 0.5], [0.9, 0.1]], ["a", "b"]))
    target, said = Multiclass().aligned(np.array(["c", "a"], dtype=object), scores)
    assert (target.tolist(), said.tolist()) == ([2, 0], [[0.5, 0.5, 0], [0.9, 0.1, 0]])


def test_a_champion_that_does_not_know_a_new_class_is_compared_on_all_rows():
    old, new = Scores(np.array([[0.5, 0.5]] * 30), ("a", "b")), Scores(np.array([[0.3, 0.3, 0.4]] * 30), ("a", "b", "c"))
    truth = np.array(["a", "b", "c"] * 10, dtype=object)
    found = compare(*Multiclass().aligned(truth, new, old), ["log_loss", "accuracy"], **BOUNDS)
    assert found["log_loss"].high < 0
    assert (found["accuracy"].candidate, found["accuracy"].other) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_a_baseline_of_float_classes_is_read_by_the_name_that_the_rows_give():
    found = pd.DataFrame({"target": [1.0, 2.0], "baseline:1.0": [0.4, 0.4], "baseline:2.0": [0.6, 0.6]})
    assert Multiclass().baseline(found).classes == ("1", "2")


def test_an_endpoint_answers_the_probability_that_is_judged():
    scores = ask(task_of("binary", "bad"), Model([[0.2, 0.8], [0.7, 0.3]], ["bad", "good"]))
    assert (scores.numbers.tolist(), scores.served) == ([0.2, 0.7], [0.2, 0.7])


@pytest.mark.parametrize(
    ("task", "model", "words"),
    [
        ("regression", Model([1.0, np.inf]), "1 of its 2 predictions are not finite"),
        ("regression", Model([[1.0], [2.0]]), "one number for each of 2 rows is needed"),
        ("multiclass", Model([[0.5, 0.4], [0.5, 0.5]], ["a", "b"]), "1 of its 2 scores are no probabilities"),
        ("multiclass", Model([[0.5, 0.5]] * 2, [1, 1.0]), "two of its classes have the same name"),
        ("binary", Model([1.0, 2.0]), "a Model has no predict_proba"),
        ("binary", Model([[0.5, 0.5]] * 2, ["a", "b"]), "it does not know the class '1', only a, b"),
    ],
)
def test_what_is_no_answer_to_the_task_is_told(task, model, words):
    with pytest.raises(JobFailed, match=words.replace("(", r"\(")):
        ask(task_of(task), model)


@pytest.mark.parametrize("values", [["a", "b"], [1.0, np.inf]])
def test_a_target_that_is_no_number_is_told(values):
    with pytest.raises(JobFailed, match="cannot be the target of a regression"):
        truth_of(Regression(), pd.DataFrame({"y": values}), "y", "rows")


def test_numpy_s_own_scalars_have_the_same_names():
    assert [word(value) for value in (np.float64(1), np.int8(1), np.bool_(True), np.str_("x"))] == ["1", "1", "1", "x"]


def test_a_class_beside_the_two_is_no_negative():
    """A typing mistake in `positive`, or a third class that came with a new month."""
    with pytest.raises(ValueError, match="beside the positive class 'baad' there is one other, and here are bad, good"):
        task_of("binary", "baad").truth(pd.Series(["bad", "good"]))
    assert task_of("binary", "bad").truth(pd.Series(["good", "good"])).tolist() == [0, 0]
