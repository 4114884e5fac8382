"""A small fork whose first version is in production already, copied for each test: what it took to get there was itself a run of `deliver`."""

import shutil
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.mlops.ci.loopback import Loopback
from tests.mlops.delivery.conftest import FILES
from tests.mlops.workflows.repository import ROOT, TOKEN, Ran, Repository

ACT = Path(sys.prefix) / "tools/bin/act"
ADA, BEN = "ada", "ben"
"""Ada writes, Ben approves."""

PIPELINE = """
        type: pipeline
        experiment_name: shops
        inputs:
          rows: 3000
          blind: 0.8
          contract: {type: uri_file, path: ../../data/shops.odcs.yml}
          data: {type: uri_file, path: ../../data/shops.csv}
        outputs:
          model: {type: mlflow_model}
          test: {type: uri_file}
          evaluation: {type: uri_folder}
        jobs:
          validate:
            type: command
            component: ./validate.yml
            inputs:
              contract: ${{parent.inputs.contract}}
              data: ${{parent.inputs.data}}
          train:
            type: command
            code: ../project
            environment: azureml:any@latest
            command: >-
              python train.py --rows ${{inputs.rows}} --blind ${{inputs.blind}} --valid "${{inputs.valid}}"
              --model "${{outputs.model}}" --test "${{outputs.test}}" --evaluation "${{outputs.evaluation}}"
            inputs:
              valid: ${{parent.jobs.validate.outputs.valid}}
              rows: ${{parent.inputs.rows}}
              blind: ${{parent.inputs.blind}}
            outputs:
              model: ${{parent.outputs.model}}
              test: ${{parent.outputs.test}}
              evaluation: ${{parent.outputs.evaluation}}
"""
VALIDATE = """
        $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
        type: command
        name: validate
        inputs:
          contract: {type: uri_file}
          data: {type: uri_file}
        outputs:
          valid: {type: uri_folder}
          quarantine: {type: uri_folder}
          report: {type: uri_folder}
        code: ../project
        environment: azureml:any@latest
        command: >-
          python raw.py "${{inputs.data}}" raw && python -m mlops.contract --contract "${{inputs.contract}}" --data raw
          --valid "${{outputs.valid}}" --quarantine "${{outputs.quarantine}}" --report "${{outputs.report}}"
"""
CONTRACT = """
        version: 1.0.0
        kind: DataContract
        apiVersion: v3.0.2
        id: shops
        status: active
        schema:
          - name: shops
            properties:
              - {name: a, logicalType: number, required: true, logicalTypeOptions: {minimum: -10, maximum: 10}}
              - {name: returned, logicalType: integer}
            customProperties:
              - {property: leakage, value: [returned]}
"""
RAW = """
import sys
from pathlib import Path

import pandas as pd

Path(sys.argv[2]).mkdir()
pd.read_csv(sys.argv[1]).to_parquet(Path(sys.argv[2], "shops.parquet"))
"""
PROJECT = """
        [project]
        name = "shops"
        version = "0.1.0"
        requires-python = ">=3.11"
        [build-system]
        requires = ["uv_build>=0.9,<1"]
        build-backend = "uv_build"
        [tool.uv.build-backend]
        module-name = "mlops"
        [tool.pytest.ini_options]
        testpaths = ["tests"]
        addopts = "-q -p no:cacheprovider"
        markers = ["slow: slow", "workflows: workflows"]
        [tool.ruff]
        exclude = ["src/mlops"]
        [tool.mypy]
        mypy_path = "src"
        files = ["src/mlops/errors.py"]
"""


# The copies of the workflows lack the key that act does not know, and actionlint asks for.
ACTIONLINT = """
        paths:
          .github/workflows/comment.yml:
            ignore: [no explicit cache access limit]
"""


class _Advisories(BaseHTTPRequestHandler):
    """Answers as OSV does: nothing is known against any package."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def advisories():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Advisories)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    server.shutdown()
    server.server_close()


def fork_files(advisories: str) -> dict[str, str]:
    """A team's own files, on top of the machinery of here; `advisories` is where known weaknesses are asked for."""
    train = FILES["src/project/train.py"].replace('add_argument("--rows"', 'add_argument("--valid")\nparser.add_argument("--rows"')
    train = train.replace("test.to_parquet(", 'test.assign(month="2024-01").to_parquet(')
    return {
        **FILES,
        "src/project/train.py": train,
        "src/project/project.yml": FILES["src/project/project.yml"].replace("target: late", "window: month\n            target: late"),
        "src/project/raw.py": RAW,
        "src/pipelines/train.yml": PIPELINE,
        "src/pipelines/validate.yml": VALIDATE,
        "data/shops.odcs.yml": CONTRACT,
        "data/shops.csv": "a,returned\n" + "".join(f"{n / 10},0\n" for n in range(50)),
        "pyproject.toml": PROJECT,
        "README.md": "# Shops\n",
        ".github/audit.yml": (ROOT / ".github/audit.yml").read_text().replace("service: pypi", f"service: osv\n  url: {advisories}"),
        ".github/zizmor.yml": (ROOT / ".github/zizmor.yml").read_text(),
        ".github/actionlint.yaml": ACTIONLINT,
        "tests/contract/test_layout.py": "def test_the_pages():\n    assert True\n",
        "tests/project/test_train.py": "def test_it():\n    assert 1 + 1 == 2\n",
        "environments/production.yml": "where: local\nserve: {port: 0}\ntest: {smoke_requests: 10}\nwatch: {seconds: 0.5}\n",
    }


@pytest.fixture
def github():
    """GitHub's API for the fork: Ben may approve, and nobody has yet; what it was asked must keep GitHub's description."""
    with Loopback("acme/shops", TOKEN) as server:
        server.environment("staging")
        server.environment("production", [BEN])
        yield server
    assert server.violations == []


def approve(server: Loopback, run: int, by: str = BEN) -> None:
    """What the reviewers' page writes down for a run."""
    person = {"login": by, "id": server.people.setdefault(by, 200 + len(server.people)), "type": "User"}
    server.approvals.setdefault(run, []).append(
        {"state": "approved", "comment": "", "environments": [{"name": "production"}], "user": person}
    )


@pytest.fixture(scope="session")
def delivered(tmp_path_factory, advisories) -> tuple[Repository, Ran]:
    """The fork after its first merge: v1 is in production, and how the run went."""
    if not ACT.exists():
        pytest.skip("act is not installed here: make test sets it up in .venv/tools")
    place = tmp_path_factory.mktemp("fork")
    with Loopback("acme/shops", TOKEN) as server:
        server.environment("production", [BEN])
        made = Repository(place, ACT, {"GITHUB_API_URL": server.url})
        made.make(fork_files(advisories))
        server.commits[made.git("rev-parse", "HEAD")] = ADA
        approve(server, 1)
        ran = made.run("push", "deliver", {"before": "0" * 40})
        assert server.violations == []
    return made, ran


@pytest.fixture
def fork(delivered, github, tmp_path) -> Repository:
    """A copy of the delivered fork, that the test may do with what it likes."""
    made, ran = delivered
    assert ran.code == 0, ran.log[-6000:]
    for name in ("clone", "origin.git"):
        shutil.copytree(made.place / name, tmp_path / name, symlinks=True)
    copy = replace(made, place=tmp_path, env={"GITHUB_API_URL": github.url}, number=10)
    copy.git("config", "--unset", f"url.{made.origin}.insteadOf")
    copy.git("config", f"url.{copy.origin}.insteadOf", "https://github.com/acme/shops")
    copy.commit("Audit elsewhere", {"project.mk": "audit:\n\t@echo the audit was run for the first merge of this fork\n"})
    copy.git("push", "--quiet", "origin", "main")
    return copy
