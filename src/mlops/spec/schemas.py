"""The keys of every schema of the language, and the fate of each on this machine.

One table a schema: `docs/conformance.md` is written from them, and a test holds them against the library of Azure ML itself.
"""

from __future__ import annotations

from mlops.records import replace
from mlops.spec import automl, keys, parallel, spark
from mlops.spec.keys import Key, Table
from mlops.spec.sweep import LIMITS, OBJECTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RESOURCES = {
    "instance_count": Key(keys.counted),
    "instance_type": keys.without_effect(keys.text, "this machine is the instance"),
    "properties": keys.without_effect(keys.mapping, "settings of a compute"),
    "shm_size": keys.without_effect(keys.text, "there is no container"),
    "docker_args": keys.without_effect(why="there is no container"),
    "locations": keys.without_effect(keys.texts, "this machine is the place"),
    "max_instance_count": keys.without_effect(keys.counted, "this machine is the instance"),
}
_IDENTITY = {
    "type": Key(keys.one_of("managed", "managed_identity", "aml_token", "user_identity"), required=True),
    "client_id": Key(keys.text),
    "object_id": Key(keys.text),
}
_SERVICE = {
    "type": Key(keys.text),
    "port": Key(keys.whole),
    "nodes": Key(keys.text),
    "properties": Key(keys.mapping),
    "log_dir": Key(keys.text),
    "ssh_public_keys": Key(keys.text),
}
_QUEUE = {
    "job_tier": Key(keys.one_of("spot", "basic", "standard", "premium", "null")),
    "priority": Key(keys.one_of("low", "medium", "high")),
}
_PLACE = {
    "compute": keys.without_effect(keys.text, "this machine is the compute"),
    "identity": keys.without_effect(keys.mapping, "a step runs as you", inner=_IDENTITY),
    "services": keys.without_effect(keys.mapping, "a step is on this machine: nothing has to be reached", each=_SERVICE),
    "properties": keys.without_effect(keys.mapping, "kept by the service only"),
}
_QUEUED = {
    "queue_settings": keys.without_effect(keys.mapping, "there is no queue", inner=_QUEUE),
}
_NAMED = {
    "$schema": Key(keys.text),
    "type": Key(keys.text),
    "name": Key(keys.text),
    "display_name": Key(keys.text),
    "description": Key(keys.text),
    "tags": Key(keys.strings),
    "inputs": Key(keys.mapping),
    "outputs": Key(keys.mapping),
}
_STORED = {
    "id": keys.without_effect(keys.text, "a stored component's, as the service prints it"),
    "auto_delete_setting": keys.without_effect(keys.mapping, "nothing is deleted by age here"),
}
_COMPONENT = _NAMED | _STORED | {"version": Key(keys.word), "is_deterministic": Key(keys.truth)}
_DETERMINISTIC = {
    "is_deterministic": keys.refused("it belongs to a component", "Write the step as a component file, with is_deterministic in it.")
}
_JOB = (
    _NAMED
    | _PLACE
    | {
        "name": keys.without_effect(keys.text, "a run here is named by its number"),
        "experiment_name": Key(keys.text),
    }
)
_NODE = (
    {name: key for name, key in _NAMED.items() if name != "$schema"}
    | _PLACE
    | _QUEUED
    | {
        "component": Key(),
        "name": keys.without_effect(keys.text, "a step is named by its key"),
        "description": keys.without_effect(keys.text, "a note for the designer's canvas"),
        "tags": keys.without_effect(keys.strings, "tags are those of the pipeline"),
        "comment": keys.without_effect(keys.text, "a note for the designer's canvas"),
        "experiment_name": keys.without_effect(keys.text, "the experiment is the pipeline's"),
    }
)
_PARENT = {"parent_job_name": keys.without_effect(keys.text, "a run has no parent here")}
_LIMITS = {"timeout": Key(keys.seconds)}
_RESOURCES = {"resources": Key(keys.mapping, inner=RESOURCES)}
_SPARK_RESOURCES = {"resources": Key(keys.mapping, inner=spark.RESOURCES)}
_COMMAND = _RESOURCES | {
    "command": Key(keys.text),
    "code": Key(keys.text),
    "environment": Key(),
    "environment_variables": Key(keys.words),
    "distribution": Key(keys.mapping),
    "limits": Key(keys.mapping, inner=_LIMITS),
}
_PARALLEL = _RESOURCES | parallel.KEYS | {"environment_variables": Key(keys.words)}
_SPARK = spark.KEYS | {
    "code": Key(keys.text),
    "environment": Key(),
    "entry": Key(keys.mapping, inner=spark.ENTRY),
}
_SWEEP = _RESOURCES | {
    "trial": Key(required=True),
    "sampling_algorithm": Key(),
    "search_space": Key(keys.mapping),
    "objective": Key(keys.mapping, inner=OBJECTIVE, required=True),
    "early_termination": Key(keys.mapping),
    "limits": Key(keys.mapping, inner=LIMITS, required=True),
}
SETTINGS = {
    "continue_on_step_failure": Key(keys.truth),
    "force_rerun": Key(keys.truth),
    "on_init": Key(keys.text),
    "on_finalize": Key(keys.text),
    "continue_on_failed_optional_input": Key(keys.truth),
    "continue_run_on_failed_optional_input": Key(keys.truth),
    "default_datastore": Key(keys.text),
    "default_compute": keys.without_effect(keys.text, "this machine is the compute"),
}
_INCLUDES = {"additional_includes": Key(keys.texts), "properties": _PLACE["properties"]}


def _optional(table: Table) -> dict[str, Key]:
    """Return the table with nothing required: a job in a pipeline may leave to its component what it does not say."""
    return {name: replace(key, required=False) for name, key in table.items()}


COMPONENTS: Mapping[str, Table] = {
    "command": _COMPONENT | _QUEUED | _COMMAND | _INCLUDES,
    "parallel": _COMPONENT | _PARALLEL | {"properties": _PLACE["properties"]},
    "spark": _COMPONENT | _SPARK | _INCLUDES,
    "pipeline": _COMPONENT | {"jobs": Key(keys.mapping, required=True), "properties": _PLACE["properties"]},
}
"""Components by their type."""

JOBS: Mapping[str, Table] = {
    "command": _JOB | _QUEUED | _PARENT | _DETERMINISTIC | _COMMAND,
    "pipeline": _JOB | {"jobs": Key(keys.mapping), "component": Key(), "settings": Key(keys.mapping)},
    "spark": _JOB | _SPARK_RESOURCES | _SPARK,
    "sweep": _JOB | _QUEUED | _SWEEP,
    "automl": {name: key for name, key in _JOB.items() if name != "inputs"} | _QUEUED | _RESOURCES | automl.KEYS,
}
"""Standalone jobs by their type."""

NODES: Mapping[str, Table] = {
    "command": _NODE | _PARENT | _DETERMINISTIC | _optional(_COMMAND),
    "parallel": _NODE | _optional(_PARALLEL),
    "spark": _NODE | _SPARK_RESOURCES | _optional(_SPARK),
    "sweep": {name: key for name, key in _NODE.items() if name != "component"} | _SWEEP,
    "automl": {name: key for name, key in _NODE.items() if name not in {"component", "inputs", "comment"}} | _RESOURCES | automl.KEYS,
    "pipeline": _NODE
    | {"component": Key(required=True), "settings": keys.without_effect(keys.mapping, "settings are those of the outermost pipeline")},
}
"""Jobs in a pipeline by their type."""

OVER: Mapping[str, frozenset[str]] = {
    "command": frozenset({"display_name", "environment", "environment_variables", "limits", "distribution", "resources"}),
    "parallel": frozenset({*parallel.KEYS, "display_name", "environment_variables", "resources"}),
    "spark": frozenset({*spark.KEYS, "display_name", "environment", "resources"}),
}
"""What a job in a pipeline may set over its component."""

OTHER_TYPES = {
    "data_transfer": "Copy the data in a command step.",
    "import": "Read the data in a command step.",
    "finetuning": "Write the training as a command step.",
    "distillation": "Write the training as a command step.",
}
"""Types of jobs that are not run here -> the nearest thing that is."""
