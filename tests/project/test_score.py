"""Batch scoring: what the model said when it was judged, it says in batch."""

from pathlib import Path

import pandas as pd
import pytest
from by_hand import Pipeline

ROOT = Path(__file__).parents[2]


def test_the_batch_pipeline_gives_the_scores_of_the_evaluation(done, tmp_path):
    """No skew between training and batch: raw files in, the evaluation's scores out, to the bit."""
    own = {name: done.inputs[name] for name in ("data", "contract")}
    batch = Pipeline(ROOT / "src/pipelines/batch.yml", tmp_path, model=done.folder / "train/model", months="2013-09,2013-10", **own)
    for step in batch.body["jobs"]:
        outputs = batch.run(step)
    keys = ["date", "carrier", "flight", "origin"]
    judged = pd.read_parquet(done.folder / "split/test")[keys]
    judged["score"] = pd.read_parquet(done.folder / "evaluate/evaluation/predictions.parquet")["score"].to_numpy()
    both = judged.merge(pd.read_parquet(outputs["scores"]), on=keys, suffixes=("", "_batch"))
    assert len(both) == len(judged)
    assert (both["score"] == both["score_batch"]).all()


def test_a_table_without_a_column_of_the_model_is_refused_with_its_name(done, tmp_path):
    pd.read_parquet(done.folder / "split/test").drop(columns=["temp"]).to_parquet(tmp_path / "table")
    batch = Pipeline(ROOT / "src/pipelines/batch.yml", tmp_path, model=done.folder / "train/model")
    with pytest.raises(SystemExit, match="the model or the keys need temp"):
        batch.run("score", table=tmp_path / "table")
