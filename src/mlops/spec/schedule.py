"""Azure ML schedules, from YAML to a frozen `Schedule` (schemas: `schedule`, `monitorSchedule`).

Every mistake of the file and of the pipeline that it names is found here and told at once, before anything is asked of the service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.errors import SpecError
from mlops.records import dataclass
from mlops.spec import keys
from mlops.spec.keys import Key, Table
from mlops.spec.monitor import judge_monitor
from mlops.spec.pipeline import load_pipeline
from mlops.spec.reading import Here, Reading
from mlops.spec.recognition import is_schedule
from mlops.spec.schemas import SETTINGS
from mlops.spec.source import did_you_mean, read
from mlops.spec.trigger import Trigger, read_trigger
from mlops.spec.values import ASSET_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.spec.references import Assets
    from mlops.spec.source import Source
    from mlops.spec.values import Pipeline

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
_JOB = re.compile(r"azureml:.+")
_MACRO = "${{"
_SERVICE = "it is what the service says of a schedule"


def _name(value: Any) -> str | None:
    """A name that Azure ML takes."""
    right = isinstance(value, str) and _NAME.fullmatch(value)
    return None if right else f"{value!r} cannot name a schedule: letters, digits, - and _, a letter or digit first"


SCHEDULE: Table = {
    "$schema": Key(keys.text),
    "name": Key(_name, required=True),
    "display_name": Key(keys.text),
    "description": Key(keys.text),
    "tags": Key(keys.strings),
    "properties": Key(keys.strings),
    "trigger": Key(required=True),
    "create_job": Key(),
    "create_monitor": Key(),
    "import_data": keys.refused("data are not imported by this project", "az ml schedule create takes it."),
    "is_enabled": keys.refused(_SERVICE, "mlops schedule enable NAME, mlops schedule disable NAME"),
    "provisioning_state": keys.refused(_SERVICE, "Leave it out."),
    "creation_context": keys.refused(_SERVICE, "Leave it out."),
}
CREATE_JOB: Table = {
    "type": Key(keys.one_of("pipeline"), required=True),
    "job": Key(keys.text, required=True),
    "name": keys.refused("each job gets a name of its own", "Leave it out."),
    "display_name": Key(keys.text),
    "description": Key(keys.text),
    "experiment_name": Key(keys.text),
    "tags": Key(keys.strings),
    "properties": Key(keys.mapping),
    "identity": Key(keys.mapping),
    "compute": Key(keys.text),
    "inputs": Key(keys.mapping),
    "outputs": Key(keys.mapping),
    "settings": Key(keys.mapping, inner=SETTINGS),
}


@dataclass(frozen=True)
class Schedule:
    """What a schedule's file says."""

    source: Source
    name: str
    trigger: Trigger
    pipeline: Pipeline | None = None
    """What it runs, where that is a file of this project."""
    job: str = ""
    """The job of the workspace that it runs again: azureml:NAME."""

    @property
    def monitors(self) -> bool:
        return "create_monitor" in self.source.value

    @property
    def does(self) -> str:
        """What happens when it is due, in a word."""
        return "monitor" if self.monitors else f"run {self.pipeline.path.name if self.pipeline else self.job}"


def load_schedule(path: Path, assets: Assets | None = None) -> Schedule:
    """Read and check a schedule's file, with the pipeline that it names.

    Args:
        path: The YAML file.
        assets: Who knows what references such as `azureml:name:1` are.

    Raises:
        SpecError: With every mistake at its file and line.
    """
    return read_schedule(read(path), assets)


def read_schedule(source: Source, assets: Assets | None = None) -> Schedule:
    """Return what a file says that was read already; the rest as `load_schedule`.

    Raises:
        SpecError: With every mistake at its file and line.
    """
    body = source.value
    if not isinstance(body, dict) or not is_schedule(body):
        raise source.fail((), "this is no schedule's file", "A schedule has a `trigger`, and `create_job` or `create_monitor`.")
    here = Here(source, (), Reading(assets=assets))
    here.judge(body, SCHEDULE, "a schedule")
    trigger = read_trigger(here.at("trigger"), body.get("trigger"))
    if ("create_job" in body) == ("create_monitor" in body):
        here.note("a schedule has either `create_job` or `create_monitor`", "create_job: ./train.yml", at_key=True)
    pipeline, job = None, ""
    if body.get("create_job") is not None:
        pipeline, job = _what(here.at("create_job"), body["create_job"])
    elif "create_monitor" in body:
        judge_monitor(here.at("create_monitor"), body["create_monitor"])
    if here.reading.problems or trigger is None:
        raise SpecError(list(dict.fromkeys(here.reading.problems)))
    return Schedule(source, str(body["name"]), trigger, pipeline, job)


def _what(here: Here, given: Any) -> tuple[Pipeline | None, str]:
    """Return the pipeline, or the job of the workspace, that `create_job` names."""
    over = given if isinstance(given, dict) else {}
    at = here.at("job") if isinstance(given, dict) else here
    text = over.get("job") if isinstance(given, dict) else given
    if isinstance(given, dict):
        here.judge(given, CREATE_JOB, "`create_job`")
    if not isinstance(text, str):
        if not isinstance(given, dict):
            here.note("`create_job` is a pipeline's file, azureml:JOB, or a mapping with `type` and `job`")
        return None, ""
    if _JOB.fullmatch(text):
        return None, text
    path = at.beside(text)
    if not path.is_file():
        at.note(f"there is no file {text!r}", f"It would be {path}")
        return None, ""
    return _pipeline(here, path, over.get("inputs") if isinstance(over.get("inputs"), dict) else {}), ""


def _pipeline(here: Here, path: Path, inputs: Mapping[str, Any] | None) -> Pipeline | None:
    """Return the pipeline that is to run, with the inputs that the schedule gives it."""
    try:
        bare, body = load_pipeline(path, complete=False, assets=here.reading.assets), read(path).value
    except SpecError as error:
        here.reading.problems += error.problems
        return None
    if not body.keys() & {"jobs", "component"}:
        here.note("a schedule runs pipelines alone", "Make the job a step of a pipeline: jobs: {...}")
        return None
    given = inputs or {}
    for name in given:
        if name not in bare.inputs:
            hint = did_you_mean(str(name), bare.inputs, label="inputs")
            here.at("inputs", name).note(f"the pipeline has no input called {name!r}", hint, at_key=True)
    return _given(here, path, bare, {name: value for name, value in given.items() if name in bare.inputs})


def _given(here: Here, path: Path, bare: Pipeline, inputs: Mapping[str, Any]) -> Pipeline | None:
    """Read the pipeline again as it will run; macros of the service are whatever they are."""
    settings, macros = {}, False
    for name, value in inputs.items():
        declared, text = bare.inputs[name], value.get("path") if isinstance(value, dict) else value
        if text is None or _MACRO in str(text):
            macros = True
        elif declared.type in ASSET_TYPES and not isinstance(value, dict):
            here.at("inputs", name).note(f"{name!r} is a {declared.type}: give it a `path`", f"{name}: {{path: {value}}}")
        elif declared.type in ASSET_TYPES:
            settings[name] = str(text) if ":" in str(text) else str((path.parent / str(text)).resolve())
        elif complaint := declared.complaint(text):
            here.at("inputs", name).note(f"{name!r}: {complaint}")
        else:
            settings[name] = str(text).lower() if isinstance(text, bool) else str(text)
    if here.reading.problems:
        return None
    try:
        return load_pipeline(path, settings, complete=not macros, assets=here.reading.assets)
    except SpecError as error:
        here.reading.problems += error.problems
        return None
