"""What a person with a subscription runs to find out what the loopback cannot: `make azure-acceptance ENV=staging`.

Small jobs of its own go to the workspace that the environment's file names, on a compute that is there; they cost minutes of it. The report that is
printed holds versions, verdicts and times, and no id, name or secret of anybody: it can be sent in as it is.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.api import place, read
from mlops.assets.reference import Reference
from mlops.azure.assets import WorkspaceAssets
from mlops.azure.built_images import built_image
from mlops.azure.connection import connect, place_of
from mlops.azure.failures import told
from mlops.azure.following import word
from mlops.azure.registries import catalogue
from mlops.azure.run import RemoteRun, begin, why_not
from mlops.azure.submission import job_of, submit
from mlops.errors import JobFailed, MlopsError
from mlops.settings import read_environment
from mlops.spec.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops.azure.connection import Connection

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: slipway-acceptance
settings: {{default_compute: azureml:{compute}}}
outputs: {{told: {{type: uri_folder}}}}
jobs:
  first:
    type: command
    display_name: The first step
    command: echo {word}; mkdir -p ${{{{outputs.made}}}}; echo {word} > ${{{{outputs.made}}}}/word.txt
    environment: {{image: {image}}}
    outputs: {{made: {{type: uri_folder}}}}
  second:
    type: command
    command: cp ${{{{inputs.made}}}}/word.txt ${{{{outputs.told}}}}/; {then}
    environment: {{image: {image}}}
    inputs: {{made: "${{{{parent.jobs.first.outputs.made}}}}"}}
    outputs: {{told: "${{{{parent.outputs.told}}}}"}}
"""


@dataclass
class Acceptance:
    """The looks at one workspace, in order; a look that fails does not keep the next from being made."""

    connection: Connection
    compute: str
    folder: Path
    lines: list[str] = field(default_factory=list)
    failed: int = 0

    def look(self, what: str, carry_out: Callable[[], str]) -> None:
        """Carry one out, and write down what came of it and how long it took."""
        began = time.monotonic()
        try:
            said, mark = carry_out(), "yes"
        except MlopsError as error:
            said, mark, self.failed = f"{type(error).__name__}: {error.message}".replace("|", "/"), "**no**", self.failed + 1
        self.lines.append(f"| {what} | {mark} | {time.monotonic() - began:.0f} s | {self._without_names(said)} |")
        print(f"  {mark:<6} {what}", flush=True)

    def _without_names(self, text: str) -> str:
        for name, value in vars(self.connection.settings).items():
            if isinstance(value, str) and value:
                text = text.replace(value, f"({name})")
        return text

    def run(self, name: str, word: str, then: str = "true") -> RemoteRun:
        """Submit a pipeline of two steps."""
        file = self.folder / f"{name}.yml"
        file.write_text(PIPELINE.format(compute=self.compute, image=IMAGE, word=word, then=then), encoding="utf-8")
        pipeline = read(file, {}, assets=WorkspaceAssets(self.folder / "components", lambda: self.connection))
        running = begin(pipeline, self.folder / ".mlops", self.folder, self.connection, {})
        running.submit()
        return running

    def all(self) -> None:
        """Make every look."""
        word = f"word-{int(time.time())}"
        self.look("a pipeline of two steps runs, is followed by name, and its log and output come here", lambda: self.completes(word))
        self.look("the same pipeline again is reused, and the reason is told", lambda: self.reuses(word))
        self.look("a step that fails is told with its log", self.fails)
        self.look("a job is canceled", self.cancels)
        self.look("a job that is submitted again under its name is the same job", self.again)
        self.look("an environment is registered by its content, once; what is told of the image that is built from it", self.assets)

    def completes(self, word: str) -> str:
        running = self.run("completes", word)
        kinds = [f"{type(event).__name__} {getattr(event, 'step', '')}".strip() for event in running.events()]
        error = why_not(running)
        if error:
            raise error
        log = running.record.step_folder("first") / "log.txt"
        _expect("the log is here", condition=log.exists() and word in log.read_text(encoding="utf-8"))
        told_word = Path(running.record.facts["outputs"]["told"]["path"], "word.txt")
        _expect("the output is here", condition=told_word.read_text(encoding="utf-8").strip() == word)
        return ", ".join(kind for kind in dict.fromkeys(kinds) if not kind.startswith("Progress"))

    def reuses(self, word: str) -> str:
        running = self.run("completes", word)
        list(running.events())
        steps = running.record.facts["steps"]
        _expect("both steps are reused", condition={step["state"] for step in steps.values()} == {"reused"})
        return "reason told"

    def fails(self) -> str:
        running = self.run("fails", "sorry", then="echo no more of this; exit 3")
        list(running.events())
        facts = running.record.facts["steps"]["second"]
        _expect(
            "the step failed, with its log", condition=facts["state"] == "failed" and "no more of this" in " ".join(facts.get("tail", ()))
        )
        return str(facts["reason"])

    def cancels(self) -> str:
        running = self.run("cancels", "late", then="sleep 600")
        running.cancel()
        list(running.events())
        _expect("the job is canceled", condition=running.record.facts["state"] == "canceled")
        return "canceled"

    def again(self) -> str:
        running = self.run("again", "twice")
        made = submit(self.connection, job_of(running.pipeline, {}), running.name, "again", again=True)
        _expect("it is the same job", condition=made.name == running.name)
        running.cancel()
        with told("look at the job", where=running.name):
            return word(self.connection.client.jobs.get(running.name).status)

    def assets(self) -> str:
        there = catalogue(self.connection, "environment")
        source = Source(self.folder / "environment.yml", {"name": "slipway-acceptance", "image": IMAGE})
        made, again = there.create(source, None), there.create(source, None)
        _expect("it is the same version", condition=made.version == again.version and not again.new)
        built = built_image(self.connection, made.name, made.version)
        there.archive(Reference(made.name, made.version), archived=True)
        return "the service tells the digest" if built else "the service tells of no image"

    def report(self) -> str:
        """Return what can be sent in."""
        packages = ("azure-ai-ml", "azure-identity", "azure-core", "azure-storage-blob")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
        head = [
            "## Azure acceptance",
            "",
            f"Python {platform.python_version()}, {versions}",
            "",
            "| look | good | time | what was said |",
            "|---|---|---|---|",
        ]
        return "\n".join([*head, *self.lines])


def _expect(what: str, *, condition: bool) -> None:
    if not condition:
        raise JobFailed(f"not so: {what}")


def main(argv: list[str] | None = None) -> int:
    """Make every look at an environment's workspace, print the report, and return 0 where all were good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", help="the file of environments/ that names the workspace, as staging")
    parser.add_argument("--compute", default="cpu-cluster", help="a compute of the workspace (default: cpu-cluster)")
    arguments = parser.parse_args(argv)
    try:
        environment = read_environment(place()[0], arguments.environment)
        connection = connect(place_of(environment), environment.name)
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory(prefix="azure-acceptance-") as folder:
        acceptance = Acceptance(connection, arguments.compute, Path(folder))
        acceptance.all()
        print(f"\n{acceptance.report()}\n\nSend in what stands above: it names nobody and nothing of yours.")
    return 1 if acceptance.failed else 0


if __name__ == "__main__":
    sys.exit(main())
