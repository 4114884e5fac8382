"""One worker process of a parallel step: it imports the entry script, calls init() once, and run() for each mini-batch that it is given.

python -m mlops.local.kinds.worker NAME SETTINGS, or python worker.py NAME SETTINGS

NAME is what it calls itself; SETTINGS is JSON: the entry script, its arguments, the logging level, the socket, the output folder, and whether
what run() returns is collected. It is given mini-batches, and answers, through a socket in the step's folder, above its working directory.

The second form is for a Python with other packages than this project's: this file imports the standard library alone, and what goes through the
socket is plain lists and text, but for rows where both sides have the same pandas.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import socket
import sys
import traceback
import types
from dataclasses import dataclass, field
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Context:
    """What run() is told beside the mini-batch, where it takes a second argument."""

    minibatch_index: int
    partition_key_value: Mapping[str, Any] = field(default_factory=dict)


def main() -> None:
    """Work until told to stop, or until the driver is gone."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    if __package__ is None:  # run as a file: its folder is not the script's business
        del sys.path[0]
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(settings["socket"])
    driver = Connection(peer.detach())
    driver.send(("hello", (name, pandas_version())))
    logging.basicConfig(level=settings["logging_level"], format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _know_entry_script(settings)
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
            driver.send(_answer(script, batch, collected=settings["collected"]))
    except EOFError:
        return
    if hasattr(script, "shutdown"):
        script.shutdown()


def pandas_version() -> str:
    """Return which pandas is installed here; nothing where none is."""
    try:
        return metadata.version("pandas")
    except metadata.PackageNotFoundError:
        return ""


def _know_entry_script(settings: Mapping[str, Any]) -> None:
    """Make `from azureml_user.parallel_run import EntryScript` work: the service has that module, and no package index does."""

    class EntryScript:
        """What Azure ML tells an entry script about itself; all of them say the same."""

        logger = logging.getLogger("EntryScript")
        working_dir = entry_script_dir = str(Path.cwd())
        output_dir = settings["output_dir"]
        log_dir = str(Path.cwd().parent)

    module = types.ModuleType("azureml_user.parallel_run")
    module.__dict__["EntryScript"] = EntryScript
    package = types.ModuleType("azureml_user")
    package.__dict__.update(parallel_run=module, __path__=[])
    sys.modules.update({"azureml_user": package, "azureml_user.parallel_run": module})


def _load(entry: str, arguments: list[str]) -> types.ModuleType:
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


def _answer(script: types.ModuleType, batch: tuple[int, str, Any, dict[str, Any]], *, collected: bool) -> tuple[str, Any]:
    index, form, items, key = batch
    takes_context = len(inspect.signature(script.run).parameters) > 1
    more = (Context(index, key),) if takes_context else ()
    try:
        result = script.run(_frame(items) if form == "columns" else items, *more)
        count = len(result)
        text = _as_text(result) if collected else ""
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises fails the mini-batch, not the worker
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"
    return "done", (count, text)


def _frame(columns: Mapping[str, list[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def _as_text(result: Any) -> str:
    """Return what run() returned as lines: an element each, or a data frame's rows, blanks between the columns.

    That is the form that Azure ML's append_row has, without a header.
    """
    if hasattr(result, "to_csv"):
        return str(result.to_csv(None, sep=" ", header=False, index=False))
    return "".join(f"{element}\n" for element in result)


if __name__ == "__main__":
    main()
