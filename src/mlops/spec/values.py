"""What a pipeline file says, as frozen values. Nothing here runs, reads a file or knows a machine."""

from __future__ import annotations

import math

from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mlops.spec.source import Keys, Source

LITERAL_TYPES = frozenset({"string", "number", "integer", "boolean"})
FILE_TYPES = frozenset({"uri_file"})
FOLDER_TYPES = frozenset({"uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
ASSET_TYPES = FILE_TYPES | FOLDER_TYPES
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in its file, so that a mistake found later is still told with its line."""

    source: Source = field(repr=False)
    keys: Keys


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input of a component or a pipeline."""

    name: str
    type: str
    optional: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Any, ...] = ()
    description: str = ""

    @property
    def required(self) -> bool:
        return not self.optional and self.default is None

    def complaint(self, value: Any) -> str | None:
        """Return why the literal `value` cannot be this input, or None where it can."""
        if self.type in ASSET_TYPES:
            return None
        number = _number(value) if self.type in {"number", "integer"} else None
        if self.type == "integer" and (number is None or number != int(number)):
            return f"{value!r} is not an integer"
        if self.type == "number" and number is None:
            return f"{value!r} is not a number"
        if self.type == "boolean" and not isinstance(value, bool) and str(value).lower() not in TRUTHS:
            return f"{value!r} is not a boolean: true or false"
        if number is not None and self.minimum is not None and number < self.minimum:
            return f"{value!r} is less than the least allowed, {self.minimum:g}"
        if number is not None and self.maximum is not None and number > self.maximum:
            return f"{value!r} is more than the most allowed, {self.maximum:g}"
        if self.enum and str(value) not in set(map(str, self.enum)):
            return f"{value!r} is not one of {', '.join(map(str, self.enum))}"
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output: a file or folder that the step writes."""

    name: str
    type: str = "uri_folder"
    description: str = ""
    mode: str | None = None
    path: str | None = None
    """Where the YAML wants it: a datastore's path, or a local one."""
    asset_name: str | None = None
    """The data or model asset that it is registered as when the step has ended well."""
    asset_version: str | None = None

    @property
    def file_type(self) -> str:
        """What the step writes: a literal output is a file that holds the value."""
        return "uri_file" if self.type in LITERAL_TYPES else self.type


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the YAML, or given with --set."""

    value: Any


@dataclass(frozen=True, slots=True)
class Asset:
    """A file or folder on this machine."""

    path: Path
    type: str


@dataclass(frozen=True, slots=True)
class FromPipeline:
    """`${{parent.inputs.name}}`."""

    name: str


@dataclass(frozen=True, slots=True)
class FromStep:
    """`${{parent.jobs.step.outputs.output}}`."""

    step: str
    output: str


@dataclass(frozen=True)
class FromLoop:
    """What the loop of that name gives an input of its body, anew in each iteration."""

    loop: str
    name: str


Binding = Literal | Asset | FromPipeline | FromStep | FromLoop


@dataclass(frozen=True)
class Component:
    """One command with declared inputs and outputs: an Azure ML `command` component, or the inline command of a job."""

    name: str
    version: str
    display_name: str
    command: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    code: Path | None
    environment: Any
    environment_variables: Mapping[str, str]
    is_deterministic: bool
    timeout: float | None
    """Seconds, or None for no limit."""
    place: Place
    kind: str = "command"
    """What is run: `command`, or one that `mlops.local.kinds` knows: `distributed`, `sweep`, `parallel`, `spark`, `automl`; or that of a control step."""
    job: Mapping[str, Any] | None = None
    """What the YAML says of the kind, checked, defaults filled in, expressions as they stand; None for a plain command."""
    includes: tuple[Path, ...] = ()
    """Files and folders that are laid into the working directory beside the code, each under its own name."""


@dataclass(frozen=True, slots=True)
class Step:
    """A component at its place in a pipeline: what each of its inputs is bound to."""

    name: str
    component: Component
    inputs: Mapping[str, Binding]
    place: Place
    after: tuple[str, ...] = ()
    """Steps that must have ended before this one, though it reads nothing of theirs."""
    flow: Branch | Loop | Each | None = None
    """What a control step decides; it runs no command of its own."""
    when: tuple[tuple[str, bool], ...] = ()
    """Branches, and what each must have found true or false for this step to run."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that must have ended before this one, each once: those whose outputs it reads in the order of the inputs, then the others."""
        return tuple(dict.fromkeys([*_makers(self.inputs.values()), *_makers(self.flow.reads if self.flow else ()), *self.after]))

    @property
    def can_miss(self) -> tuple[str, ...]:
        """Of the steps that it needs, those of which it reads nothing but optional inputs."""
        must = set(_makers(b for name, b in self.inputs.items() if not self.component.inputs[name].optional))
        must.update(_makers(self.flow.reads if self.flow else ()))
        return tuple(name for name in self.needs if name not in must and name not in self.after)


def _makers(bindings: Iterable[Binding]) -> Iterator[str]:
    return (bound.step for bound in bindings if isinstance(bound, FromStep))


@dataclass(frozen=True)
class Branch:
    """`if_else`: the steps of one block run, and those of the other do not; each step knows which it is in (`Step.when`)."""

    condition: Binding

    @property
    def reads(self) -> tuple[Binding, ...]:
        return (self.condition,)


@dataclass(frozen=True)
class Body:
    """What a loop repeats: the steps of one job, with every input of the job bound to the loop."""

    name: str
    steps: Mapping[str, Step]
    outputs: Mapping[str, FromStep]
    """The job's outputs, and the step of it that writes each."""


@dataclass(frozen=True)
class Loop:
    """`do_while`: the body again, with its own outputs as inputs, as long as one of them is true."""

    body: Body
    mapping: Mapping[str, str]
    """Input of the body -> the output of the iteration before that it takes; the first iteration has what the job gives."""
    condition: str | None
    """The output that says whether there is another iteration; None: there always is."""
    limit: int
    """Iterations at most."""
    reads: tuple[Binding, ...] = ()


@dataclass(frozen=True)
class Item:
    """One iteration of a `parallel_for`: what it is called, and the inputs that it has for itself."""

    label: str
    inputs: Mapping[str, Binding]


@dataclass(frozen=True)
class Each:
    """`parallel_for`: the body once for each item, side by side."""

    body: Body
    items: tuple[Item, ...] | Binding
    """Or what they will be read from, as JSON."""
    at_once: int | None
    """Iterations at the same time; None: as many as there are."""

    @property
    def reads(self) -> tuple[Binding, ...]:
        if isinstance(self.items, tuple):
            return tuple(bound for item in self.items for bound in item.inputs.values())
        return (self.items,)


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline job, checked and bound."""

    path: Path
    display_name: str
    experiment: str
    description: str
    inputs: Mapping[str, Input]
    values: Mapping[str, Binding]
    """What each given input of the pipeline is: literals and assets only."""
    outputs: Mapping[str, FromStep]
    steps: Mapping[str, Step]
    continue_on_step_failure: bool
    force_rerun: bool
    tags: Mapping[str, str]
    without_effect: tuple[str, ...]
    """Keys that mean something on Azure ML and nothing on one machine, as `file: key`."""
    on_finalize: str | None = None
    """The step that runs when all others have ended, well or not."""
    continue_on_failed_optional_input: bool = True
    """Whether a step still runs where only an optional input of it could not be made."""

    @property
    def components(self) -> tuple[Component, ...]:
        """What the steps run, those that a loop repeats among them."""
        return tuple(step.component for step in _within(self.steps) if step.flow is None)


def _within(steps: Mapping[str, Step]) -> Iterator[Step]:
    for step in steps.values():
        yield step
        if isinstance(step.flow, Loop | Each):
            yield from _within(step.flow.body.steps)
