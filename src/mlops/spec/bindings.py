"""What an input is bound to: a literal, a file or folder here, an input of the pipeline, or an output of another step."""

from __future__ import annotations

from mlops.records import dataclass, field, replace
from mlops.spec import expressions
from mlops.spec.mltable import complaint
from mlops.spec.ports import given_output
from mlops.spec.references import is_reference
from mlops.spec.source import did_you_mean
from mlops.spec.values import ASSET_TYPES, Asset, Binding, FromLoop, FromPipeline, FromStep, Input, Literal, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mlops.spec.reading import Here


@dataclass(frozen=True)
class Scope:
    """What the jobs of one pipeline can be bound to: the outermost pipeline, or one that is a step of another."""

    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    """The literal values of inputs that are known before the run."""
    given: Mapping[str, Binding] | None = None
    """What the pipeline around this one binds each input to; None for the outermost pipeline, whose inputs are looked up when it runs."""
    prefix: str = ""
    """What goes before the names of the steps in here."""
    complete: bool = True
    """Whether every input must have a value by now."""
    datastore: str = "workspaceblobstore"
    """What `${{default_datastore}}` stands for."""
    within: tuple[Path, ...] = ()
    """The files of the pipelines that this one is a step of."""

    def inner(
        self, name: str, inputs: Mapping[str, Input], outputs: Mapping[str, Output], given: Mapping[str, Binding], path: Path
    ) -> Scope:
        """Return the scope of the pipeline component at `path` that is the step `name` of this pipeline."""
        known = {key: bound.value for key, bound in given.items() if isinstance(bound, Literal)}
        outer = {
            key: self.known[bound.name] for key, bound in given.items() if isinstance(bound, FromPipeline) and bound.name in self.known
        }
        return replace(
            self, inputs=inputs, outputs=outputs, given=given, known=known | outer, prefix=f"{name}.", within=(*self.within, path)
        )

    def input_named(self, here: Here, name: str) -> Input | None:
        """Return an input of this pipeline; None, and a note, where it has none of that name."""
        if name not in self.inputs:
            here.note(f"the pipeline has no input called {name!r}", did_you_mean(name, self.inputs, label="the pipeline's inputs"))
        return self.inputs.get(name)


def value_of(here: Here, declared: Input, given: Any) -> Binding | None:
    """Return a literal or an asset for `given`, checked against the declaration; None, and a note, where it does not fit."""
    if isinstance(given, dict):
        own = given.get("type")  # what a job says of the data that it gives is nearer to them than what a component hopes for
        declared = replace(declared, type=own) if own in ASSET_TYPES and declared.type in ASSET_TYPES else declared
        here = here.at("path") if "path" in given else here
        given = given.get("path", given.get("value", given.get("default")))
    if given is None:
        return None
    if declared.type not in ASSET_TYPES:
        wrong = declared.complaint(given)
        if wrong:
            here.note(f"input {declared.name!r}: {wrong}")
        return None if wrong else Literal(given)
    path = str(given)
    if is_reference(path):
        kind = "model" if declared.type.endswith("_model") else "data"
        hint = "Give a local path, or add it to the asset store of this machine."
        found = here.found(lambda assets: getattr(assets, kind)(path, declared.type), path, hint)
        return _asset(here, declared, found, path) if found else None
    full = here.beside(path.removeprefix("file:"))
    if not full.exists():
        here.note(f"there is no {path!r}", f"Paths are relative to this file: it would be {full}")
        return None
    return _asset(here, declared, full, path)


def _asset(here: Here, declared: Input, path: Path, said: str) -> Asset | None:
    """Return what is at `path` as the declared input, which it must be."""
    wrong = complaint(path) if declared.type == "mltable" and path.exists() else None
    if declared.type == "uri_file" and path.is_dir():
        wrong = f"{said!r} is a folder, and {declared.name!r} is a uri_file", "Use type: uri_folder, or name the file."
    if wrong:
        here.note(*wrong)
    return None if wrong else Asset(path, declared.type)


def bind(here: Here, declared: Input, value: Any, scope: Scope) -> Binding | None:
    """Return what a job binds an input to; None where it leaves it out, or where it is wrong, which is noted."""
    text = value.get("path", value.get("value")) if isinstance(value, dict) else value
    parts = expressions.whole(text)
    if parts is None:
        return value_of(here, declared, filled(here, value, scope))
    if parts[:2] == ("parent", "inputs") and len(parts) > 2:
        return _from_pipeline(here, declared, ".".join(parts[2:]), scope)
    if parts[:2] == ("parent", "jobs") and len(parts) > 4 and parts[3] == "outputs":
        return FromStep(scope.prefix + parts[2], ".".join(parts[4:]))
    here.note(
        f"unknown binding {text!r}",
        "A step's input knows ${{parent.inputs.NAME}}, ${{parent.jobs.STEP.outputs.NAME}} and ${{parent.jobs.STEP.inputs.NAME}}.",
    )
    return None


def _from_pipeline(here: Here, declared: Input, name: str, scope: Scope) -> Binding | None:
    outer = scope.input_named(here, name)
    if outer is None or scope.given is None:
        return FromPipeline(name) if outer else None
    bound = scope.given.get(name)
    if bound is None and scope.complete and not declared.optional and declared.default is None:
        here.note(
            f"the pipeline's input {name!r} has no value, and {declared.name!r} needs one", f"Give {name!r} where this pipeline is a step."
        )
    return bound


def filled(here: Here, value: Any, scope: Scope) -> Any:
    """Return `value` with `${{parent.inputs.NAME}}` replaced, wherever it stands in it, by what is known of the pipeline's inputs."""
    if isinstance(value, dict):
        return {key: filled(here.at(key), item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(here.at(index), item, scope) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${{" not in value:
        return value
    names = {".".join(parts[2:]) for parts in expressions.used(value) if parts[:2] == ("parent", "inputs")}
    for name in names:
        scope.input_named(here, name)
    for name in names:
        if isinstance((scope.given or {}).get(name), FromLoop) and name not in scope.known:
            here.note(
                f"{name!r} differs from iteration to iteration, so it can be bound to an input only", "Give it to the step as an input."
            )
    known = names & scope.known.keys()
    parts = expressions.whole(value)
    if parts and known:
        return scope.known[known.pop()]
    changed = expressions.replaced(value, {("parent", "inputs", *name.split(".")): str(scope.known[name]) for name in known})
    return expressions.replaced(changed, {("default_datastore",): scope.datastore})


def outputs_of(
    here: Here, given: Any, owner: str, declared: Mapping[str, Output], scope: Scope
) -> tuple[Mapping[str, Output], dict[str, str]]:
    """Return the outputs that `owner` declares with what a job says of each, and the pipeline's outputs that they are bound to."""
    if given is None:
        return declared, {}
    outputs, written = dict(declared), {}
    for name, value in here.mapping(given).items():
        if str(name) not in outputs:
            hint = did_you_mean(str(name), outputs, label=f"{owner} writes")
            here.at(name).note(f"{owner} has no output called {str(name)!r}", hint, at_key=True)
            continue
        if isinstance(value, dict):
            outputs[str(name)] = _over(outputs[str(name)], given_output(here.at(name), str(name), filled(here.at(name), value, scope)))
        parts = expressions.whole(value.get("path") if isinstance(value, dict) else value)
        if parts is None and isinstance(value, str):
            here.at(name).note(f"{value!r} is no binding of an output", "Write ${{parent.outputs.NAME}}, or a mapping with a path.")
        elif parts is not None and (parts[:2] != ("parent", "outputs") or ".".join(parts[2:]) not in scope.outputs):
            hint = did_you_mean(parts[-1], scope.outputs, label="the pipeline's outputs")
            here.at(name).note(f"unknown output binding {value!r}", hint)
        elif parts is not None:
            outer = scope.outputs[".".join(parts[2:])]
            outputs[str(name)] = _over(outer, outputs[str(name)], own=True)
            written[outer.name] = str(name)
    return outputs, written


def _over(under: Output, over: Output, *, own: bool = False) -> Output:
    """Return the output `under` with what `over` says of it; its name and type are those of the component's own."""
    port = over if own else under
    return Output(
        name=port.name,
        type=port.type,
        description=port.description,
        mode=over.mode or under.mode,
        path=over.path or under.path,
        asset_name=over.asset_name or under.asset_name,
        asset_version=over.asset_version or under.asset_version,
    )
