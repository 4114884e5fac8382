"""One worker process of a parallel step: it imports the entry script, calls init() once, and run() for each mini-batch that it is given.

python -m mlops.local.kinds.worker NAME SETTINGS

NAME is what it calls itself; SETTINGS is JSON: the entry script, its arguments, the logging level. It is given mini-batches, and answers,
through a socket in the step's folder, above its working directory.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import socket
import sys
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.local.kinds.batches import SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from mlops.local.kinds.batches import Batch


@dataclass(frozen=True)
class Context:
    """What run() is told beside the mini-batch, where it takes a second argument."""

    minibatch_index: int
    partition_key_value: Mapping[str, Any] = field(default_factory=dict)


def main() -> None:
    """Work until told to stop, or until the driver is gone."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(SOCKET)
    driver = Connection(peer.detach())
    driver.send(("hello", name))
    logging.basicConfig(level=settings["logging_level"], format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        script = _load(settings["entry_script"], settings["arguments"])
        if hasattr(script, "init"):
            script.init()
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is told to the driver
        traceback.print_exc()
        driver.send(("unusable", f"{type(error).__name__}: {error}"))
        raise SystemExit(1) from None
    driver.send(("ready", name))
    try:
        while (batch := driver.recv()) is not None:
            driver.send(_answer(script, batch))
    except EOFError:
        return
    if hasattr(script, "shutdown"):
        script.shutdown()


def _load(entry: str, arguments: list[str]) -> ModuleType:
    """Import the entry script as a module, its arguments where argparse finds them."""
    path = Path(entry).resolve()
    sys.argv = [entry, *arguments]
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        message = f"{entry} is no Python file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "run"):
        message = f"{entry} has no function run(mini_batch)"
        raise AttributeError(message)
    return module


def _answer(script: ModuleType, batch: Batch) -> tuple[str, Any]:
    takes_context = len(inspect.signature(script.run).parameters) > 1
    more = (Context(batch.index, dict(batch.key)),) if takes_context else ()
    try:
        result = script.run(batch.items, *more)
        count = len(result)
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises fails the mini-batch, not the worker
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"
    return "done", (count, result if hasattr(result, "to_csv") else list(result))


if __name__ == "__main__":
    main()
