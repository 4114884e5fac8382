"""No skew between training and serving: 10,000 held-out flights are scored alike offline, in batch, and by an endpoint, to the bit."""

import json
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
import yaml
from by_hand import Pipeline

from mlops.files import digest_folder
from mlops.registry.model import load
from mlops.serving import endpoint
from mlops.serving.scoring import prepare
from mlops.settings import ServeSettings

ROOT = Path(__file__).parents[2]
TRUSTED = yaml.safe_load((ROOT / "src/project/project.yml").read_text())["models"]["flights"]["trusted_types"]
ROWS = 10_000

pytestmark = pytest.mark.slow  # trains on two real months, judges on a third


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The model's folder, a table of the held-out rows, and the scores that the evaluate step wrote for them."""
    own = {"data": ROOT / "data/nycflights13", "contract": ROOT / "data/flights.odcs.yml"}
    few = {"months": "2013-07,2013-08,2013-09", "train_until": "2013-08", "test_until": "2013-09", "max_iter": 60}
    flow = Pipeline(ROOT / "src/pipelines/train.yml", tmp_path_factory.mktemp("skew"), **own, **few)
    for step in flow.body["jobs"]:
        flow.run(step, **({"importance_rows": 1, "importance_repeats": 1} if step == "evaluate" else {}))
    scores = pd.read_parquet(flow.folder / "evaluate/evaluation/predictions.parquet")["score"]
    chosen = scores.index[:: len(scores) // ROWS][:ROWS]
    test = pd.read_parquet(flow.folder / "split/test").loc[chosen].reset_index(drop=True)
    return flow.folder / "train/model", test, scores.loc[chosen].tolist()


def plain(test, names):
    """The rows as a request has them."""
    return [[None if pd.isna(value) else value for value in row] for row in test[names].itertuples(index=False, name=None)]


def test_the_batch_step_says_what_the_evaluation_said(judged, tmp_path):
    folder, test, offline = judged
    test.to_parquet(tmp_path / "table")
    batch = Pipeline(ROOT / "src/pipelines/batch.yml", tmp_path / "batch", model=folder)
    made = batch.run("score", table=tmp_path / "table")
    assert (len(offline), pd.read_parquet(made["scores"])["score"].tolist()) == (ROWS, offline)


def test_the_endpoint_s_scorer_says_it_all_at_once_and_row_by_row(judged):
    folder, test, offline = judged
    scorer, form = prepare(load(folder, trusted=TRUSTED), folder)
    rows = form.check(form.names, plain(test, form.names))
    assert scorer.way == "compiled"
    assert scorer.score(rows).probabilities == offline
    assert [scorer.score([row]).probabilities[0] for row in rows[::10]] == offline[::10]


def test_an_endpoint_says_it_over_http(judged, tmp_path):
    folder, test, offline = judged
    served = endpoint.deploy(
        tmp_path / "endpoint",
        model="flights",
        version=1,
        folder=folder,
        digest=digest_folder(folder),
        settings=ServeSettings(0),
        trusted=TRUSTED,
    )
    try:
        names = prepare(load(folder, trusted=TRUSTED), folder)[1].names
        body = json.dumps({"input_data": {"columns": names, "data": plain(test, names)}}).encode()
        key = Path(served.key_file).read_text().split()[0]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{served.address}/score", body, headers), timeout=60) as answer:
            assert json.load(answer)["probabilities"] == offline
    finally:
        endpoint.stop(tmp_path / "endpoint")
