"""A small piece of the real data: 300 flights of every month, the whole weather and planes, and a contract that allows months so small."""

import gzip
import hashlib
import io
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src/project"))

from by_hand import Pipeline  # noqa: E402 - the scripts are no package: they import each other by name

PER_MONTH = 300


@pytest.fixture(scope="session")
def _cut(tmp_path_factory) -> Path:
    """The sample, made once; tests get a copy of their own."""
    root = tmp_path_factory.mktemp("cut")
    data = root / "data"
    shutil.copytree(ROOT / "data/nycflights13", data, ignore=shutil.ignore_patterns("flights"))
    (data / "flights").mkdir()
    for path in sorted((ROOT / "data/nycflights13/flights").glob("*.csv.gz")):
        header, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
        step = len(rows) // PER_MONTH
        write_gzip(data / "flights" / path.name, "\n".join([header, *rows[::step][:PER_MONTH]]) + "\n")
    contract, volumes = re.subn(
        r"mustBeBetween: \[15000, 60000\]", f"mustBeBetween: [{PER_MONTH}, {PER_MONTH}]", (ROOT / "data/flights.odcs.yml").read_text()
    )
    contract, days = re.subn(r", daily: \[\d+, \d+\]", "", contract)
    assert (volumes, days) == (1, 1)
    (root / "flights.odcs.yml").write_text(contract)
    record(data)
    return root


@pytest.fixture
def sample(_cut, tmp_path) -> Path:
    """A folder with `data` and `flights.odcs.yml` that the test may spoil."""
    root = tmp_path / "sample"
    shutil.copytree(_cut, root)
    return root


@pytest.fixture
def flow(sample, tmp_path) -> Pipeline:
    """The training pipeline on the sample; nothing has run yet."""
    return pipeline(sample, tmp_path / "out")


@pytest.fixture(scope="session")
def done(_cut, tmp_path_factory) -> Pipeline:
    """The training pipeline on the sample, with every step run. Its folder is to be read only."""
    flow = pipeline(_cut, tmp_path_factory.mktemp("done"))
    for step in flow.body["jobs"]:
        flow.run(step)
    return flow


def pipeline(sample: Path, folder: Path, name: str = "train.yml", **inputs) -> Pipeline:
    own = {"data": sample / "data", "contract": sample / "flights.odcs.yml"}
    return Pipeline(ROOT / "src/pipelines" / name, folder, **own | ({"max_iter": 10} if name == "train.yml" else {}) | inputs)


def write_gzip(path: Path, text: str | bytes) -> None:
    """Write with no time in the header, so that the same text gives the same bytes."""
    path.write_bytes(gzip.compress(text if isinstance(text, bytes) else text.encode(), mtime=0))


def record(data: Path) -> None:
    """Write SHA256SUMS anew over all files: what is spoilt now was spoilt before it was recorded."""
    files = sorted(path for path in data.rglob("*.csv*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(data).as_posix()}\n" for path in files]
    (data / "SHA256SUMS").write_text("".join(lines))


class Month:
    """One month's file of a sample: read, altered, written and recorded again."""

    def __init__(self, sample: Path, month: str) -> None:
        self.data, self.path = sample / "data", sample / "data/flights" / f"{month}.csv.gz"
        self.text = gzip.decompress(self.path.read_bytes()).decode()

    @property
    def frame(self) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(self.text), dtype="str", keep_default_na=False)

    def write(self, content: str | bytes | pd.DataFrame) -> None:
        write_gzip(self.path, content.to_csv(index=False) if isinstance(content, pd.DataFrame) else content)
        record(self.data)

    def write_bytes(self, content: bytes) -> None:
        self.path.write_bytes(content)
        record(self.data)


@pytest.fixture
def month(sample):
    """Return a month's file of the sample: `month("2013-08").write(text or frame)`."""
    return lambda name: Month(sample, name)


@pytest.fixture
def august(month) -> Month:
    return month("2013-08")


@pytest.fixture
def record_again(sample):
    """Write SHA256SUMS anew after files came or went."""
    return lambda: record(sample / "data")


@pytest.fixture
def refused(flow, capsys):
    """Run a step that must end with a message for its user, and return the message."""

    def run(step: str, **changes) -> str:
        with pytest.raises(SystemExit) as stop:
            flow.run(step, **changes)
        message = stop.value.code if isinstance(stop.value.code, str) else capsys.readouterr().err
        assert stop.value.code not in {0, None}
        assert "Traceback" not in message
        return message

    return run
