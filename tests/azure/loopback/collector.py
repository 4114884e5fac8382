"""What a deployment's data collector keeps: rows and answers of each request, as lines of JSON in the workspace's blob store.

Only of a deployment without a scoring script: with one, the script itself collects. The path, and that inputs and outputs of a request share an id, are as
Microsoft's page on collecting production data has them.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .endpoints import Deployment
    from .workspace import Workspace


def keep(workspace: Workspace, endpoint: str, one: Deployment, raw: bytes, answer: bytes) -> None:
    """Append what was asked and answered to the collections that the deployment has turned on."""
    properties = one.body["properties"]
    wanted = (properties.get("dataCollector") or {}).get("collections") or {}
    if properties.get("codeConfiguration") or not wanted:
        return
    asked = json.loads(raw)["input_data"]
    rows = [dict(zip(asked["columns"], row, strict=True)) for row in asked["data"]]
    kept = {"model_inputs": rows, "model_outputs": [{"output": value} for value in json.loads(answer)]}
    request, now = str(uuid.uuid4()), datetime.now(UTC)
    client = workspace.blobs.get_container_client("azureml-blobstore")
    for name, data in kept.items():
        if str(wanted.get(name, {}).get("dataCollectionMode", "")).lower() != "enabled":
            continue
        line: dict[str, Any] = {"specversion": "1.0", "type": f"azureml.inference.{name}", "time": now.isoformat(), "data": data}
        line |= {"id": str(uuid.uuid4()), "correlationid": request, "datacontenttype": "application/json"}
        blob = client.get_blob_client(f"modelDataCollector/{endpoint}/{one.name}/{name}/{now:%Y/%m/%d/%H}/instance.jsonl")
        if not blob.exists():
            blob.create_append_blob()
        blob.append_block(json.dumps(line).encode() + b"\n")
