"""Runs one file with the local engine and prints what happens, a line of JSON for each event: the loopback's compute."""

from __future__ import annotations

import json
import sys

from mlops.api import prepare
from mlops.engine.events import to_json


def main(file: str) -> None:
    running = prepare(file)
    print(json.dumps({"event": "Folder", "folder": str(running.record.folder)}), flush=True)
    for event in running.events():
        print(json.dumps(to_json(event)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
