"""What our command sends is what azure-ai-ml sends, file by file: ours changes nothing of a user's job on the way.

Compared are all bodies of all PUTs (codes, environments, components, data, jobs), in order, after these replacements and no others:
the job's name (ours is made from file and inputs, theirs drawn by lot) wherever it stands, as `displayName` where the file gives none;
our tag `slipway.run`; and what is drawn anew for every upload: the container, and the names of code that has none, with the versions of components
that have none, which are made from it. Those two are replaced by the number of the PUT that made them, so that who refers to whom is compared.
"""

import json
import re
from pathlib import Path

import pytest
from tests.mlops.spec.cases import CORPUS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("src/pipelines/*.yml"))
FILES += [
    CORPUS / f"{name}.yml"
    for name in (
        "command-outputs",
        "command-least",
        "command-lines",
        "distribution-pytorch",
        "pipeline-bound",
        "pipeline-component",
        "pipeline-embedded",
        "pipeline-everything",
        "pipeline-parallel",
        "pipeline-sweep",
        "spark-least",
        "sweep-grid",
    )
]


def sent(azure, submit):
    """The PUTs that `submit` makes, as kind and body; assets that were sent before are sent anew."""
    azure.workspace.assets.clear()
    start = len(azure.calls)
    name = submit()
    puts = [(call.path.removeprefix(azure.workspace.id).split("/")[1:], call.body) for call in azure.calls[start:] if call.method == "PUT"]
    drawn = {name: "(the job)"}
    for n, (path, _) in enumerate(puts):
        if path[0] in {"codes", "components"}:  # a component without a name is called by its content, and that has the code's name in it
            drawn |= {path[1]: f"({path[0]} {n})"} if path[0] == "codes" else {path[3]: f"({path[0]} {n})"}
    return [(path[0], plain(body, drawn)) for path, body in puts]


def plain(body, drawn):
    """A body without what differs from one submission to the next."""
    if "jobType" in body["properties"]:
        body["properties"]["tags"].pop("slipway.run", None)
    text = json.dumps(body, sort_keys=True)
    for name, instead in drawn.items():
        text = text.replace(name, instead)
    return json.loads(re.sub(r"windows\.net/[0-9a-f]{8}-[0-9a-f]{32}", "windows.net/(a container)", text))


@pytest.fixture
def client(there):
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    own = there.azure.workspace
    return MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False)


@pytest.mark.parametrize(
    "file", [pytest.param(file, id=file.stem, marks=[pytest.mark.e2e] * (file.stem in {"train", "monitor"})) for file in FILES]
)
def test_the_bodies_are_those_of_azure_ai_ml(there, client, file):
    from azure.ai.ml import load_job

    there.azure.jobs.runs = False
    there.azure.workspace.computes |= {"pool"}
    settings = {"model": str(CORPUS / "parts/data")} if file.stem == "batch" else {}

    def by_theirs():
        return client.jobs.create_or_update(
            load_job(file, params_override=[{f"inputs.{key}.path": text} for key, text in settings.items()])
        ).name

    def by_ours():
        from mlops.api import place, read
        from mlops.azure.assets import WorkspaceAssets
        from mlops.azure.connection import connect
        from mlops.azure.run import begin
        from mlops.settings import read_environment

        root, home = place()
        connection = connect(read_environment(root, "staging").azure, "staging")
        pipeline = read(file, settings, complete=False, assets=WorkspaceAssets(home / "components", lambda: connection))
        running = begin(pipeline, home, root, connection, settings)
        running.submit()
        running.detach()
        return running.name

    theirs = sent(there.azure, by_theirs)
    ours = sent(there.azure, by_ours)
    assert [kind for kind, _ in theirs][-1] == "jobs"
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
