"""A file behind a URL: fetched from a real server on this machine, kept under its digest."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from mlops.datasets.reading import read
from mlops.errors import JobFailed


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def url(tmp_path, monkeypatch):
    """Serve a folder; its address."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "web").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "web")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_is_fetched_once_and_known_by_its_digest(url, told, frame, tmp_path):
    frame.to_csv(tmp_path / "web/t.csv", index=False)
    source, found = told(f"{url}/t.csv")
    assert source.sha256 == hashlib.sha256((tmp_path / "web/t.csv").read_bytes()).hexdigest()
    (tmp_path / "web/t.csv").unlink()
    pd.testing.assert_frame_equal(read(source), found)


def test_a_url_that_says_something_else_by_now_is_refused(url, told, frame, tmp_path):
    frame.to_csv(tmp_path / "web/t.csv", index=False)
    source, _ = told(f"{url}/t.csv")
    (tmp_path / "cache/slipway/data" / source.sha256 / "t.csv").unlink()
    frame.head(9).to_csv(tmp_path / "web/t.csv", index=False)
    with pytest.raises(JobFailed, match="not the file that was recorded"):
        read(source)
