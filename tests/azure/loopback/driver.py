"""Runs one file with the local engine and prints what happens, a line of JSON for each event: the loopback's compute."""

from __future__ import annotations

import json
import sys

from mlops.api import prepare
from mlops.engine.events import to_json


def main(file: str) -> None:
    running = prepare(file)
    pipeline = running.pipeline
    facts = {
        "folder": str(running.record.folder),
        "steps": list(pipeline.steps),
        "bound": {name: f"{made.step}/{made.output}" for name, made in pipeline.outputs.items()},
        "types": {f"{step.name}/{name}": made.type for step in pipeline.steps.values() for name, made in step.component.outputs.items()},
    }
    print(json.dumps({"event": "Folder", **facts}), flush=True)
    for event in running.events():
        print(json.dumps(to_json(event)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
