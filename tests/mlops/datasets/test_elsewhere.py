"""A file behind a URL: fetched from a real server on this machine, kept under its digest."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from mlops.datasets.elsewhere import fetch
from mlops.datasets.reading import read
from mlops.errors import JobFailed, PlatformError


class Quiet(SimpleHTTPRequestHandler):
    """A server of files; a path that begins with a number is answered with that status."""

    def do_GET(self):
        status = self.path.split("/")[1]
        return self.send_error(int(status)) if status.isdigit() else super().do_GET()

    do_HEAD = do_GET  # noqa: N815

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


@pytest.mark.parametrize("query", ["", "?sig=${TOK}"])
@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "refuses it"), (404, "nothing at this address"), (429, "too often"), (503, "the server failed"), (418, "does not")],
)
def test_a_server_that_says_no_is_told_by_its_status_and_without_the_secret(url, monkeypatch, status, said, query):
    monkeypatch.setenv("TOK", "S3+CRET")
    with pytest.raises(PlatformError, match=f"{said}.*{status}") as no:
        fetch(f"{url}/{status}/${{TOK}}/x.csv{query}")
    assert "S3" not in str(no.value)
    assert "${TOK}" in str(no.value)


def test_an_address_with_a_question_is_no_pattern(url, tmp_path):
    (tmp_path / "web/t.csv").write_text("a\n1\n")
    assert fetch(f"{url}/t.csv?x=[1]*").read_text() == "a\n1\n"


def test_a_server_that_is_not_there_is_told_without_the_secret(monkeypatch):
    monkeypatch.setenv("TOK", "S3CRET")
    with pytest.raises(PlatformError, match="cannot fetch it") as no:
        fetch("http://127.0.0.1:9/${TOK}/x.csv")
    assert "S3CRET" not in str(no.value)
