"""What GitHub's runner does before a job's first step: one with `id-token: write` may ask who it is, and no other. act does not look at permissions.

The service behind SLIPWAY_TOKENS (tests/azure/loopback/issuer.py) is told the job's subject, as GitHub documents it, and says what to ask with.
"""

import json
import os
import urllib.request
from pathlib import Path

import yaml

found = [
    job
    for path in sorted(Path(".github/workflows").glob("*.yml"))
    for name, job in yaml.safe_load(path.read_text())["jobs"].items()
    if name == os.environ["GITHUB_JOB"] and "steps" in job
]
assert len(found) == 1, os.environ["GITHUB_JOB"]
if found[0].get("permissions", {}).get("id-token") == "write":
    kind = "pull_request" if os.environ["GITHUB_EVENT_NAME"] == "pull_request" else f"ref:{os.environ['GITHUB_REF']}"
    context = f"environment:{found[0]['environment']}" if "environment" in found[0] else kind
    body = json.dumps({"subject": f"repo:{os.environ['GITHUB_REPOSITORY']}:{context}"}).encode()
    with urllib.request.urlopen(f"{os.environ['SLIPWAY_TOKENS']}/jobs", body) as answer:
        given = json.load(answer)
    with open(os.environ["GITHUB_ENV"], "a") as file:
        file.writelines(f"{name}={value}\n" for name, value in given.items())
