"""A loopback of Azure: Entra ID, Resource Manager, one Azure ML workspace with its run history, and a storage account; see README.md.

with Loopback(folder) as azure:
    environment = azure.variables(azure.scientist)     # for a process: where Azure is, and who it is there
    azure.faults.add(Fault("PUT .*/jobs/", status=429, retry_after="1", times=2))
    ...
    assert azure.service.violations == [] and azure.strangers == []
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import socket
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from azure.storage.blob import BlobServiceClient

from . import azurite, certificates
from .blobs import Blobs
from .endpoints import Endpoints
from .entra import LOGIN, Entra, Identity
from .faults import Fault, Faults
from .ingestion import HOST as INGESTION
from .ingestion import Ingestion
from .jobs import Jobs
from .proxy import Proxy
from .registry import Registries, Registry
from .schedules import Schedules
from .service import ARM, Call, Service
from .workspace import Workspace

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Call", "Fault", "Identity", "Loopback"]
REGION = "westeurope"
DISCOVERY = "eastus.api.azureml.ms"
"""Where azure-ai-ml asks for any registry, wherever that is."""


class Loopback:
    """Azure on this machine, until the block ends. `folder` keeps all that it writes; `tools` is where Azurite is installed.

    Raises:
        azurite.Missing: npm cannot bring Azurite.
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder, self.tools = folder, tools
        self.scientist, self.reader, self.caller = (Identity(who, person=True) for who in ("data-scientists", "readers", "callers"))
        self.ci, self.planner, self.builtin, self.nobody = Identity("ci"), Identity("ci that reads quotas"), Identity(), Identity("none")
        self.taker, self.publisher = Identity("ci that takes"), Identity("ci that publishes")
        self.kubernetes = Identity("ci on Kubernetes")
        known = [
            self.scientist,
            self.reader,
            self.caller,
            self.ci,
            self.planner,
            self.builtin,
            self.nobody,
            self.taker,
            self.publisher,
            self.kubernetes,
        ]
        self.entra = Entra(str(uuid.uuid4()), known)
        self.faults = Faults()
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ending:
            self._start(ending)
            self._ending = ending.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.close()

    def _start(self, ending: contextlib.ExitStack) -> None:
        account, key = f"st{secrets.token_hex(6)}", base64.b64encode(secrets.token_bytes(32)).decode()
        names = [
            ARM,
            LOGIN,
            f"{REGION}.api.azureml.ms",
            DISCOVERY,
            f"{account}.blob.core.windows.net",
            f"*.{REGION}.inference.ml.azure.com",
            INGESTION,
            "localhost",
        ]
        self.certificates = certificates.issue(self.folder, names)
        program = azurite.program(self.tools)
        storage = ending.enter_context(azurite.running(program, self.folder, account, key, self.certificates))
        address = f"https://localhost:{storage.port}/{account}"
        blobs = BlobServiceClient(
            address, credential=key_of(account, key), connection_verify=str(self.certificates.authority), proxies={"https": ""}
        )
        ending.callback(blobs.close)
        place = (self.entra.tenant, str(uuid.uuid4()), "rg-loopback", "ws-loopback", REGION)
        self.workspace = Workspace(*place, storage, blobs, faults=self.faults)
        self.workspace.prepare()
        own = (self.entra.tenant, str(uuid.uuid4()), "rg-loopback-shared", "mlr-loopback", REGION)
        self.registry = Registry(*own, storage, blobs, faults=self.faults)
        self.workspace.registries = self.registry.registries = {self.registry.name: self.registry}
        self.jobs = Jobs(self.workspace, self.folder / "compute")
        ending.callback(self.jobs.close)
        self.endpoints = Endpoints(self.workspace, self.folder / "endpoints")
        ending.callback(self.endpoints.close)
        registries = Registries(self.workspace, self.workspace.registries)
        self.schedules, self.ingestion = Schedules(self.workspace, self.jobs, self.endpoints), Ingestion()
        more = (registries, self.schedules, self.ingestion)
        self.service = Service(self.entra, self.workspace, self.jobs, self.faults, self._drop, self.endpoints, *more)
        self._serve(ending, storage.port)

    def _serve(self, ending: contextlib.ExitStack, blob_port: int) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        files = {"ssl_certfile": str(self.certificates.certificate), "ssl_keyfile": str(self.certificates.key)}
        own = (self.entra, self.service.judge, self.faults, self._drop)
        application = Blobs(self.service.application(), *own, blob_port, self.certificates.authority)
        self._server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off", **files))
        names = (ARM, LOGIN, "*.api.azureml.ms", "*.inference.ml.azure.com", "*.blob.core.windows.net", INGESTION)
        self.proxy = Proxy(dict.fromkeys(names, port))
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._main(listening, ready)), daemon=True)
        thread.start()
        ready.wait()

        def end() -> None:
            self._server.should_exit = True
            self._server.force_exit = True
            thread.join()

        ending.callback(end)

    async def _main(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        proxy = await self.proxy.start()
        ready.set()
        await self._server.serve(sockets=[listening])
        self.proxy.drop()
        proxy.close()

    def _drop(self) -> None:
        """Cut every connection; returns when that is done."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self.proxy.drop(), done.set()))
        done.wait()

    @property
    def calls(self) -> list[Call]:
        return self.service.calls

    @property
    def strangers(self) -> list[str]:
        """Names that are not Azure's and were asked for."""
        return self.proxy.strangers

    def variables(self, who: Identity, *, tenant: str = "", secret: str = "") -> dict[str, str]:
        """Return the environment variables with which a process is at this Azure, signed in as `who`."""
        proxy = f"http://127.0.0.1:{self.proxy.port}"
        signed = {
            "AZURE_TENANT_ID": tenant or self.entra.tenant,
            "AZURE_CLIENT_ID": who.client,
            "AZURE_CLIENT_SECRET": secret or who.secret,
        }
        ways = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy)
        return {**signed, **ways, "NO_PROXY": "", "no_proxy": "", "REQUESTS_CA_BUNDLE": str(self.certificates.authority)}

    def place(self, **other: str) -> dict[str, str]:
        """Return what `azure:` of an environment's file says, but for what is given otherwise."""
        own = self.workspace
        return {"tenant": own.tenant, "subscription": own.subscription, "resource_group": own.group, "workspace": own.name, **other}


def key_of(account: str, key: str) -> Any:
    return {"account_name": account, "account_key": key}
