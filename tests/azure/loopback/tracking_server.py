"""MLflow's server over one home's database, until standard input ends: prints its port."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mlops.tracking.loopback import Loopback
from mlops.tracking.server import connect, tracking_uri


def main(home: Path) -> None:
    connect(home)
    print(Loopback(home, tracking_uri(home)).address().rpartition(":")[2], flush=True)
    sys.stdin.read()
    os._exit(0)  # it has only read; taking MLflow down piece by piece is seconds for each home


if __name__ == "__main__":
    main(Path(sys.argv[1]))
