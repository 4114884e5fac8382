"""A small piece of the real data, and the pipeline on it. Steps run in this process, with modules of the model's own package."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "src" / HERE.name
PIPELINES = ROOT / "src/pipelines" / ("" if HERE.name == "project" else HERE.name)
MOST_ROWS = 500


def load(path):
    """Load a module under a name of its own: another model's package may have one of the same name."""
    spec = importlib.util.spec_from_file_location(f"{HERE.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BY_HAND = load(PACKAGE / "by_hand.py")


def pipeline(folder, name="train.yml", **inputs):
    return BY_HAND.Pipeline(PIPELINES / name, folder, **({"max_iter": 20} if name == "train.yml" else {}) | inputs)


@pytest.fixture(scope="session")
def cleaned(tmp_path_factory):
    """At most 500 rows of the real data, after import and clean; of a classification, some of each class."""
    flow = pipeline(tmp_path_factory.mktemp("cleaned"))
    raw = flow.run("import")["raw"]
    table = pd.read_parquet(raw / f"{flow.inputs['table']}.parquet")
    target = yaml.safe_load(Path(flow.inputs["columns"]).read_text(encoding="utf-8"))["target"]
    if len(table) > MOST_ROWS:
        classes = table[target].nunique()
        shuffled = table.sample(frac=1, random_state=7).groupby(target, observed=True)
        few = shuffled.head(MOST_ROWS // 2 // classes) if classes < 50 else table.head(0)
        table = pd.concat([few, table.drop(index=few.index).sample(MOST_ROWS - len(few), random_state=7)]).sort_index()
    table.to_parquet(raw / f"{flow.inputs['table']}.parquet", index=False)
    return flow.run("clean", valid=raw)["cleaned"]


@pytest.fixture(scope="session")
def done(cleaned, tmp_path_factory):
    """The training pipeline from the split on. Its folder is to be read only."""
    flow = pipeline(tmp_path_factory.mktemp("done"))
    flow.run("split", table=cleaned)
    flow.run("train")
    flow.run("evaluate")
    return flow


@pytest.fixture
def make():
    return pipeline


@pytest.fixture
def flow(tmp_path):
    """The training pipeline; nothing has run yet."""
    return pipeline(tmp_path / "out")


@pytest.fixture(scope="session")
def columns(done):
    with BY_HAND.own_modules():
        from columns import read_columns

        return read_columns(Path(done.inputs["columns"]))


@pytest.fixture(scope="session")
def train():
    with BY_HAND.own_modules():
        import train

        return train


@pytest.fixture(scope="session")
def model(done):
    with BY_HAND.own_modules():
        from saved import load as load_model
        from saved import trusted_types

        return load_model(done.folder / "train/model", trusted_types(ROOT / "src/project/project.yml", done.inputs["name"]))[0]


@pytest.fixture
def refused(flow):
    """Run a step that must end with a message for its user, and return the message."""

    def run(step, **changes):
        with pytest.raises(SystemExit) as stop:
            flow.run(step, **changes)
        assert isinstance(stop.value.code, str)
        return stop.value.code

    return run
