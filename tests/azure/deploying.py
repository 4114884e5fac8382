"""Versions of a small real model, and an environment that is an endpoint of the loopback Azure: what the tests of deployment begin with."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import mlflow.sklearn
import numpy as np
import pandas as pd
import requests
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from mlops.azure.online import Online
from mlops.files import digest_folder
from mlops.registry.versions import ModelVersion
from mlops.settings import AzureSettings, Environment, ModelSettings, OnlineSettings, ServeSettings, ShiftSettings, TestSettings

MODEL = ModelSettings("shops", "src/project", "", "", "late", 1, (), ())
COLUMNS = ["a", "b", "c"]


@dataclass(frozen=True)
class Made:
    """One version: its files, and held-out rows with what it said offline."""

    version: ModelVersion
    folder: Path
    smoke: Path

    @property
    def name(self) -> str:
        return f"v{self.version.version}-{self.version.digest.removeprefix('sha256:')[:8]}"


def make(place: Path, number: int) -> Made:
    """Train a model on rows that are other for each number."""
    draw = np.random.default_rng(number)
    rows = pd.DataFrame(draw.normal(size=(400, 3)), columns=COLUMNS)
    model = LogisticRegression().fit(rows, (rows.a + rows.b + draw.normal(size=400) > 0).astype(int))
    folder, smoke, held = place / f"model-{number}", place / f"smoke-{number}.json", rows.head(20)
    signature = infer_signature(held, np.zeros(20, dtype=int))
    mlflow.sklearn.save_model(model, folder, signature=signature, pip_requirements=["scikit-learn"], serialization_format="skops")
    told = {"columns": COLUMNS, "data": held.to_numpy().tolist(), "expected": model.predict_proba(held)[:, 1].tolist()}
    smoke.write_text(json.dumps(told))
    tags = {"slipway.run": str(number), "slipway.commit": "c0ffee", "slipway.data": "flights:3"}
    return Made(ModelVersion("shops", number, digest_folder(folder), None, "", "", tags=tags), folder, smoke)


def environment(place: dict[str, str], **online: Any) -> Environment:
    """Return production on the loopback, whose stages take no time."""
    return Environment(
        "production",
        "azure",
        AzureSettings(**place, cost_owner="shops"),
        serve=ServeSettings(0),
        test=TestSettings(10),
        online=OnlineSettings(**online),
        shift=ShiftSettings(seconds=0),
    )


def shifting(settings: Environment, **other: Any) -> Environment:
    return replace(settings, shift=replace(settings.shift, **other))


def go(place: Online, made: Made, *, at_once: bool = False) -> dict[str, Any]:
    """Put a version there, as `moves.put` does, but for the registry."""
    from mlops.delivery.stations import check_passed

    place.deploy(made.version, made.folder)
    trial = place.trial(made.version, made.smoke)
    check_passed("production", trial)
    told = place.shift(made.version, made.smoke, at_once=at_once)
    place.settle()
    return trial | told


def _child(variables: dict[str, str], settings: Environment, root: str, made: Made) -> None:
    os.environ.update(variables)
    go(Online(Path(root), "shops", MODEL, settings), made)


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.azure.deploying"])


def process(variables: dict[str, str], settings: Environment, root: Path, made: Made) -> Any:
    """Start a process of its own that puts a version there."""
    child = FORKS.Process(target=_child, args=(variables, settings, str(root), made), daemon=True)
    child.start()
    return child


@dataclass
class Caller:
    """Somebody who asks the endpoint all the time, from the block's beginning to its end: how each request was answered."""

    address: str
    token: str
    statuses: list[int] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _ask(self) -> None:
        body = {"input_data": {"columns": COLUMNS, "index": [0], "data": [[0.1, 0.2, 0.3]]}}
        with requests.Session() as session:
            while not self._end.is_set():
                answer = session.post(f"{self.address}/score", json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)
                self.statuses.append(answer.status_code)
