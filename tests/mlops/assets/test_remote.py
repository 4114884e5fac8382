"""What is fetched from a real server of this machine's, kept, and asked about again."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.errors import PlatformError, UsageError


class Site(SimpleHTTPRequestHandler):
    """Files with their Last-Modified; what was asked for is remembered."""

    asked: list[str] = []

    def log_message(self, _format: str, *_args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "site"
    folder.mkdir()
    Site.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_once_while_the_server_says_that_it_is_the_same(shop: Workshop, site: str) -> None:
    shop.write("site/a.csv", "1\n")
    found = [shop.assets.data(f"{site}/a.csv", "uri_file") for _ in range(3)]
    assert len(set(found)) == 1
    assert (found[0].name, found[0].read_text()) == ("a.csv", "1\n")
    assert Site.asked == ["/a.csv"]


def test_a_file_that_changed_on_the_server_is_fetched_again(shop: Workshop, site: str) -> None:
    path = shop.write("site/a.csv", "1\n")
    shop.assets.data(f"{site}/a.csv", "uri_file")
    path.write_text("2\n")
    os.utime(path, (1e9, 1e9))
    assert shop.assets.data(f"{site}/a.csv", "uri_file").read_text() == "2\n"


def test_a_copy_that_was_changed_here_is_fetched_again(shop: Workshop, site: str) -> None:
    shop.write("site/a.csv", "1\n")
    shop.assets.data(f"{site}/a.csv", "uri_file").write_text("other")
    assert shop.assets.data(f"{site}/a.csv", "uri_file").read_text() == "1\n"


def test_without_the_server_what_was_fetched_before_is_used_and_a_note_says_so(shop: Workshop, site: str) -> None:
    shop.write("site/a.csv", "1\n")
    shop.assets.data(f"{site}/a.csv", "uri_file")
    memory = next((shop.home / "assets/fetched").glob("*.json"))
    gone = "http://127.0.0.1:1/a.csv"
    memory.rename(memory.with_name(f"{hashlib.sha256(gone.encode()).hexdigest()[:24]}.json"))
    assets = shop.assets
    assert assets.data(gone, "uri_file").read_text() == "1\n"
    assert "the server was not asked" in assets.remote.notes[0]
    with pytest.raises(PlatformError, match=r"data/paths.yml"):
        assets.data("http://127.0.0.1:1/b.csv", "uri_file")


def test_what_is_gone_from_the_server_is_an_error_though_it_was_fetched_before(shop: Workshop, site: str) -> None:
    path = shop.write("site/a.csv", "1\n")
    shop.assets.data(f"{site}/a.csv", "uri_file")
    path.unlink()
    with pytest.raises(PlatformError, match="404"):
        shop.assets.data(f"{site}/a.csv", "uri_file")


def test_a_folder_is_fetched_with_all_that_is_below_it(shop: Workshop, site: str) -> None:
    for name in ("site/set/a.csv", "site/set/more/b.csv"):
        shop.write(name, name)
    found = shop.assets.data(f"{site}/set", "uri_folder")
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()) == ["a.csv", "more/b.csv"]


def test_what_is_not_there_is_told_with_its_address_and_what_to_do(shop: Workshop, site: str) -> None:
    with pytest.raises(PlatformError, match=r"/none.csv(.|\n)*404"):
        shop.assets.data(f"{site}/none.csv?sig=secret", "uri_file")


def test_a_folder_of_blobs_needs_a_package_and_says_which(shop: Workshop) -> None:
    with pytest.raises(UsageError, match="uv pip install adlfs"):
        shop.assets.data("wasbs://a@b.blob.core.windows.net/c", "uri_folder")


def test_a_check_fetches_nothing(shop: Workshop, site: str) -> None:
    shop.write("site/a.csv", "1\n")
    assets = shop.assets
    assets.fetching = False
    assert not assets.data(f"{site}/a.csv", "uri_file").exists()
    assert Site.asked == []
