"""Batch scoring: what the model said when it was judged, it says in batch."""

import numpy as np
import pandas as pd


def test_a_batch_gives_the_scores_of_the_evaluation_to_the_bit(done, make, tmp_path):
    test = pd.read_parquet(done.folder / "split/test")
    test.to_parquet(tmp_path / f"{done.inputs['table']}.parquet")
    batch = make(tmp_path / "out", "batch.yml", model=done.folder / "train/model")
    scores = pd.read_parquet(batch.run("score", raw=tmp_path)["scores"])
    judged = pd.read_parquet(done.folder / "evaluate/evaluation/predictions.parquet")
    names = [name for name in judged if name.startswith("score")]
    assert np.array_equal(scores[names].to_numpy(), judged[names].to_numpy())
