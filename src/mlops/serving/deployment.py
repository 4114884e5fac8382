"""One deployment as the endpoint sees it: a worker process that serves one version from the shared socket.

Three pipes' ends join them. The *lifeline* is held open by the endpoint only: when the endpoint dies, however that happens, the worker reads
its end and leaves. On the same pipe the worker is told to let go. On *answers* the worker says that it is ready, or why not, and later that
it takes no more connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed

if TYPE_CHECKING:
    import socket

    from mlops.serving.home import Home

START_SECONDS = 90.0
DRAIN_SECONDS = 10.0
"""How long a deployment that was let go may take to answer what it has; then it is killed."""
SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Deployment:
    """A version to serve, and how."""

    model: str
    version: int
    folder: str
    digest: str
    trusted: tuple[str, ...]
    max_body_mb: float
    timeout_seconds: float
    positive: str | None = None
    """The class whose probability is answered; None where the model has none that is so called."""

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Deployment:
        return cls(**facts | {"trusted": tuple(facts["trusted"])})

    def facts(self) -> dict[str, Any]:
        return asdict(self) | {"trusted": list(self.trusted)}


class Worker:
    """A running deployment."""

    def __init__(self, deployment: Deployment, process: asyncio.subprocess.Process, lifeline: int, answers: asyncio.StreamReader) -> None:
        self.deployment = deployment
        self.process = process
        self.pid = process.pid
        self._lifeline: int | None = lifeline
        self._answers = answers

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @classmethod
    async def start(cls, home: Home, listener: socket.socket, deployment: Deployment) -> Worker:
        """Start a deployment, and return it when it is ready: loaded, tried, and taking connections.

        Raises:
            JobFailed: It did not become ready; it has ended, and the message has its reason or its last words.
        """
        log = home.log_of(deployment.version)
        life_r, life_w = os.pipe()
        answer_r, answer_w = os.pipe()
        request = {"home": str(home.path), "listen": listener.fileno(), "lifeline": life_r, "answers": answer_w}
        command = [sys.executable, "-P", "-m", "mlops.serving.worker", json.dumps(request | {"deployment": deployment.facts()})]
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(listener.fileno(), life_r, answer_w),
                env=os.environ | SINGLE_THREADED,
            )
        os.close(life_r)
        os.close(answer_w)
        made = cls(deployment, process, life_w, await _reader(answer_r))
        said = await made._hear(START_SECONDS)
        if said.get("ready"):
            return made
        await made.end(seconds=0)
        reason = said.get("error") or f"it did not become ready; its last words: {_last_lines(log)}"
        raise JobFailed(f"v{deployment.version} was not deployed: {reason}", where=said.get("where") or str(log), hint=said.get("hint"))

    async def _hear(self, seconds: float) -> dict[str, Any]:
        with contextlib.suppress(asyncio.TimeoutError, ValueError):
            line = await asyncio.wait_for(self._answers.readline(), seconds)
            return dict(json.loads(line)) if line else {}
        return {}

    async def let_go(self) -> None:
        """Tell it to take no more connections, and return when it does not; then give it a moment to answer what it has."""
        with contextlib.suppress(OSError):
            if self._lifeline is not None:
                os.write(self._lifeline, b"drain\n")
        await self._hear(5.0)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.process.wait(), 1.0)

    async def end(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let it answer what it has, and see it gone."""
        with contextlib.suppress(OSError):
            if self._lifeline is not None:
                os.write(self._lifeline, b"drain\n")
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        self.close()

    def close(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


async def _reader(handle: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb"))
    return reader


def _last_lines(log: Any, count: int = 8) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join(lines[-count:]) or "none"
