"""The same registry over HTTP: a real MLflow server, one that fails now and then, and one that is not there."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops.errors import JobFailed, PlatformError
from mlops.files import digest_folder
from mlops.registry.store import MlflowStore
from mlops.registry.versions import Registry

pytestmark = pytest.mark.slow
ME = {"who": "you@example.org", "reason": "run 7"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Run a real MLflow server that keeps the artifacts itself."""
    root, number = tmp_path_factory.mktemp("server"), free_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(number), "--workers", "1", "--backend-store-uri", f"sqlite:///{root}/m.db"]
    with (root / "log").open("w") as log:
        command = [sys.executable, "-m", "mlflow", *words, "--artifacts-destination", str(root / "artifacts")]
        alone = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # jobs are three more processes that import MLflow
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=root, env=alone)
    try:
        for _ in range(900):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", number)) == 0:
                    break
            assert server.poll() is None, (root / "log").read_text()
            time.sleep(0.2)
        yield number
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its graceful end takes longer than all tests here
        server.wait(20)


@pytest.fixture
def proxy(port):
    """A server before the server: it spoils answers as long as its list of faults lasts."""
    faults, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # the head and the body of an answer in one packet

        def answer(self):
            asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = faults.pop(0) if faults and "mlflow-artifacts" not in self.path else None
            if isinstance(fault, int):
                return self.send(fault, b"{}")
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            upstream.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k != "Host"})
            given = upstream.getresponse()
            content = given.read()
            upstream.close()
            return self.send(given.status, content[: len(content) // 2] if fault == "half" else content)

        def send(self, status, content):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *given):
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    server.faults, server.asked = faults, asked
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def registry(tmp_path, monkeypatch, proxy):
    uri = f"http://127.0.0.1:{proxy.server_port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for name, value in {"BACKOFF_FACTOR": "0", "BACKOFF_JITTER": "0.01", "MAX_RETRIES": "3", "TIMEOUT": "20"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    return Registry(tmp_path / "home", MlflowStore(tmp_path / "home", uri))


@pytest.fixture
def folder(tmp_path):
    """A model's folder, another for each test: the server is shared."""
    made = tmp_path / "model"
    (made / "code").mkdir(parents=True)
    (made / "MLmodel").write_text("flavors: {}\n")
    (made / "code" / "weights").write_text(str(tmp_path))
    return made


def register(registry, folder, name):
    return registry.register(name, folder, digest_folder(folder), None)


def test_a_version_goes_to_a_server_and_comes_back_whole(registry, folder):
    version = register(registry, folder, "whole")
    assert (version.version, version.aliases) == (1, ("challenger",))
    assert version.artifacts.startswith("mlflow-artifacts:")
    elsewhere = Registry(
        registry.home.parent / "another machine", MlflowStore(registry.home.parent / "another machine", registry.store.uri)
    )
    assert digest_folder(elsewhere.fetch(version)) == version.digest
    assert register(registry, folder, "whole") == version


def test_a_copy_that_was_altered_here_is_fetched_again(registry, folder):
    """R7: what counts is what the server has."""
    version = register(registry, folder, "copy")
    (registry.fetch(version) / "extra.py").write_text("import os")
    assert not (registry.fetch(version) / "extra.py").exists()
    assert len(list((registry.home / "models").iterdir())) == 1


def test_files_that_were_altered_on_the_server_are_found(registry, folder, tmp_path):
    """R7."""
    version = register(registry, folder, "altered")
    (tmp_path / "weights").write_text("other")
    path = version.artifacts.split("/artifacts/", 1)[1] + "/model/code"
    registry.store.client.log_artifact(version.run_id, str(tmp_path / "weights"), path)
    with pytest.raises(JobFailed, match="code/weights was changed"):
        Registry(tmp_path / "another machine", MlflowStore(tmp_path / "another machine", registry.store.uri)).fetch(version)


def test_moves_on_a_server_are_compared_recorded_and_told(registry, folder):
    """R3, R4."""
    one = register(registry, folder, "moves")
    (folder / "code" / "weights").write_text("two")
    two = register(registry, folder, "moves")
    registry.move("moves", "production", one, expected=None, **ME)
    registry.move("moves", "production", two, expected=1, **ME)
    with pytest.raises(JobFailed, match="is v2 now, moved by you@example"):
        registry.move("moves", "production", one, expected=1, **ME)
    assert [(move.before, move.after) for move in registry.history("moves")] == [(1, 2), (None, 1)]
    assert registry.previous("moves", "production").version == 1


@pytest.mark.parametrize("fault", [429, 503, "half"])
def test_a_server_that_fails_now_and_then_is_asked_again(registry, folder, proxy, fault):
    """R11, R2: also where an answer was lost after the work was done, there is one version."""
    name = f"fault-{fault}"
    assert registry.store.client is not None  # connected before the trouble begins
    proxy.faults.extend([fault, None] * 8)
    version = register(registry, folder, name)
    proxy.faults.clear()
    assert (version.version, [v.version for v in registry.versions(name)]) == (1, [1])


@pytest.mark.parametrize(("fault", "tries"), [(503, 4), (429, 4), ("half", 4)])
def test_a_server_that_goes_on_failing_is_told_after_a_bounded_number_of_tries(registry, folder, proxy, fault, tries):
    """R11: then a safe stop, and nothing has moved."""
    version = register(registry, folder, "stop")
    proxy.faults.extend([fault] * 100)
    proxy.asked.clear()
    with pytest.raises(PlatformError, match="the registry did not do it"):
        registry.move("stop", "staging", version, expected=None, **ME)
    assert len(proxy.asked) == tries
    proxy.faults.clear()
    assert registry.resolve("stop", "staging") is None


def test_a_server_that_is_not_there_is_told_with_its_address_and_what_to_do(tmp_path, monkeypatch):
    """R11: at once, not after the minutes of MLflow's own patience."""
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(PlatformError) as caught:
        Registry(tmp_path, MlflowStore(tmp_path, uri)).versions("flights")
    assert caught.value.where == uri
    assert "unset it to keep runs in .mlops" in caught.value.hint
