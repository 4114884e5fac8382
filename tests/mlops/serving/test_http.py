"""What a deployment answers, over real connections: forms, keys, errors, limits, and what is not quite HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlops.files import digest_folder
from mlops.registry.model import load
from mlops.serving.endpoint import rotate_key

pytestmark = pytest.mark.slow


@pytest.fixture
def client(served: Any) -> Iterator[httpx.Client]:
    with served.client() as made:
        yield made


def raw(served: Any, *parts: bytes, wait: float = 0.0) -> bytes:
    """Send bytes as they are, and return all that comes back until the connection is closed."""
    with closing(served.connect()) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(wait)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> bytes:
    with closing(connection):
        connection.settimeout(5)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def head(served: Any, *lines: str, path: str = "/score") -> bytes:
    fields = ["Host: 127.0.0.1", f"Authorization: Bearer {served.key}", "Content-Type: application/json", *lines]
    return f"POST {path} HTTP/1.1\r\n".encode() + "\r\n".join(fields).encode() + b"\r\n\r\n"


def test_a_score_is_the_model_s_own(served: Any, client: httpx.Client, models: Any) -> None:
    table = models.flights(40, 8)
    data = models.plain(table)
    answer = client.post("/score", json={"input_data": {"columns": list(table), "index": list(range(40)), "data": data}})
    model = load(models.one, trusted=models.trusted)
    assert answer.json() == {
        "predictions": model.predict(table).tolist(),
        "probabilities": model.predict_proba(table)[:, 1].tolist(),
        "probabilities_of": ["1"],
    }


def test_mlflow_s_own_example_of_a_request_is_answered_with_labels(client: httpx.Client, models: Any) -> None:
    body = json.loads((models.one / "serving_input_example.json").read_text().replace("NaN", "null"))
    answer = client.post("/invocations", json=body)
    assert list(answer.json()) == ["predictions"]
    assert set(answer.json()["predictions"]) <= {0, 1}


def test_csv_is_taken_at_invocations(client: httpx.Client) -> None:
    text = "carrier,origin,dest,hour,distance,temp,wind_gust\nUA,EWR,D3,0.5,1,2,\n"
    assert client.post("/invocations", content=text, headers={"content-type": "text/csv"}).json()["predictions"] == [1]


def test_the_sample_works_when_it_is_pasted(served: Any) -> None:
    """`curl -d` says that it sends a form, and means JSON."""
    command = f'curl -sf {served.look().address}/score -H "Authorization: Bearer $(cat {served.home}/key)" -d @{served.home}/sample.json'
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert len(json.loads(said)["probabilities"]) == 2


def test_liveness_needs_no_key(served: Any) -> None:
    with httpx.Client(base_url=served.look().address, trust_env=False) as stranger:
        assert stranger.get("/").text == "Healthy"
        assert stranger.get("/health/live").json() == {"status": "live"}
        assert stranger.get("/health/ready").json() == {"status": "ready"}
        assert stranger.get("/ping").status_code == 200


def test_the_version_says_what_answers(served: Any, client: httpx.Client, models: Any) -> None:
    import sklearn

    facts = client.get("/version").json()
    assert facts == {
        "model": "flights",
        "version": 1,
        "digest": digest_folder(models.one),
        "environment": "production",
        "scikit_learn": sklearn.__version__,
        "way": "compiled",
    }


def test_swagger_names_the_columns(client: httpx.Client, models: Any) -> None:
    forms = client.get("/swagger.json").json()["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    records = forms["properties"]["input_data"]["oneOf"][1]["items"]
    assert records["required"] == list(models.columns)


def test_every_answer_has_an_id_a_version_and_the_caller_s_own_id(client: httpx.Client, body: Any) -> None:
    first = client.post("/score", json=body, headers={"x-ms-client-request-id": "mine"})
    second = client.post("/score", json=body)
    assert first.headers["x-ms-client-request-id"] == "mine"
    assert first.headers["x-model-version"] == "1"
    assert second.headers["x-ms-client-request-id"] == second.headers["x-request-id"]
    assert first.headers["x-request-id"] < second.headers["x-request-id"]


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic {key}", "{key}", "Bearer {key}x", "Bearer \xe9"])
def test_no_key_or_a_wrong_one_is_refused(served: Any, body: Any, header: str | None) -> None:
    """S7."""
    headers = {} if header is None else {"authorization": header.format(key=served.key).encode("latin-1")}
    answer = httpx.post(f"{served.look().address}/score", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert served.key not in answer.text


def test_a_key_in_the_url_does_not_count(served: Any, body: Any) -> None:
    """S7: addresses end up in logs."""
    answer = httpx.post(f"{served.look().address}/score?key={served.key}", json=body, trust_env=False)
    assert answer.status_code == 401


def test_a_key_is_changed_without_a_pause(served: Any, body: Any) -> None:
    """S7: the one before works until the next change; the one before that does not."""

    def status(key: str) -> int:
        return httpx.post(f"{address}/score", json=body, headers={"Authorization": f"Bearer {key}"}, trust_env=False).status_code

    address, first = served.look().address, served.key
    rotate_key(served.home)
    assert (status(served.key), status(first)) == (200, 200)
    rotate_key(served.home)
    assert status(served.key) == 200
    time.sleep(1.2)
    assert status(first) == 401
    assert (served.home / "key").stat().st_mode & 0o777 == (served.home / "key.old").stat().st_mode & 0o777 == 0o600


def test_neither_keys_nor_payloads_are_logged(served: Any, client: httpx.Client, body: Any, eventually: Any) -> None:
    """S7, S8."""
    body["input_data"]["data"][0][0] = "SECRETCARRIER"
    number = client.post("/score", json=body).headers["x-request-id"]
    requests = served.home / "requests.jsonl"
    eventually(lambda: requests.is_file() and number in requests.read_text())
    logs = "".join(path.read_text() for path in served.home.glob("*.*l*") if path.name not in ("key.old", "sample.json"))
    assert "SECRETCARRIER" not in logs
    assert served.key not in logs


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"", "application/json", 400, "empty"),
        (b"{", "application/json", 400, "not JSON"),
        (b"\xff{}", "application/json", 400, "not UTF-8"),
        (b"[" * 50_000, "application/json", 400, "nested too deep"),
        (b"{}", "text/plain", 415, "takes application/json"),
        (b"{}", "application/json; charset=latin-1", 415, "UTF-8"),
        (b"{}", "multipart/form-data; boundary=x", 415, "takes application/json"),
        (b'{"input_data": [{"carrier": "UA"}]}', "application/json", 422, "column 'origin' is missing"),
    ],
)
def test_a_bad_body_is_an_answer_in_words(client: httpx.Client, content: bytes, kind: str, status: int, said: str) -> None:
    """S1: and no traceback."""
    answer = client.post("/score", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert "Traceback" not in answer.text


def test_a_bad_value_is_named_with_its_column_and_row(client: httpx.Client, body: Any) -> None:
    """S1."""
    body["input_data"]["data"].append(["UA", "EWR", "D3", "late", 1, 2, 3])
    del body["input_data"]["index"]
    error = client.post("/score", json=body).json()["error"]
    assert (error["column"], error["row"]) == ("hour", 1)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/score", 405), ("DELETE", "/score", 405), ("POST", "/version", 405), ("GET", "/nothing", 404), ("POST", "/predict", 404)],
)
def test_an_unknown_address_or_method_is_told_what_there_is(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/../key", "/%2e%2e/key", "/%252e%252e/key", "//etc/passwd", "/score/../../key", "/file:///etc/passwd"])
def test_no_path_leads_to_a_file(served: Any, path: str) -> None:
    """X2."""
    answer = raw(served, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 4")
    assert served.key.encode() not in answer


def test_another_host_s_name_and_a_web_page_are_refused(client: httpx.Client, body: Any) -> None:
    """X2: DNS rebinding."""
    assert client.post("/score", json=body, headers={"host": "evil.example"}).status_code == 421
    assert client.get("/version", headers={"host": "localhost.evil.example:80"}).status_code == 421
    assert client.post("/score", json=body, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.get("/version", headers={"host": "localhost:1"}).status_code == 200


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(served: Any) -> None:
    """S2."""
    answer = raw(served, head(served, "Content-Length: 10000000000", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than 0.1 MiB" in answer


def test_a_large_body_gets_its_answer_and_not_a_reset(client: httpx.Client) -> None:
    """S2: 3 MB, read to see the reason and thrown away."""
    assert client.post("/score", content=b"[" + b" " * 3_000_000).status_code == 413


def test_a_large_body_in_chunks_is_refused_on_the_way(served: Any) -> None:
    """S2: its length is not known, and never reached."""
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    answer = raw(served, head(served, "Transfer-Encoding: chunked"), *[chunk] * 5, wait=0.01)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_in_chunks_is_read(served: Any, body: Any) -> None:
    text = json.dumps(body).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(text[at : at + 10]), text[at : at + 10]) for at in range(0, len(text), 10))
    answer = raw(served, head(served, "Transfer-Encoding: chunked", "Connection: close"), chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


def test_who_sends_slowly_is_hung_up_on_while_others_are_answered(served: Any, client: httpx.Client, body: Any) -> None:
    """S3: nothing at all, a head, and a body that do not end."""
    starts = [b"", b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", head(served, "Content-Length: 50") + b"{"]
    slow = [served.connect() for _ in starts for _ in range(10)]
    for number, connection in enumerate(slow):
        connection.sendall(starts[number % 3])
    assert client.post("/score", json=body).status_code == 200
    answers = [until_closed(connection) for connection in slow]
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_a_byte_now_and_then_is_no_way_around(served: Any) -> None:
    """S3: slowloris; the time is that of the whole request."""
    with closing(served.connect()) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 10:
                connection.sendall(b"X-More: 1\r\n")
                time.sleep(0.1)
    assert time.monotonic() - began < 5


def test_a_head_without_end_is_refused(served: Any) -> None:
    """S2, S3."""
    answer = raw(served, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", *[b"X-A: " + b"a" * 5000 + b"\r\n"] * 8, wait=0.01)
    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: +5",),
        ("Content-Length: -1",),
        ("Content-Length: 0x5",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked\r\n folded",),
        ("Content-Length: 5\nX: y",),
    ],
)
def test_conflicting_or_odd_framing_is_a_400_and_the_end(served: Any, lines: tuple[str, ...]) -> None:
    """S4: what follows is never taken for a second request (CVE-2024-1135, CVE-2022-24761)."""
    smuggled = b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = raw(served, head(served, *lines) + smuggled)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "chunks", [b"5;\x00\r\nhello\r\n0\r\n\r\n", b"g\r\nhello\r\n", b"-5\r\nhello\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0x5\r\nhello\r\n"]
)
def test_a_broken_chunk_is_a_400_and_the_end(served: Any, chunks: bytes) -> None:
    """S4."""
    answer = raw(served, head(served, "Transfer-Encoding: chunked") + chunks + b"GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"SSH-2.0-x\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_not_http_is_a_400(served: Any, noise: bytes) -> None:
    assert raw(served, noise).startswith(b"HTTP/1.1 400")


def test_requests_in_a_row_on_one_connection_are_answered_in_their_order(served: Any, body: Any) -> None:
    text = json.dumps(body).encode()
    one = head(served, f"Content-Length: {len(text)}", "x-ms-client-request-id: one") + text
    two = b"GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-client-request-id: two\r\nConnection: close\r\n\r\n"
    answer = raw(served, one + two)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"id: one") < answer.index(b"id: two")


def test_a_caller_that_leaves_in_the_middle_harms_nobody(served: Any, client: httpx.Client, body: Any) -> None:
    for _ in range(20):
        connection = served.connect()
        connection.sendall(head(served, "Content-Length: 500") + b'{"input_data"')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()
    assert client.post("/score", json=body).status_code == 200


def test_the_counters_count(client: httpx.Client, body: Any) -> None:
    client.post("/score", json=body)
    said = client.get("/metrics").text
    assert 'slipway_requests_total{path="/score",status="200",model="flights",version="1",environment="production"}' in said


def test_nothing_of_all_that_was_written_as_an_error(served: Any) -> None:
    """The last test of this module: no request of the others made the server itself fail."""
    log = Path(served.home / "v1.log").read_text()
    assert "Traceback" not in log
