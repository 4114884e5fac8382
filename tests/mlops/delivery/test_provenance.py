"""Where a model version came from, as a file that the registry can be compared with."""

import json
from pathlib import Path

import pytest

from mlops.cli import main
from mlops.delivery.workspace import open_workspace
from mlops.files import digest_file, digest_folder
from mlops.release.provenance import MADE, made

pytestmark = pytest.mark.slow
RUN = {
    "run": 7,
    "pipeline": "src/pipelines/train.yml",
    "commit": None,
    "dirty": False,
    "user": "ann",
    "started": "2026-11-24T10:00:00.000Z",
    "finished": "2026-11-24T10:01:00.000Z",
    "inputs": {
        "rows": {"type": "integer", "value": 500},
        "table": {"type": "uri_file", "path": "data/a.csv", "digest": "sha256:aa"},
        "tables": {"type": "uri_folder", "path": "data", "digest": "sha256:bb"},
    },
}
FILE = "dist/shops-v1.intoto.json"


@pytest.fixture
def registered(shops, monkeypatch):
    """A version that was registered and moved to staging by ann."""
    for name in ("GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    Path("requirements.lock").write_text("pandas==3.1.1\n")
    Path("model/code").mkdir(parents=True)
    Path("model/MLmodel").write_text("flavors: {}\n")
    Path("model/code/weights").write_text("1 2 3")
    Path("evidence").mkdir()
    Path("evidence/evidence.json").write_text("{}")
    workspace = open_workspace(None)
    tags = {MADE: made(workspace.root, RUN, "")}
    digest = digest_folder(Path("model"))
    version = workspace.registry.register("shops", Path("model"), digest, None, evidence=Path("evidence"), approved=True, tags=tags)
    workspace.registry.move("shops", "staging", version, expected=None, who="ann", reason="looks good")
    return workspace.registry.fetch(version)


def test_a_version_s_provenance_says_how_it_was_made_and_finds_an_altered_file(registered, capsys, bill_program):
    assert main(["provenance", "1", "--sbom"]) == 0
    statement = json.loads(Path(FILE).read_text())
    predicate = statement["predicate"]
    build = predicate["buildDefinition"]
    assert build["externalParameters"] == {
        "model": "shops",
        "version": 1,
        "pipeline": "src/pipelines/train.yml",
        "inputs": {"rows": 500},
    }
    pipeline = next(one for one in build["resolvedDependencies"] if one["name"] == "src/pipelines/train.yml")
    assert f"sha256:{pipeline['digest']['sha256']}" == digest_file(Path("src/pipelines/train.yml"))
    data = {one["name"]: one["digest"] for one in build["resolvedDependencies"] if "uri" in one}
    assert data == {"table": {"sha256": "aa"}, "tables": {"slipwayFolder256": "bb"}}
    assert predicate["runDetails"]["builder"] == {"id": "urn:slipway:laptop"}
    assert [product["name"] for product in predicate["runDetails"]["byproducts"]] == ["model", "evidence"]
    assert predicate["slipway_gate"] == {"approved": True, "against": None}
    assert [(move["environment"], move["by"], move["reason"]) for move in predicate["slipway_moves"]] == [("staging", "ann", "looks good")]
    bill = json.loads(Path("dist/shops-v1.cdx.json").read_text())
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["type"]) == ("shops", "machine-learning-model")
    assert bill["dependencies"] == [{"ref": "model", "dependsOn": ["a"]}]

    Path("requirements.lock").write_text("pandas==4\n")
    assert main(["provenance", "1", "--sbom"]) == 3
    assert "the lock file of shops v1 cannot be had" in capsys.readouterr().err
    assert main(["provenance", "--verify", FILE]) == 0
    told = json.loads(Path(FILE).read_text())
    told["predicate"]["runDetails"]["byproducts"][1]["digest"]["slipwayFolder256"] = "0" * 64
    Path("dist/false.json").write_text(json.dumps(told))
    assert main(["provenance", "--verify", "dist/false.json"]) == 1
    assert "the evidence is another" in capsys.readouterr().err
    chosen = registered / "MLmodel"
    chosen.chmod(0o644)
    chosen.write_text(chosen.read_text() + "\n# altered\n")
    assert main(["provenance", "--verify", FILE]) == 1
    assert "MLmodel was altered" in capsys.readouterr().err
    assert main(["provenance", "1"]) == 1
    assert main(["provenance"]) == main(["provenance", "7"]) == 2
