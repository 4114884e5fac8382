"""One job file, submitted: the same body as azure-ai-ml makes of it, under a name that a second try finds again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.ai.ml import load_job
from azure.ai.ml.entities import PipelineJob
from azure.core.exceptions import ResourceNotFoundError
from marshmallow import ValidationError

from mlops.azure.failures import clean, told
from mlops.azure.names import owner_tag
from mlops.errors import UsageError
from mlops.spec.references import is_reference
from mlops.spec.values import ASSET_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.ai.ml.entities import Job

    from mlops.azure.connection import Connection
    from mlops.spec.values import Pipeline

TAG = "slipway.run"
"""The tag of ours that a job carries: which run of which machine it is."""


def name_of(pipeline: Pipeline, settings: Mapping[str, str], run: str) -> str:
    """Return the job's name: of the file, its inputs and `run`, so that the same run submitted twice is one job.

    Azure ML takes letters, digits, dashes and underscores, 255 at most.
    """
    facts = [run, pipeline.path.name, pipeline.path.read_text(encoding="utf-8"), sorted(settings.items())]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    stem = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in pipeline.path.stem.lower())
    return f"{stem.strip('-')[:40] or 'job'}-{digest}"


def job_of(pipeline: Pipeline, settings: Mapping[str, str], *, force: bool = False, compute: str = "") -> Job:
    """Read the file as azure-ai-ml does, with the given inputs in their places.

    With `force`, Azure ML reuses nothing; `compute` is where all goes that names no compute of its own.

    Raises:
        UsageError: azure-ai-ml does not take it.
    """
    hint = "Control flow needs AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED=true; a step called yes, no, on or off is a truth to azure-ai-ml."
    with told("read the job", where=str(pipeline.path)), silent(), taken(pipeline.path, hint):
        job = load_job(pipeline.path, params_override=[_override(pipeline, name, text) for name, text in settings.items()])
        if force and isinstance(job, PipelineJob):
            job.settings.force_rerun = True
    if compute and isinstance(job, PipelineJob):
        job.settings.default_compute = compute
    elif compute:
        job.compute = compute
    return job


@contextlib.contextmanager
def taken(path: Path, hint: str) -> Iterator[None]:
    """Let azure-ai-ml read a file.

    Raises:
        UsageError: It does not take it.
    """
    try:
        yield
    except (ValidationError, TypeError, ValueError, KeyError, AttributeError) as error:  # the last four are its own, over its own messages
        raise UsageError(f"azure-ai-ml does not take it: {clean(error)}", where=str(path), hint=hint) from error


def called(job: Job) -> dict[str, str]:
    """Return what the service calls steps that have a name of their own to be shown -> the step."""
    nodes = job.jobs if isinstance(job, PipelineJob) else {}
    return {str(node.display_name): name for name, node in nodes.items() if getattr(node, "display_name", None)}


def _override(pipeline: Pipeline, name: str, text: str) -> dict[str, Any]:
    if pipeline.inputs[name].type not in ASSET_TYPES:
        return {f"inputs.{name}": text}
    path = text if is_reference(text) else str(Path(text).resolve())
    return {f"inputs.{name}.path": path}


def submit(connection: Connection, job: Job, name: str, tag: str, *, again: bool = False) -> Job:
    """Submit a job under `name`; `again`, return the one that has it already, of a try before this one whose answer was lost.

    It carries our `tag`, and who pays in this environment, unless the file itself names another.

    Raises:
        UsageError: The service refuses it.
        PlatformError: It cannot be reached, or not now.
    """
    jobs, where = connection.client.jobs, connection.settings.workspace
    with told("submit the job", where=where), silent():
        with contextlib.suppress(ResourceNotFoundError):
            if again:
                return jobs.get(name)
        job.name = name
        job.tags = {**owner_tag(connection.settings), **(job.tags or {}), TAG: tag}
        return jobs.create_or_update(job)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep azure-ai-ml from writing bars and notices into the middle of the tree."""
    logger = logging.getLogger("azure.ai.ml")
    before, logger.disabled = logger.level, False
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
