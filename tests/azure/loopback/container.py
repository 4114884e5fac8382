"""What a deployment runs in: one program that has imported MLflow, and a process forked from it for each deployment, which really serves.

    python -m tests.azure.loopback.container

It reads a line of JSON for each deployment: `model` (the folder), `script` (a scoring script with init() and run(), or none), `log`, `ready` (a file that the port is
written to). A process that cannot load its model ends, and its log says why. All of them end with this one, and this one with whoever holds its standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def main() -> None:
    for name in ("mlflow.pyfunc", "mlflow.sklearn", "pandas", "skops.io", "sklearn.linear_model"):
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    host = os.getpid()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            threading.Thread(target=end_with, args=(host,), daemon=True).start()
            serve(asked)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def end_with(host: int) -> None:
    while os.getppid() == host:
        time.sleep(0.5)
    os._exit(1)


def serve(asked: dict[str, Any]) -> None:
    """Load the model or the script and answer until killed; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        answer = scripted(asked) if asked["script"] else without_code(asked["model"])
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answer))
        scratch = Path(asked["ready"] + ".new")
        scratch.write_text(str(server.server_address[1]))
        scratch.rename(asked["ready"])
        server.serve_forever()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def without_code(folder: str) -> Any:
    """Return what answers as Azure ML serves an MLflow model without code: `predict` of the frame under `input_data`.

    Columns get the types of the model's own example, or else of its signature, before MLflow judges them: a JSON row does not say what an absent number is.
    """
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(folder)
    example, signature = model.metadata.load_input_example(folder), model.metadata.get_input_schema()
    named = zip(signature.input_names(), signature.pandas_types(), strict=True) if signature else ()
    kinds = dict(example.dtypes) if isinstance(example, pd.DataFrame) else dict(named)

    def answer(raw: bytes) -> Any:
        asked = json.loads(raw)["input_data"]
        frame = (
            pd.DataFrame(asked["data"], columns=asked["columns"], index=asked.get("index"))
            if isinstance(asked, dict)
            else pd.DataFrame(asked)
        )
        return model.predict(frame.astype({name: kinds.get(name, object) for name in frame})).tolist()

    return answer


def scripted(asked: dict[str, Any]) -> Any:
    """Return what answers as the inference server does with a script: init() once, run() with the body as text."""
    os.environ["AZUREML_MODEL_DIR"] = str(Path(asked["model"]).parent)
    sys.path.insert(0, str(Path(asked["script"]).parent))
    module = importlib.import_module(Path(asked["script"]).stem)
    module.init()
    return lambda raw: module.run(raw.decode())


def handler(answer: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, told = 200, answer(raw)
            except Exception as error:
                traceback.print_exc()
                sys.stderr.flush()
                status, told = 424, {"error": str(error)}
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


if __name__ == "__main__":
    main()
