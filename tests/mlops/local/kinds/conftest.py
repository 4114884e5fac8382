"""Pipelines of one step of each kind, in a folder of their own."""

import shutil
import textwrap
from pathlib import Path

import pytest

from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline
from mlops.tracking.reader import Tracker
from mlops.tracking.server import connect

HEAD = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: kinds
settings: {default_compute: azureml:cpu-cluster}
jobs:
  it:
"""


class Site:
    """A folder with a pipeline of one step, called `it`."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / ".mlops"
        (root / "src").mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def step(self, text: str) -> None:
        """Write the pipeline with this text as its step."""
        self.write("pipeline.yml", HEAD + textwrap.indent(textwrap.dedent(text), "    "))

    def running(self, tracked: bool = True, **options) -> LocalRun:
        pipeline = load_pipeline(self.root / "pipeline.yml")
        track = (lambda r, p, o: Tracker(self.home, r, p, o)) if tracked else None
        return LocalRun(pipeline, self.home, self.root, Options(**options), track=track)

    def run(self, **options) -> tuple[dict, str]:
        """Run, and return the step's facts and log."""
        running = self.running(**options)
        list(running.events())
        folder = running.record.folder / "steps/it"
        log = folder / "log.txt"
        return running.record.facts["steps"]["it"], log.read_text() if log.is_file() else ""

    @property
    def folder(self) -> Path:
        """The step's folder in the newest run."""
        return max((self.home / "runs").iterdir(), key=lambda path: int(path.name)) / "steps/it"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "a site")


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow: to make one takes seconds."""
    home = tmp_path_factory.mktemp("home")
    connect(home)
    return home / "mlflow.db"


@pytest.fixture
def tracked(site: Site, database: Path) -> Site:
    """A site whose runs MLflow keeps."""
    site.home.mkdir(parents=True)
    shutil.copy(database, site.home / "mlflow.db")
    return site
