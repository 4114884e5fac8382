"""Train: what it refuses."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from sklearn.dummy import DummyClassifier


def test_a_target_that_is_always_the_same_is_refused(refused, done, columns, tmp_path):
    train = pd.read_parquet(done.folder / "split/train")
    train.assign(**{columns.target: train[columns.target].iloc[0]}).to_parquet(tmp_path / "train")
    assert f"train: {columns.target} must" in refused("train", train=tmp_path / "train")


def test_the_target_is_refused_as_something_to_learn_from(refused, done, tmp_path):
    body = yaml.safe_load(Path(done.inputs["columns"]).read_text(encoding="utf-8"))
    body["categories"] = [*body.get("categories", []), body["target"]]
    (tmp_path / "columns.yml").write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    assert "the target is not learnt from" in refused("train", train=done.folder / "split/train", columns=tmp_path / "columns.yml")


def test_a_model_is_never_written_over_another(refused, flow, done):
    (flow.folder / "train/model").mkdir(parents=True)
    (flow.folder / "train/model/MLmodel").write_text("mine")
    assert "holds something already" in refused("train", train=done.folder / "split/train")


def test_a_search_tells_each_trial_and_trains_with_what_won(flow, done, capsys):
    flow.run("train", train=done.folder / "split/train", trials="2")
    said = capsys.readouterr().out
    assert all(words in said for words in ("trial 1 of 2", "trial 2 of 2", " won: "))


def test_a_search_learns_from_the_past_and_keeps_groups_whole(train, columns):
    rows = pd.DataFrame({"g": list("aabbccdd"), "t": range(8, 0, -1), columns.target: [0, 1] * 4})
    by_group, _ = train.folded(DummyClassifier(), rows, replace(columns, group="g", time=""), 7)
    assert all(not set(rows["g"].iloc[one]) & set(rows["g"].iloc[other]) for one, other in by_group)
    by_time, ordered = train.folded(DummyClassifier(), rows, replace(columns, group="", time="t"), 7)
    assert all(ordered["t"].iloc[one].max() < ordered["t"].iloc[other].min() for one, other in by_time.split(ordered))
