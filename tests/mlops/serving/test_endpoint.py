"""The life of an endpoint: started, swapped, crashed, killed, stopped, with real processes and callers that never let go."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops.errors import JobFailed
from mlops.files import digest_folder
from mlops.serving.endpoint import look
from mlops.serving.trial import Load, load

pytestmark = pytest.mark.slow


class Callers(threading.Thread):
    """Eight keep-alive callers under full load, in a thread, until told to end."""

    def __init__(self, place: Any, body: Any) -> None:
        super().__init__()
        self.results: list[Load] = []
        self._arguments = (place.look().address, place.key, [json.dumps(body).encode()])
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            self.results.append(load(*self._arguments, connections=8, seconds=1.0))

    def end(self) -> None:
        self._over.set()
        self.join()


def test_an_endpoint_that_was_never_started_says_so(place: Any) -> None:
    served = place.look()
    assert (served.environment, served.health, served.version, served.address) == ("staging", "never started", None, None)
    assert place.stop() is False


def test_an_endpoint_is_started_looked_at_and_stopped(place: Any, models: Any) -> None:
    """At the port that was wished, and known by it afterwards."""
    with closing(socket.create_server(("127.0.0.1", 0))) as somebody:
        wish = somebody.getsockname()[1]
    served = place.deploy(models.one, port=wish)
    assert (served.health, served.version, served.digest, served.previous) == ("ready", 1, digest_folder(models.one), None)
    assert (served.address, served.note) == (f"http://127.0.0.1:{wish}", None)
    assert place.deploy(models.one, port=wish) == place.look() == served
    assert place.stop() is True
    assert place.processes() == []
    stopped = place.look()
    assert (stopped.health, stopped.version, stopped.address) == ("not running", 1, served.address)


def test_it_outlives_its_command_belongs_to_no_terminal_and_only_its_owner_may_command_it(place: Any, models: Any) -> None:
    program = f"""
from pathlib import Path
from mlops.serving import endpoint
from mlops.settings import ServeSettings
endpoint.deploy(Path({str(place.home)!r}), model="flights", version=1, folder=Path({str(models.one)!r}),
    digest={digest_folder(models.one)!r}, settings=ServeSettings(0), trusted={list(models.trusted)!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    served = look(place.home)
    assert served.health == "ready"
    assert os.getsid(served.pid) == served.pid
    assert os.readlink(f"/proc/{served.pid}/fd/0") == "/dev/null"
    assert [(place.home / name).stat().st_mode & 0o777 for name in ("control.sock", "key")] == [0o600, 0o600]


def test_versions_are_swapped_under_load_without_a_failed_request(place: Any, models: Any, body: Any) -> None:
    """There and back, with eight callers that keep their connections busy."""
    place.deploy(models.one)
    callers = Callers(place, body)
    callers.start()
    for version, folder in ((2, models.two), (1, models.one)):
        served = place.deploy(folder, version)
        assert (served.version, served.health) == (version, "ready")
        with place.client() as client:
            assert client.get("/version").json()["version"] == version
    callers.end()
    assert [result.first_error for result in callers.results if result.first_error] == []
    assert sum(result.requests for result in callers.results) > 1000
    assert place.look().previous == {"version": 2, "digest": digest_folder(models.two), "folder": str(models.two)}


def test_an_idle_connection_survives_a_swap_for_its_next_request(place: Any, models: Any, body: Any) -> None:
    place.deploy(models.one)
    with place.client() as client:
        assert client.post("/score", json=body).headers["x-model-version"] == "1"
        place.deploy(models.two, 2)
        last = client.post("/score", json=body)
        assert (last.status_code, last.headers.get("connection")) == (200, "close")
        assert client.post("/score", json=body).headers["x-model-version"] == "2"


def tampered(folder: Path) -> None:
    with (folder / "model.skops").open("ab") as file:
        file.write(b"x")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)


def aged(folder: Path) -> None:
    import sklearn

    path = folder / "MLmodel"
    path.write_text(path.read_text().replace(f"sklearn_version: {sklearn.__version__}", "sklearn_version: 1.2.2"))


def malicious(folder: Path) -> None:
    import skops.io

    skops.io.dump({"run": os.system}, folder / "model.skops")


def misfit(folder: Path) -> None:
    path = folder / "input_example.json"
    path.write_text(path.read_text().replace('"carrier"', '"airline"'))


@pytest.mark.parametrize(
    ("harm", "again", "said"),
    [
        (tampered, False, "changed after it was registered"),
        (emptied, False, "folder is gone"),
        (aged, True, "made by scikit-learn 1.2.2"),
        (malicious, True, "not trusted"),
        (misfit, True, "does not fit its signature"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_version_that_is_not_ready_changes_nothing(
    served: Any, models: Any, tmp_path: Path, eventually: Any, harm: Any, again: bool, said: str
) -> None:
    """S5, R7, X1: the old colour stays, and the reason is told. `again`: the digest is taken after the harm, as a new version's would be."""
    folder = models.copy(tmp_path / "model")
    digest = digest_folder(folder)
    harm(folder)
    before = served.look()
    with pytest.raises(JobFailed, match=said):
        served.deploy(folder, 9, digest=digest_folder(folder) if again else digest, max_body_mb=0.1, timeout_seconds=1.0)
    assert served.look() == before
    with served.client() as client:
        assert client.get("/health/ready").status_code == 200
    assert eventually(lambda: len(served.processes()) == 2)


def test_a_deployment_that_dies_while_it_starts_leaves_its_last_words(place: Any, models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """S5: killed before it was ready, as when memory is short."""
    broken = place.home.parent / "sitecustomize.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("import sys\nif 'worker' in str(sys.orig_argv): sys.exit('no memory was left')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(JobFailed, match="no memory was left"):
        place.deploy(models.one)
    assert place.look().health == "starting"


def test_a_deployment_that_crashes_is_started_again(place: Any, models: Any, body: Any, eventually: Any) -> None:
    place.deploy(models.one)
    killed = place.worker()
    os.kill(killed, signal.SIGKILL)
    with place.client() as client:
        assert client.post("/score", json=body).headers["x-model-version"] == "1"
    assert eventually(lambda: place.look().health == "ready")
    assert place.worker() != killed


def test_a_deployment_that_cannot_start_again_ends_its_endpoint(place: Any, models: Any, tmp_path: Path, eventually: Any) -> None:
    """R10: callers are refused rather than left waiting."""
    folder = models.copy(tmp_path / "model")
    place.deploy(folder)
    shutil.rmtree(folder)
    os.kill(place.worker(), signal.SIGKILL)
    assert eventually(lambda: place.look().health == "not running", 40)
    assert "folder is gone" in (place.home / "endpoint.log").read_text()


def test_an_endpoint_that_was_killed_takes_its_deployment_with_it_and_comes_back_where_it_was(
    place: Any, models: Any, body: Any, eventually: Any, tmp_path: Path
) -> None:
    """R10: also where what was to be deployed next is bad, the version before serves again, at the remembered address."""
    before = place.deploy(models.one)
    os.kill(before.pid, signal.SIGKILL)
    assert eventually(lambda: not place.processes())
    assert place.look().health == "not running"
    bad = models.copy(tmp_path / "bad")
    tampered(bad)
    with pytest.raises(JobFailed):
        place.deploy(bad, 2, digest=digest_folder(models.one).replace("sha256:", "sha256:0"))
    after = place.look()
    assert (after.health, after.version, after.address) == ("ready", 1, before.address)
    with place.client() as client:
        assert client.post("/score", json=body).status_code == 200


@pytest.mark.parametrize("moment", [0.3, 1.9])
def test_an_endpoint_that_is_killed_in_a_swap_serves_one_version_and_the_same_command_finishes(
    place: Any, models: Any, eventually: Any, moment: float
) -> None:
    """R10."""
    first = place.deploy(models.one)
    swap = threading.Thread(target=_try, args=(place, models))
    swap.start()
    time.sleep(moment)
    os.kill(first.pid, signal.SIGKILL)
    swap.join()
    eventually(lambda: not place.processes() or place.look().health == "ready")
    state = json.loads((place.home / "endpoint.json").read_text())
    assert state["deployment"]["version"] in (1, 2)
    after = place.deploy(models.two, 2)
    assert (after.version, after.health, after.address) == (2, "ready", first.address)
    assert eventually(lambda: len(place.processes()) == 2)


def _try(place: Any, models: Any) -> None:
    try:
        place.deploy(models.two, 2)
    except Exception:
        return


def test_told_to_end_under_load_it_answers_what_it_accepted(place: Any, models: Any, body: Any, eventually: Any) -> None:
    """S6: every request that was sent has an answer; afterwards nobody is there to connect to."""
    served = place.deploy(models.one)
    outcome = asyncio.run(_until_refused(place, body, served.pid))
    assert outcome["lost"] == 0
    assert outcome["answered"] > 100
    assert eventually(lambda: not place.processes())


async def _until_refused(place: Any, body: Any, pid: int) -> dict[str, int]:
    """Eight callers that connect again whenever they are asked to, until a connection is refused."""
    port, text = int(place.look().address.rpartition(":")[2]), json.dumps(body)
    request = f"POST /score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {place.key}\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    outcome = {"answered": 0, "lost": 0}

    async def call() -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            closing_time = False
            while not closing_time:
                try:
                    writer.write(request.encode())
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
                except (OSError, asyncio.IncompleteReadError):
                    outcome["lost"] += 1
                    break
                outcome["answered"] += 1
                closing_time = "connection: close" in head
            writer.close()

    async def end() -> None:
        await asyncio.sleep(1.0)
        os.kill(pid, signal.SIGTERM)

    await asyncio.wait_for(asyncio.gather(end(), *(call() for _ in range(8))), 20)
    return outcome


def test_a_port_that_somebody_has_is_told_and_another_one_is_remembered(place: Any, models: Any) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as somebody:
        wish = somebody.getsockname()[1]
        served = place.deploy(models.one, port=wish)
        assert f"port {wish} is taken" in str(served.note)
        assert not str(served.address).endswith(f":{wish}")
    place.stop()
    assert place.deploy(models.one, port=wish).address == served.address


def test_a_folder_with_a_very_long_name_works(models: Any, tmp_path: Path, place: Any, eventually: Any) -> None:
    """E14: the address of a Unix socket has room for about 100 bytes."""
    place.home = tmp_path / ("a long name with ünïcode " * 5) / ("x" * 100) / "staging"
    assert place.deploy(models.one).health == "ready"
    assert place.stop() is True


def test_an_endpoint_whose_folder_was_deleted_ends(place: Any, models: Any, eventually: Any) -> None:
    """No process is left that nobody could find again."""
    place.deploy(models.one)
    processes = place.processes()
    shutil.rmtree(place.home)
    assert len(processes) == 2
    assert eventually(lambda: not place.processes())


def test_two_deployments_at_once_are_one_after_the_other(place: Any, models: Any, eventually: Any) -> None:
    threads = [threading.Thread(target=place.deploy, args=(folder, number)) for number, folder in ((1, models.one), (2, models.two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = place.look()
    assert served.health == "ready"
    assert {served.version, served.previous["version"]} == {1, 2}
    assert eventually(lambda: len(place.processes()) == 2)


def test_the_client_and_the_supervisor_import_nothing_heavy() -> None:
    program = "import sys, mlops.serving.endpoint, mlops.serving.supervisor; print([m for m in sys.modules if m in {'numpy', 'sklearn', 'pandas', 'uvicorn', 'httpx', 'mlflow', 'yaml'}])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
