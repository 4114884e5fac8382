"""What our command sends, beside what a bare `MLClient` sends of the same file: `python -m tests.azure.bodies FOLDER` compares every job below a folder.

Compared are all bodies of all PUTs (codes, environments, components, data, jobs), in order, after these replacements and no others:
the job's name (ours is made from file and inputs, theirs drawn by lot) wherever it stands, as `displayName` where the file gives none;
our tags `slipway.run` and `cost-owner` on the job; and what is drawn anew for every upload: the container, and the names of code that has none, with the versions of components
that have none, which are made from it. Those two are replaced by the number of the PUT that made them, so that who refers to whom is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml
from tests.azure.loopback import Loopback
from tests.azure.loopback.azurite import VERSION

from mlops.errors import MlopsError

ROOT = Path(__file__).parents[2]
SAME, ONLY_ASSETS, REFUSED = "the same bodies", "refused by both, with the same bodies before", "azure-ai-ml itself does not take it"
OUR_ENGINE, DIFFER = "our engine does not take it", "DIFFERENT"


def sent(azure, submit):
    """Return the PUTs that `submit` makes, as kind and body, and the error that it ended in; assets that were sent before are sent anew."""
    azure.workspace.assets.clear()
    start, name, error = len(azure.calls), "", None
    try:
        name = submit()
    except Exception as raised:
        error = raised
    puts = [(call.path.removeprefix(azure.workspace.id).split("/")[1:], call.body) for call in azure.calls[start:] if call.method == "PUT"]
    drawn = {name or next((path[1] for path, _ in puts if path[0] == "jobs"), "(none)"): "(the job)"}
    for n, (path, _) in enumerate(puts):
        if path[0] in {"codes", "components"}:  # a component without a name is called by its content, and that has the code's name in it
            drawn |= {path[1]: f"({path[0]} {n})"} if path[0] == "codes" else {path[3]: f"({path[0]} {n})"}
    return [(path[0], plain(body, drawn)) for path, body in puts], error


def plain(body, drawn):
    """Return a body without what differs from one submission to the next."""
    if "jobType" in body["properties"]:
        for name in ("slipway.run", "cost-owner"):
            body["properties"]["tags"].pop(name, None)
    text = json.dumps(body, sort_keys=True)
    for name, instead in drawn.items():
        text = text.replace(name, instead)
    return json.loads(re.sub(r"windows\.net/[0-9a-f]{8}-[0-9a-f]{32}", "windows.net/(a container)", text))


def by_theirs(client, file, settings):
    """Submit a file as a program on azure-ai-ml does; return the job's name."""
    from azure.ai.ml import load_job

    override = [{f"inputs.{key}.path": text} for key, text in settings.items()]
    return client.jobs.create_or_update(load_job(file, params_override=override)).name


def by_ours(connection, root, home, file, settings):
    """Submit a file as our command does; return the job's name."""
    from mlops.api import read
    from mlops.azure.assets import WorkspaceAssets
    from mlops.azure.run import begin

    pipeline = read(file, settings, complete=False, assets=WorkspaceAssets(home / "components", lambda: connection))
    running = begin(pipeline, home, root, connection, settings)
    try:
        running.submit()
    finally:
        running.record.close()
    return running.name


def compared(azure, client, connection, home, file, settings):
    """Return what became of one file: one of the outcomes above, and more of it where it is not the same."""
    theirs, their_error = sent(azure, lambda: by_theirs(client, file, settings))
    try:
        ours, our_error = sent(azure, lambda: by_ours(connection, file.parent, home, file, settings))
    finally:
        azure.service.violations.clear()
    if their_error is not None and not theirs and not ours:
        return REFUSED, str(their_error)
    if isinstance(our_error, MlopsError) and not ours:
        return OUR_ENGINE, our_error.message
    differing = next(
        (f"{kind}: {difference(mine, other)}" for (kind, mine), (_, other) in zip(ours, theirs, strict=False) if mine != other), ""
    )
    if differing or len(ours) != len(theirs) or (our_error is None) != (their_error is None):
        return DIFFER, differing or f"{len(ours)} and {len(theirs)} bodies; {our_error} / {their_error}"
    return (SAME, "") if their_error is None else (ONLY_ASSETS, str(their_error))


def difference(mine, other, at="$"):
    """Return where two bodies begin to differ, and in what."""
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in sorted({*mine, *other}):
            if mine.get(key, "(none)") != other.get(key, "(none)"):
                return difference(mine.get(key, "(none)"), other.get(key, "(none)"), f"{at}.{key}")
    return f"{at}: {json.dumps(mine)[:120]} / {json.dumps(other)[:120]}"


def is_job(file):
    """Whether a file is a job that may be submitted."""
    try:
        told = yaml.safe_load(file.read_text())
    except yaml.YAMLError:
        return False
    if not isinstance(told, dict):
        return False
    schema = str(told.get("$schema", "")).lower()
    return "job.schema" in schema or (
        "schema" not in schema and told.get("type") in {"pipeline", "command", "sweep", "spark", "automl"} and "version" not in told
    )


def open_workspace(azure, folder):
    """Let the workspace have what the files of a folder only name: computes, data, environments."""
    for file in folder.rglob("*.yml"):
        text = file.read_text(errors="replace")
        azure.workspace.computes |= set(re.findall(r"(?:default_compute|compute|compute_target): *[\"']?azureml:([\w-]+)", text))
        azure.workspace.curated |= {f"{name}:1" for name in re.findall(r"azureml:([\w.-]+)@latest", text)}


def main(folder):
    # What was registered once would not be sent by whoever comes second, and in no order.
    os.environ |= dict.fromkeys(("AZURE_ML_DISABLE_ON_DISK_CACHE", "AZURE_ML_DISABLE_CONCURRENT_COMPONENT_REGISTRATION"), "true")
    os.environ.setdefault("AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED", "true")
    counts, started = Counter(), Path.cwd()
    with tempfile.TemporaryDirectory() as scratch, Loopback(Path(scratch), Path(sys.prefix) / f"azurite-{VERSION}") as azure:
        os.environ.update(azure.variables(azure.scientist))
        azure.jobs.runs = False
        open_workspace(azure, folder)
        from azure.ai.ml import MLClient
        from azure.identity import EnvironmentCredential

        from mlops.azure.connection import connect
        from mlops.settings import AzureSettings

        own = azure.workspace
        client = MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False)
        connection = connect(AzureSettings(**azure.place(), cost_owner="somebody"), "loopback")
        for n, file in enumerate(sorted(path for path in folder.rglob("*.yml") if is_job(path))):
            os.chdir(file.parent)
            outcome, more = compared(azure, client, connection, Path(scratch, "home", str(n)), file, {})
            counts[outcome] += 1
            print(f"{file.relative_to(folder)}: {outcome}{f': {more[:300]}' if more else ''}".replace("\n", " "), flush=True)
        os.chdir(started)
    print("\n| outcome | files |\n|---|---|")
    for outcome, count in counts.most_common():
        print(f"| {outcome} | {count} |")
    return 1 if counts[DIFFER] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    sys.exit(main(parser.parse_args().folder.resolve()))
