"""X3 on Azure: no secret is in what a flow prints, in the arguments of a process, in a file that it leaves, in MLflow or in a blob.

The processes are real, and the loopback knows every secret that there is: what somebody signs in with, each token, each signature of an upload, the
account's key, the keys of an endpoint. `mlops` has no mode that says more: no --verbose, no --debug.
"""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
import yaml
from tests.azure.loopback import Fault, Identity
from tests.azure.loopback.roles import ASSIGNED, Granted
from tests.azure.roles import World

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
ROOT = Path(__file__).parents[2]
TOKEN = re.compile(rb"eyJ[\w-]{20,}\.eyJ[\w-]{20,}")


def secrets_of(azure, who):
    """Name -> what must be nowhere, of each kind of secret that this Azure has handed out or been shown."""
    found = {"client secret": who.secret, "account key": azure.workspace.storage.key, "federated token": who.federated}
    found |= {f"token {n}": token.rpartition(".")[2] for n, token in enumerate(azure.entra.tokens)}
    found |= {f"signature {n}": parse_qs(told)["sig"][0] for n, told in enumerate(azure.workspace.signatures)}
    keys = [key for endpoint in azure.endpoints.found.values() for key in endpoint.keys.values()]
    found |= {f"endpoint key {n}": key for n, key in enumerate(keys)}
    return {name: secret for name, secret in found.items() if secret}


def leaks(place, data, secrets):
    """Name each secret that stands in some bytes, as it is or as an address has it, and any token at all."""
    forms = {name: {secret.encode(), quote(secret, safe="").encode()} for name, secret in secrets.items()}
    found = [f"{place}: {name}" for name, ways in forms.items() if any(way in data for way in ways)]
    return found + [f"{place}: a token" for _ in TOKEN.findall(data)[:1]]


def blobs(azure):
    client = azure.workspace.blobs
    for container in client.list_containers():
        opened = client.get_container_client(container.name)
        for name in opened.list_blob_names():
            yield f"{container.name}/{name}", opened.download_blob(name).readall()


class Watched:
    """A real process, and the arguments of every process that there was on this machine while it ran."""

    def __init__(self, root, variables):
        self.root, self.variables, self.written, self.arguments = root, variables, b"", set()

    def mlops(self, *words, code=0):
        words = [sys.executable, "-m", "tests.azure.quick", *words]
        ended, watching = threading.Event(), threading.Thread(target=lambda: self._watch(ended))
        watching.start()
        try:
            done = subprocess.run(words, cwd=self.root, env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        finally:
            ended.set()
            watching.join()
        self.written += done.stdout + done.stderr
        assert done.returncode == code, (done.stdout + done.stderr).decode()

    def _watch(self, ended):
        while not ended.wait(0.02):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.arguments.add(place.read_bytes())
                except OSError:
                    continue


@pytest.fixture
def everybody(azure, monkeypatch, tmp_path):
    """Somebody who may do everything, reads keys too, and signs in with a secret; and a project whose production shows a key to its callers."""
    monkeypatch.setitem(ASSIGNED, "everything", {"subscription": [Granted(("*",), (), ("*",))]})
    who = Identity("everything", federated="a-token-of-the-CI-system-which-nobody-else-has")
    azure.entra.identities.append(who)
    root = tmp_path / "shops"
    World(azure, root).prepare()
    azure.endpoints.found.clear()
    production = root / "environments/production.yml"
    told = yaml.safe_load(production.read_text())
    production.write_text(yaml.safe_dump({**told, "online": {"auth": "key", "endpoint": "shops-with-a-key"}}))
    yield who, root
    azure.entra.identities.remove(who)


def test_no_secret_is_written_anywhere(azure, everybody, tmp_path):
    who, root = everybody
    azure.entra.tokens.clear()
    azure.workspace.signatures.clear()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "MLOPS_", "MLFLOW_"))}
    for name in ("home", "scratch"):
        (tmp_path / name).mkdir()
    places = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "scratch"), "PYTHONPATH": str(ROOT)}
    watched = Watched(root, {**clean, **places, **azure.variables(who)})
    watched.mlops("deliver", "--set", "blind=0.6")
    watched.mlops("rotate-key", "production")
    watched.mlops("run", "small.yml", "--where", "azure", "--environment", "staging")
    watched.mlops("doctor", "--azure", "--environment", "staging", code=3)
    azure.faults.add(Fault("GET .*/workspaces/[^/]+$", status=200, body={"no": "workspace"}))
    watched.mlops("run", "small.yml", "--where", "azure", "--environment", "staging", "--force", code=3)
    (tmp_path / "federated").write_text(who.federated)
    federated = {**watched.variables, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "federated")}
    watched.variables = {name: value for name, value in federated.items() if name != "AZURE_CLIENT_SECRET"}
    watched.mlops("models")
    watched.variables = {**clean, **places, **azure.variables(who, secret="a-secret-that-is-not-right")}
    watched.mlops("models", code=3)

    secrets = secrets_of(azure, who) | {"wrong secret": "a-secret-that-is-not-right"}
    kinds = {name.rstrip("0123456789 ") for name in secrets}
    assert kinds == {"client secret", "wrong secret", "account key", "federated token", "token", "signature", "endpoint key"}
    assert any(b"tests.azure.quick\0deliver" in told for told in watched.arguments), "nobody watched"
    found = leaks("the screen", watched.written, secrets) + leaks("arguments", b"\n".join(watched.arguments), secrets)
    looked = 0
    for folder in (root, tmp_path / "home", tmp_path / "scratch", azure.jobs.folder):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                looked += 1
                found += leaks(path, path.read_bytes(), secrets)
    for name, data in blobs(azure):
        looked += 1
        found += leaks(name, data, secrets)
    assert found == []
    assert looked > 50


def test_the_scan_is_awake(azure):
    secrets = secrets_of(azure, azure.scientist)
    signature = "a+b/c="
    assert leaks("here", b"GET https://x?sig=a%2Bb%2Fc%3D", {"signature": signature}) == ["here: signature"]
    assert leaks("here", azure.scientist.secret.encode(), secrets) == ["here: client secret"]
    form = {"client_id": azure.ci.client, "client_secret": azure.ci.secret, "scope": "https://ml.azure.com/.default"}
    assert leaks("here", azure.entra.token(azure.entra.tenant, form)["access_token"].encode(), {}) == ["here: a token"]
