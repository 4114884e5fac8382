"""Of two classes the positive one is told, by whoever is asked: the endpoint, and what a gate and a smoke test hold against it."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops.errors import JobFailed
from mlops.registry.model import load
from mlops.registry.task import task_of
from mlops.serving.scoring import prepare

NUMBERS = ("hour", "distance")


@pytest.fixture(scope="module")
def words(models, tmp_path_factory):
    """A model of `bad` and `good`: the first in alphabetical order is the one that is looked for."""
    table = models.flights(400, 0)[list(NUMBERS)]
    fitted = make_pipeline(LogisticRegression()).fit(table, (table["hour"] > 0).map({True: "bad", False: "good"}))
    return models.save(fitted, tmp_path_factory.mktemp("words") / "model", types=dict.fromkeys(NUMBERS, "double"))


@pytest.mark.slow
def test_the_endpoint_answers_what_the_gate_judged_and_names_the_class(words, place, models):
    rows = models.flights(50, 3)[list(NUMBERS)]
    judged = task_of("binary", "bad").scores(load(words, trusted=models.trusted), rows)
    place.deploy(words, positive="bad")
    body = {"input_data": {"columns": list(NUMBERS), "data": models.plain(rows)}}
    with place.client() as client:
        said = client.post("/score", json=body).json()
    assert said["probabilities"] == judged.numbers.tolist() == judged.served
    assert said["probabilities_of"] == ["bad"]
    assert [word == "bad" for word in said["predictions"]] == [number > 0.5 for number in said["probabilities"]]


@pytest.mark.parametrize(("positive", "named"), [("bad", ("bad",)), ("good", ("good",)), (None, ("good",))])
def test_a_scorer_names_the_class_that_it_tells(words, models, positive, named):
    assert prepare(load(words, trusted=models.trusted), words, positive)[0].named == named


def test_a_class_that_the_model_does_not_know_is_no_deployment(words, models):
    with pytest.raises(JobFailed, match="does not know the class 'baad', only bad, good"):
        prepare(load(words, trusted=models.trusted), words, "baad")
