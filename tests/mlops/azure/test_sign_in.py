"""Signing in where nobody can type, against a loopback of the two systems' token services and the stand-in of `az`."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.mlops.azure.stand_in import Az, installed

from mlops.azure import sign_in as module
from mlops.azure.az import find_az
from mlops.azure.sign_in import in_ci, sign_in, token_of_job
from mlops.errors import PlatformError, UsageError

WHO = {"AZURE_CLIENT_ID": "client-1", "AZURE_TENANT_ID": "tenant-1", "AZURE_SUBSCRIPTION_ID": "subscription-1"}


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append((self.command, url.path, parse_qs(url.query), self.headers["Authorization"]))
        body = json.dumps({"value": "github-token"} if self.command == "GET" else {"oidcToken": "azure-token"}).encode()
        self.send_response(self.server.faults.pop(0) if self.server.faults else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service(serve):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status, server.faults = [], 200, []
    return serve(server)


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    made = installed(tmp_path, monkeypatch)
    made.says("login", [])
    made.says("account set", None)
    return made


def github(service) -> dict[str, str]:
    address = f"http://127.0.0.1:{service.server_address[1]}/token?api-version=2.0"
    return {**WHO, "GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": address, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job-token"}


def azure(service) -> dict[str, str]:
    address = f"http://127.0.0.1:{service.server_address[1]}/oidctoken"
    return {
        **WHO,
        "TF_BUILD": "True",
        "SYSTEM_OIDCREQUESTURI": address,
        "SYSTEM_ACCESSTOKEN": "job-token",
        "AZURE_SERVICE_CONNECTION_ID": "connection-1",
    }


@pytest.mark.parametrize(
    ("system", "asked", "given"),
    [
        (github, ("GET", "/token", {"api-version": ["2.0"], "audience": ["api://AzureADTokenExchange"]}), "github-token"),
        (azure, ("POST", "/oidctoken", {"api-version": ["7.1"], "serviceConnectionId": ["connection-1"]}), "azure-token"),
    ],
)
def test_the_job_s_own_token_goes_to_az_in_a_file_and_the_file_goes_away(service, az: Az, system, asked: tuple, given: str) -> None:
    environ = system(service)
    assert in_ci(environ)
    sign_in(find_az(), environ)
    assert service.asked == [(*asked, "Bearer job-token")]
    (login,), (chosen,) = az.called("login"), az.called("account set")
    assert login[:-3] == ["login", "--service-principal", "--username", "client-1", "--tenant", "tenant-1", "--federated-token"]
    assert login[-3].startswith("@")
    assert az.read == {login[-3][1:]: given}
    assert not Path(login[-3][1:]).exists()
    assert "subscription-1" in chosen
    assert given not in (az.home / "calls.jsonl").read_text()


@pytest.mark.parametrize("system", [github, azure])
def test_a_job_without_the_right_to_a_token_is_told(service, az: Az, system) -> None:
    environ = {key: value for key, value in system(service).items() if "REQUEST" not in key}
    with pytest.raises(UsageError, match="may not have a token"):
        sign_in(find_az(), environ)
    assert az.called("login") == []


def test_a_service_that_gives_none_is_told_without_the_job_s_token(service, az: Az) -> None:
    service.status = 403
    with pytest.raises(PlatformError, match="gave no token") as caught:
        sign_in(find_az(), github(service))
    assert "job-token" not in str(caught.value)


@pytest.mark.parametrize(("faults", "tries"), [([503], 2), ([500, 502], 3)])
def test_a_service_that_is_out_of_order_for_a_moment_is_asked_again(
    service, monkeypatch: pytest.MonkeyPatch, faults: list, tries: int
) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    service.faults[:] = faults
    assert token_of_job(github(service)) == "github-token"
    assert len(service.asked) == tries


def test_a_service_that_stays_out_of_order_is_told(service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    service.status = 500
    with pytest.raises(PlatformError, match="gave no token: HTTP 500"):
        token_of_job(github(service))
    assert len(service.asked) == 3


def test_a_token_that_is_not_believed_leaves_no_file(service, az: Az) -> None:
    az.refuses(
        "login",
        "ERROR: AADSTS700213: No matching federated identity record found for presented assertion subject 'repo:o/r:environment:staging'.",
    )
    with pytest.raises(PlatformError, match="No matching federated identity record"):
        sign_in(find_az(), github(service))
    assert not Path(az.called("login")[0][-3][1:]).exists()


def test_a_missing_variable_is_named(service, az: Az) -> None:
    with pytest.raises(UsageError, match="AZURE_TENANT_ID, AZURE_SUBSCRIPTION_ID is not set"):
        sign_in(find_az(), {**github(service), "AZURE_TENANT_ID": "", "AZURE_SUBSCRIPTION_ID": ""})


def test_on_a_laptop_whoever_is_signed_in_stays_so() -> None:
    assert not in_ci(WHO)
    assert not in_ci({"GITHUB_ACTIONS": "true"})
