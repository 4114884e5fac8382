"""Train: what it refuses, and that the whole step gives the same model twice."""

import numpy as np
import pandas as pd
import pytest
from model import predictors
from saved import load, trusted_types


def test_two_trainings_with_one_seed_give_equal_models(flow, done):
    flow.run("train", train=done.folder / "split/train", max_iter=10)
    project = done.path.parents[1] / "project/project.yml"
    test = pd.read_parquet(done.folder / "split/test")
    scores = []
    for folder in (done.folder, flow.folder):
        model, features, categories = load(folder / "train/model", trusted_types(project, "flights"))
        scores.append(model.predict_proba(predictors(test, features, categories)))
    assert np.array_equal(*scores)


@pytest.mark.parametrize("column", ["arr_delay", "late"])
def test_a_feature_that_is_known_only_afterwards_is_refused(refused, done, column):
    """D10."""
    assert f"{column} cannot be a feature" in refused("train", train=done.folder / "split/train", features=f"carrier,{column}")


def test_a_feature_that_is_not_there_is_named(refused, done):
    message = refused("train", train=done.folder / "split/train", features="carrier,moon", categories="carrier")
    assert "there is no column moon" in message


def test_a_category_that_is_no_feature_is_named(refused, done):
    message = refused("train", train=done.folder / "split/train", features="carrier,distance", categories="carrier,origin")
    assert "origin is among `categories` and not among `features`" in message


def test_text_among_the_numbers_is_named(refused, done):
    message = refused("train", train=done.folder / "split/train", features="carrier,origin", categories="carrier")
    assert "origin holds no numbers" in message


@pytest.mark.parametrize("target", [[1] * 8, [0, 1, 2, 0, 1, 0, 1, 0], [0, 1, None, 0, 1, 0, 1, 0]])
def test_a_target_that_is_not_both_0_and_1_is_refused(refused, done, tmp_path, target):
    """D9, D7: NaN in the target, a third value, one class."""
    pd.read_parquet(done.folder / "split/train").head(8).assign(late=target).to_parquet(tmp_path / "train")
    assert "late must be 0 or 1 in each row, and both must occur" in refused("train", train=tmp_path / "train")


def test_a_model_is_never_written_over_another(refused, flow, done):
    (flow.folder / "train/model").mkdir(parents=True)
    (flow.folder / "train/model/MLmodel").write_text("mine")
    assert "holds something already" in refused("train", train=done.folder / "split/train")
    assert (flow.folder / "train/model/MLmodel").read_text() == "mine"


def test_a_column_without_a_value_is_refused_by_name(refused, done, tmp_path):
    """D8: scikit-learn's own error would name no column."""
    pd.read_parquet(done.folder / "split/train").assign(wind_gust=np.nan).to_parquet(tmp_path / "train")
    assert "wind_gust has no value in any of" in refused("train", train=tmp_path / "train")


def test_a_column_that_is_always_the_same_can_be_trained_on(flow, done, tmp_path):
    """D8."""
    pd.read_parquet(done.folder / "split/train").assign(visib=10.0).to_parquet(tmp_path / "train")
    assert (flow.run("train", train=tmp_path / "train", max_iter=2)["model"] / "MLmodel").is_file()


def test_a_type_that_project_yml_does_not_trust_is_told_with_the_file_to_change(tmp_path):
    from saved import save
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    model.stray = Stray()
    with pytest.raises(SystemExit, match=r"holds .*Stray.*trusted_types in src/project/project.yml"):
        save(model, tmp_path / "model", {}, [], [], [])


class Stray:
    """A type that nobody listed."""
