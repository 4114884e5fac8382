"""What a version is watched for after it took over: what its endpoint's log says of all callers, and held-out rows. The endpoint is a small server."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from mlops.delivery import stations
from mlops.settings import WatchSettings


class Endpoint(BaseHTTPRequestHandler):
    """Answers each row with its own value, and logs that as an endpoint does."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once
    wrong = broken = False
    milliseconds = 1.0

    def do_POST(self):
        (value,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input_data"]["data"][0]
        status = 500 if self.broken and value > 0.7 else 200
        body = json.dumps({"predictions": [0.123 if self.wrong and value > 0.7 else value]}).encode()
        with self.log_file.open("a") as log:
            log.write(json.dumps({"time": time.time(), "path": "/score", "status": status, "seconds": self.milliseconds / 1000}) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Return what watching finds: a tenth of a second, bounds as given, an endpoint as given, lines of other callers in its log."""
    monkeypatch.setattr(stations, "FLUSHED", 0.0)
    monkeypatch.setattr(stations, "PAUSE", 0.02)
    (tmp_path / "key").write_text("k\n")
    values = [number / 10 for number in range(10)]
    (tmp_path / "smoke.json").write_text(json.dumps({"columns": ["a"], "data": [[v] for v in values], "expected": values}))

    def watch(others=(), running=True, smoke=True, **facts):
        bounds = {name: facts.pop(name) for name in ("error_rate", "p95_ms") if name in facts}
        handler = type("One", (Endpoint,), {**facts, "log_file": tmp_path / "requests.jsonl"})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        address = f"http://127.0.0.1:{server.server_address[1]}"
        if not running:
            server.server_close()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        (tmp_path / "requests.jsonl").write_text("".join(f"{line}\n" for line in others))
        environment = SimpleNamespace(watch=WatchSettings(0.1, **{"error_rate": 0.0, "p95_ms": None} | bounds))
        workspace = SimpleNamespace(environment=lambda _: environment, endpoint=lambda _: tmp_path)
        served = SimpleNamespace(address=address, key_file=str(tmp_path / "key"))
        try:
            if running:
                thread.start()
            return stations.watch(workspace, "production", served, tmp_path / "smoke.json" if smoke else None)
        finally:
            if running:
                server.shutdown()
                server.server_close()
                thread.join()

    return watch


def broken(facts):
    return [rule["name"] for rule in facts["rules"] if not rule["passed"]]


def entry(status=200, ago=-5.0, seconds=0.001, path="/score"):
    return json.dumps({"time": time.time() - ago, "path": path, "status": status, "seconds": seconds})


def test_a_version_that_answers_as_it_did_offline_is_left_where_it_is(watched):
    facts = watched(p95_ms=5)
    assert (broken(facts), facts["error_rate"], facts["requests"] % 10, facts["requests"] > 0) == ([], 0.0, 0, True)
    assert [rule["name"] for rule in facts["rules"]] == ["error_rate", "p95_ms"]


@pytest.mark.parametrize("fault", ["broken", "wrong"])
def test_a_version_that_fails_or_answers_otherwise_for_some_rows_breaks_the_bound(watched, fault):
    facts = watched(**{fault: True, "error_rate": 0.1})
    assert (broken(facts), facts["error_rate"]) == (["error_rate"], pytest.approx(0.2))
    assert "20.00% of" in facts["rules"][0]["reason"]
    assert "row 8: " in facts["rules"][0]["reason"]


def test_every_failure_counts_also_where_all_of_a_round_fail(watched):
    facts = watched(running=False, error_rate=0.9)
    assert (broken(facts), facts["error_rate"]) == (["error_rate"], 1.0)
    assert "Connection refused" in facts["rules"][0]["reason"]


def test_a_version_that_is_slow_breaks_its_own_bound(watched):
    facts = watched(milliseconds=30.0, p95_ms=25)
    assert (broken(facts), facts["rules"][1]["reason"][:8]) == (["p95_ms"], "30.0 ms ")


def test_errors_that_others_were_told_count_though_ours_were_answered(watched):
    facts = watched(others=[entry(500) for _ in range(1000)], error_rate=0.5)
    assert (broken(facts), facts["error_rate"] > 0.8) == (["error_rate"], True)


def test_what_was_before_is_no_request_for_a_score_or_is_half_a_line_does_not_count(watched):
    lines = [entry(500, ago=60), entry(500, path="/health"), '{"time": 9e9, "path": "/sco', "[]", '{"time": "now", "path": "/score"}']
    assert broken(watched(others=lines)) == []


def test_a_version_without_held_out_rows_is_not_watched(watched):
    assert watched(smoke=False)["rules"] == []
