"""Small real models, saved as the pipeline saves them, and endpoints that are gone when the test is over."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlops.files import digest_folder
from mlops.serving import endpoint
from mlops.settings import ServeSettings

WORDS = ("carrier", "origin", "dest")
NUMBERS = ("hour", "distance", "temp", "wind_gust")
COLUMNS = WORDS + NUMBERS
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
    "functools.partial",
)


def flights(rows: int, seed: int) -> Any:
    """A table like the project's, wind_gust missing in a third of the rows."""
    import numpy as np
    import pandas as pd

    dice = np.random.default_rng(seed)
    table = {"carrier": dice.choice(["AA", "UA", "HA"], rows), "origin": dice.choice(["EWR", "JFK"], rows)}
    table |= {"dest": dice.choice([f"D{n}" for n in range(20)], rows)}
    table |= {name: dice.normal(size=rows).round(3) for name in NUMBERS}
    made = pd.DataFrame(table)
    made.loc[dice.random(rows) < 0.3, "wind_gust"] = np.nan
    return made


def plain(table: Any) -> list[list[Any]]:
    """A table's rows as JSON has them: missing is null."""
    return [[None if value != value else value for value in row] for row in table.itertuples(index=False, name=None)]  # noqa: PLR0124


def fit(seed: int = 0, last: Any = None, by: Any = (0, 1, 2), table: Any = None) -> Any:
    """The pipeline of the design: categories chosen by position, trees."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    table = flights(2000, seed) if table is None else table
    late = (table["hour"] + (table["carrier"] == "UA") + table["wind_gust"].fillna(0) > 0.5).astype(int)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    columns = ColumnTransformer([("categories", encoder, list(by))], remainder="passthrough")
    trees = HistGradientBoostingClassifier(max_iter=20, categorical_features=[0, 1, 2], random_state=seed, early_stopping=False)
    return make_pipeline(columns, *(last or [trees])).fit(table, late)


def save(model: Any, folder: Path, *, types: dict[str, str] | None = None, trusted: tuple[str, ...] = TRUSTED) -> Path:
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = dict.fromkeys(WORDS, "string") | dict.fromkeys(NUMBERS, "double") if types is None else types
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=ModelSignature(Schema([ColSpec(kind, name) for name, kind in kinds.items()]), Schema([ColSpec("long")])),
        input_example=flights(2, 1)[list(kinds)],
        pip_requirements=["scikit-learn", "skops"],
        serialization_format="skops",
        skops_trusted_types=list(trusted),
    )
    return folder


@dataclass(frozen=True)
class Models:
    """Two versions of a model, and what they were made from and with."""

    one: Path
    two: Path
    columns: tuple[str, ...] = COLUMNS
    trusted: tuple[str, ...] = TRUSTED
    flights = staticmethod(flights)
    plain = staticmethod(plain)
    fit = staticmethod(fit)
    save = staticmethod(save)

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.one, to))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other on a busy machine; a small model needs none."""
    import sklearn.ensemble  # noqa: F401 - loads OpenMP, so that there is something to limit
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    return Models(save(fit(0), folder / "one"), save(fit(1), folder / "two"))


@dataclass
class Place:
    """An endpoint's folder, with the calls that a test makes."""

    home: Path

    def deploy(
        self, folder: Path, version: int = 1, *, port: int = 0, digest: str | None = None, positive: str | None = None, **limits: float
    ) -> endpoint.Served:
        return endpoint.deploy(
            self.home,
            model="flights",
            version=version,
            folder=folder,
            digest=digest or digest_folder(folder),
            settings=ServeSettings(port, **limits),
            trusted=TRUSTED,
            positive=positive,
        )

    def look(self) -> endpoint.Served:
        return endpoint.look(self.home)

    def stop(self) -> bool:
        return endpoint.stop(self.home)

    @property
    def key(self) -> str:
        return (self.home / "key").read_text().strip()

    def client(self, **more: Any) -> httpx.Client:
        more.setdefault("limits", httpx.Limits(keepalive_expiry=60))  # else the client itself gives up a connection on a busy machine
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.look().address or "", headers=headers, timeout=10, trust_env=False, **more)

    def worker(self) -> int:
        """The process id of the deployment that serves."""
        return int(endpoint._ask(endpoint.Home(self.home), {"command": "status"}, 5)["worker"])

    def processes(self) -> list[int]:
        """Every live process that was started for this endpoint."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if str(self.home) in command_line(pid)]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int((self.look().address or "").rpartition(":")[2])), timeout=10)


def command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return " ".join(words) if any(word.startswith("mlops.serving.") for word in words) else ""


def eventually(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for a fact; the test fails where it does not come."""
    until = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "endpoints" / "flights" / "staging")
    yield made
    made.stop()
    assert eventually(lambda: not made.processes())


@pytest.fixture(scope="module")
def served(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An endpoint that a module's tests share: body up to 0.1 MiB, requests whole within a second."""
    made = Place(tmp_path_factory.mktemp("endpoints") / "flights" / "production")
    made.deploy(models.one, max_body_mb=0.1, timeout_seconds=1.0)
    yield made
    made.stop()
    assert eventually(lambda: not made.processes())


@pytest.fixture
def body() -> dict[str, Any]:
    """A request that works."""
    return {"input_data": {"columns": list(COLUMNS), "index": [0], "data": [["UA", "EWR", "D3", 0.5, -1.25, 0.1, None]]}}
