"""The GitHub of the tests is awake: it refuses what GitHub's own description refuses, and knows every call that is made."""

import re

import httpx
import pytest
from loopback import Loopback, description


@pytest.fixture
def server():
    with Loopback() as made:
        made.pull_request(7, "a" * 40)
        yield made


def ask(server, method, path, token=None, **more):
    headers = {"Authorization": f"Bearer {token or server.token}"}
    return httpx.request(method, f"{server.url}/repos/octo/flights{path}", headers=headers, trust_env=False, **more)


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/issues/7/comments", {"bdy": "x"}, "'body' is a required property"),
        ("POST", "/issues/7/comments", {"body": "x", "colour": "red"}, "unknown key $.colour"),
        ("POST", "/issues/7/comments", {"body": "x" * 65_537}, "too long"),
        ("POST", "/issues/seven/comments", {"body": "x"}, "'seven' is not of type 'integer'"),
        ("POST", "/issues/7/comments", "[", "is not of type 'object'"),
        ("POST", "/check-runs", {"name": "x", "head_sha": "a", "status": "completed", "conclusion": "red"}, "'red' is not one of"),
        (
            "POST",
            "/check-runs",
            {"name": "x", "head_sha": "a", "output": {"title": "x", "sumary": "x"}},
            "'summary' is a required property",
        ),
        ("PUT", "/environments/production", {"reviewers": [{"type": "Person", "id": 1}]}, "is not valid under any"),
        ("GET", "/pulls?stat=open", None, "unknown query parameter 'stat'"),
        ("GET", "/pulls?state=opened", None, "'opened' is not one of"),
        ("GET", "/pull", None, "the description has no such call"),
        ("GET", "/pulls", {"state": "open"}, "it takes no body"),
        ("POST", "/rulesets", {"name": "x", "enforcement": "active", "rules": [{"type": "deletions"}]}, "is not valid under any"),
    ],
)
def test_what_the_description_does_not_allow_is_refused_and_noted(server, method, path, body, told):
    answer = ask(server, method, path, **({"content": body} if isinstance(body, str) else {"json": body} if body is not None else {}))
    assert answer.status_code in (404, 422)
    assert any(told in violation for violation in server.violations), server.violations


def test_a_good_request_is_answered_as_described_and_a_wrong_token_is_401(server):
    made = ask(server, "POST", "/issues/7/comments", json={"body": "x"})
    assert (made.status_code, made.json()["user"]["login"]) == (201, "github-actions[bot]")
    assert ask(server, "GET", "/pulls", token="guessed").status_code == 401
    assert server.violations == []
    assert [request.status for request in server.requests] == [201, 401]


def test_every_call_of_the_description_has_an_answer():
    calls = [call["operationId"] for methods in description()["paths"].values() for call in methods.values()]
    assert [name for name in calls if not hasattr(Loopback, re.sub(r"\W", "_", name))] == []


def test_the_description_says_where_it_is_from():
    made_from = description()["made_from"]
    assert (made_from["package"], made_from["licence"][:11], len(made_from["sha256"])) == ("@octokit/openapi", "MIT License", 64)
