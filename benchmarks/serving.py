"""The endpoint beside `mlflow models serve`, azureml-inference-server-http and BentoML.

The same model (the project's pipeline, 200 trees), the same requests of one row, one process that scores, `OMP_NUM_THREADS=1` for all. A closed loop
on loopback from a process of its own (wrk, or our own client where there is none), in interleaved rounds. Ours has all of its checks on: key,
signature, limits, telemetry. The others are as their documentation shows them, without a key, each in an environment of its own. BentoML's
adaptive batching is off: with it, a request with a data frame was not answered within a minute here (1.4.39).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOMES = Path(os.environ.get("MLOPS_HOME") or ROOT / ".mlops") / "bench"
CONNECTIONS = (1, 16, 64)
ROUNDS = 3
SECONDS = 3
REQUESTS = 200
PINNED = ("scikit-learn", "skops", "pandas", "numpy")
OURS = "slipway"

SCORE = """
import json, os
import pandas as pd, skops.io, yaml


def init():
    global model
    folder = os.environ["MODEL_FOLDER"]
    trusted = yaml.safe_load(open(folder + "/MLmodel"))["flavors"]["sklearn"]["skops_trusted_types"]
    model = skops.io.load(folder + "/model.skops", trusted=trusted)


def run(raw):
    asked = json.loads(raw)["input_data"]
    table = pd.DataFrame(asked["data"], columns=asked["columns"])
    return model.predict_proba(table)[:, 1].tolist()
"""

SERVICE = """
import os
import bentoml, numpy as np, pandas as pd, skops.io, yaml

FOLDER = os.environ["MODEL_FOLDER"]


@bentoml.service(workers=1)
class Model:
    def __init__(self):
        trusted = yaml.safe_load(open(FOLDER + "/MLmodel"))["flavors"]["sklearn"]["skops_trusted_types"]
        self.model = skops.io.load(FOLDER + "/model.skops", trusted=trusted)

    @bentoml.api
    def score(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]
"""


@dataclass(frozen=True)
class Peer:
    """A server to measure: how it is installed and started, and what its request looks like."""

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    path: str
    form: str
    files: tuple[tuple[str, str], ...] = ()


PEERS = (
    Peer(
        "mlflow models serve",
        ("mlflow",),
        ("mlflow", "models", "serve", "-m", "{folder}", "-p", "{port}", "-h", "127.0.0.1", "--env-manager", "local", "-w", "1"),
        "/invocations",
        "dataframe_split",
    ),
    Peer(
        "azureml-inference-server-http",
        ("azureml-inference-server-http", "pyyaml"),
        ("azmlinfsrv", "--entry_script", "score.py", "--port", "{port}"),
        "/score",
        "input_data",
        (("score.py", SCORE),),
    ),
    Peer(
        "BentoML",
        ("bentoml",),
        ("bentoml", "serve", "service:Model", "--port", "{port}", "--host", "127.0.0.1"),
        "/score",
        "rows",
        (("service.py", SERVICE),),
    ),
)


@dataclass(frozen=True)
class Target:
    """A server that answers: its address, and the requests it is sent."""

    name: str
    url: str
    key: str
    bodies: tuple[str, ...]


def run(rounds: int = ROUNDS, seconds: int = SECONDS) -> dict[str, Any]:
    """Measure all that can be installed; medians of the rounds, with the lowest and highest."""
    found: dict[str, Any] = {"servers": {}, "skipped": {}, "load": "wrk" if shutil.which("wrk") else "mlops.serving.trial"}
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as servers:
        folder, columns, rows = make_model(Path(scratch) / "model")
        targets = [servers.enter_context(serve_ours(folder, columns, rows, Path(scratch)))]
        for peer in PEERS:
            try:
                targets.append(servers.enter_context(serve(peer, folder, columns, rows, Path(scratch))))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                found["skipped"][peer.name] = str(error).strip()[-300:]
        measured: dict[str, dict[int, list[dict[str, float]]]] = {t.name: {c: [] for c in CONNECTIONS} for t in targets}
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for target in targets:
                    measured[target.name][connections].append(drive(target, connections, seconds, Path(scratch)))
    for name, by_connections in measured.items():
        found["servers"][name] = {connections: _middle(results) for connections, results in by_connections.items()}
    return found


def _middle(results: list[dict[str, float]]) -> dict[str, float]:
    rates = [result["requests_per_second"] for result in results]
    middle = {name: statistics.median(result[name] for result in results) for name in ("requests_per_second", "p50_ms", "p95_ms", "p99_ms")}
    return middle | {"low": min(rates), "high": max(rates), "errors": sum(result["errors"] for result in results)}


def make_model(folder: Path) -> tuple[Path, list[str], list[list[Any]]]:
    """Fit the project's pipeline on made rows of the project's shape, and return its folder and rows to ask for."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    sys.path.insert(0, str(ROOT / "src/project"))
    from model import build, predictors

    from mlops.settings import choose_model, read_project

    words = {"carrier": 16, "origin": 3, "dest": 105}
    numbers = (
        "minute_of_day sched_arr weekday distance hour_load temp dewp humid wind_dir wind_speed wind_gust precip pressure visib age seats"
    )
    names = [*words, *numbers.split()]
    dice = np.random.default_rng(7)
    table = pd.DataFrame(
        {n: [f"{n[0]}{v}" for v in dice.integers(0, words[n], 60_000)] if n in words else dice.normal(size=60_000).round(3) for n in names}
    )
    table.loc[dice.random(60_000) < 0.3, "wind_gust"] = np.nan
    late = (table["temp"] + table["hour_load"] / 2 + (table["carrier"] > "c5") + dice.normal(size=60_000) > 0.8).astype(int)
    data = predictors(table, names, list(words))
    fitted = build(names, list(words), max_iter=200, max_leaf_nodes=31, min_samples_leaf=100, random_state=7).fit(data, late)
    mlflow.sklearn.save_model(
        fitted,
        folder,
        signature=ModelSignature(Schema([ColSpec("string" if n in words else "double", n) for n in names]), Schema([ColSpec("long")])),
        input_example=data.head(2),
        pip_requirements=["scikit-learn", "skops"],
        serialization_format="skops",
        skops_trusted_types=list(choose_model(read_project(ROOT), None).trusted_types),
    )
    rows = [[None if isinstance(v, float) and np.isnan(v) else v for v in row] for row in data.head(REQUESTS).to_numpy(object).tolist()]
    return folder, names, rows


@contextlib.contextmanager
def serve_ours(folder: Path, columns: list[str], rows: list[list[Any]], scratch: Path) -> Iterator[Target]:
    from mlops.files import digest_folder
    from mlops.serving import endpoint
    from mlops.settings import ServeSettings, choose_model, read_project

    home = scratch / "endpoints" / "flights" / "bench"
    trusted = choose_model(read_project(ROOT), None).trusted_types
    settings = ServeSettings(0)
    try:
        served = endpoint.deploy(
            home, model="flights", version=1, folder=folder, digest=digest_folder(folder), settings=settings, trusted=trusted
        )
        key = Path(str(served.key_file)).read_text(encoding="utf-8").strip()
        yield Target(OURS, f"{served.address}/score", key, _bodies("input_data", columns, rows))
    finally:
        endpoint.stop(home)


@contextlib.contextmanager
def serve(peer: Peer, folder: Path, columns: list[str], rows: list[list[Any]], scratch: Path) -> Iterator[Target]:
    """Start a peer in its own environment, and end all of its processes afterwards.

    Raises:
        RuntimeError: It did not answer within a minute.
    """
    place = HOMES / peer.name.split()[0].lower()
    python = install(place, peer)
    work = scratch / place.name
    work.mkdir()
    for name, text in peer.files:
        (work / name).write_text(text, encoding="utf-8")
    port = _free_port()
    words = [word.format(folder=folder, port=port) for word in peer.command]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MODEL_FOLDER": str(folder), "WORKER_COUNT": "1", "BENTOML_DO_NOT_TRACK": "true"}
    environment |= {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "BENTOML_HOME": str(work), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with (work / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [str(python.parent / words[0]), *words[1:]],
            cwd=work,
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    target = Target(peer.name, f"http://127.0.0.1:{port}{peer.path}", "none", _bodies(peer.form, columns, rows))
    try:
        _await_answer(target, process, work / "log.txt")
        yield target
    finally:
        _end(process)


def install(place: Path, peer: Peer) -> Path:
    """Return the Python of a peer's own environment, made by uv where it is new.

    Raises:
        RuntimeError: It cannot be installed.
    """
    from importlib.metadata import version

    python = place / "bin/python"
    done = place / "installed.txt"
    pins = [f"{name}=={version(name)}" for name in PINNED]
    wanted = " ".join([*peer.packages, *pins])
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    for command in (
        [uv, "venv", "-q", "--clear", "--python", sys.executable, place],
        [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, *wanted.split()],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"cannot be installed: {made.stderr.strip()}")
    done.write_text(wanted, encoding="utf-8")
    return python


def _bodies(form: str, columns: list[str], rows: list[list[Any]]) -> tuple[str, ...]:
    if form == "rows":
        return tuple(json.dumps({form: [dict(zip(columns, row, strict=True))]}) for row in rows)
    return tuple(json.dumps({form: {"columns": columns, "data": [row]}}) for row in rows)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def _await_answer(target: Target, process: subprocess.Popen[bytes], log: Path) -> None:
    said = ""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {target.key}"}
            with urllib.request.urlopen(urllib.request.Request(target.url, target.bodies[0].encode(), headers), timeout=5):
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[-300:]
        except OSError as error:
            said = str(error)
        time.sleep(0.25)
    raise RuntimeError(f"does not answer: {said} {log.read_text(errors='replace')[-300:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    process.wait()


def drive(target: Target, connections: int, seconds: int, scratch: Path) -> dict[str, float]:
    """Load a server for `seconds`, and return requests a second, latencies in milliseconds, and how many requests failed."""
    return _wrk(target, connections, seconds, scratch) if shutil.which("wrk") else _own(target, connections, seconds)


LUA = """
local bodies, at = {{}}, 0
for line in io.lines("{file}") do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {{"requests": %d, "us": %d, "errors": %d, "p50": %f, "p95": %f, "p99": %f}}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(95),
    latency:percentile(99)))
end
"""


def _wrk(target: Target, connections: int, seconds: int, scratch: Path) -> dict[str, float]:
    bodies, script = scratch / f"{target.name.split()[0]}.txt", scratch / "script.lua"
    bodies.write_text("\n".join(target.bodies) + "\n", encoding="utf-8")
    script.write_text(LUA.format(file=bodies, key=target.key), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), target.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(next(line for line in said.splitlines() if line.startswith("RESULT")).removeprefix("RESULT "))
    good = found["requests"] - found["errors"]
    times = {f"{name}_ms": found[name] / 1000 for name in ("p50", "p95", "p99")}
    return {"requests_per_second": good / (found["us"] / 1e6), "errors": found["errors"], **times}


def _own(target: Target, connections: int, seconds: int) -> dict[str, float]:
    program = (
        "import json, sys; from dataclasses import asdict; from mlops.serving.trial import load; a = json.load(sys.stdin); "
        "print(json.dumps(asdict(load(a['url'], a['key'], [b.encode() for b in a['bodies']], connections=a['c'], seconds=a['s'], path=a['path']))))"
    )
    asked = json.dumps(
        {
            "url": target.url,
            "key": target.key,
            "bodies": target.bodies,
            "c": connections,
            "s": seconds,
            "path": "/" + target.url.rpartition("/")[2],
        }
    )
    found = json.loads(subprocess.run([sys.executable, "-c", program], input=asked, capture_output=True, text=True, check=True).stdout)
    times = {name: found[name] for name in ("p50_ms", "p95_ms", "p99_ms")}
    return {"requests_per_second": found["requests_per_second"], "errors": round(found["error_rate"] * found["requests"]), **times}


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown: each server at each number of connections, and how ours compares with the best of the others."""
    head = ["| server | " + " | ".join(f"{c} connection{'s' * (c > 1)}, requests/s" for c in CONNECTIONS) + " | p95 at 16 | failed |"]
    head.append("|---" * (len(CONNECTIONS) + 3) + "|")
    rows = []
    for name, by_connections in results["servers"].items():
        rates = [f"{m['requests_per_second']:,.0f} ({m['low']:,.0f} to {m['high']:,.0f})" for m in by_connections.values()]
        failed = sum(m["errors"] for m in by_connections.values())
        rows.append(f"| {name} | " + " | ".join(rates) + f" | {by_connections[16]['p95_ms']:.1f} ms | {failed} |")
    lines = [*head, *rows, ""]
    others = {name: found for name, found in results["servers"].items() if name != OURS}
    if others:
        ours = results["servers"][OURS]
        times = [ours[c]["requests_per_second"] / max(o[c]["requests_per_second"] for o in others.values()) for c in CONNECTIONS]
        lines.append(
            "Against the best of the others: "
            + ", ".join(f"{ratio:.1f} times the requests at {c}" for c, ratio in zip(CONNECTIONS, times, strict=True))
            + f"; p95 at 16 is {ours[16]['p95_ms'] / min(o[16]['p95_ms'] for o in others.values()):.2f} of theirs."
        )
    lines += [f"Skipped: {name}: {reason}" for name, reason in results["skipped"].items()]
    return "\n".join([*lines, f"Load: {results['load']}, {ROUNDS} rounds of {SECONDS} s; medians, lowest and highest in brackets."])


if __name__ == "__main__":
    print(table(run()))
