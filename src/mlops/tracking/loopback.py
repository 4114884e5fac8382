"""MLflow's REST interface over our own database, for steps whose MLflow is of another version: it may not open the database, and need not.

It is a thread of this process, so that nothing is left when the process ends, however it ends. It listens on this machine's own address only.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Loopback:
    """A server that begins with the first question for its address.

    Args:
        home: The state folder.
        uri: The database that it serves, as `sqlite:///...`.
    """

    home: Path
    uri: str
    _server: Any = field(default=None, init=False)

    def address(self) -> str:
        """Return the address, `http://127.0.0.1:PORT`; the server is made where it is not up yet, which imports MLflow's."""
        if self._server is None:
            import logging

            from mlflow.server import app
            from mlflow.server.handlers import initialize_backend_stores
            from werkzeug.serving import make_server

            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            initialize_backend_stores(self.uri, self.uri, (self.home / "mlflow-artifacts").absolute().as_uri())
            self._server = make_server("127.0.0.1", 0, app, threaded=True)
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End the server, if it was ever asked for."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
