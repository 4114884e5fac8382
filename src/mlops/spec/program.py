"""A step of the machinery's own: `python -m module`, given files and words, as a value like those that are read from YAML.

So it runs in the warm process, has a log, and is reused while nothing that it looks at has changed, as every other step is.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.spec.source import Source
from mlops.spec.values import Asset, Binding, Component, Input, Literal, Output, Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping


def program_step(name: str, module: str, title: str, *, files: Mapping[str, Path], words: Mapping[str, str], output: str) -> Step:
    """Return the step.

    Args:
        name: The step's name in its run.
        module: What `python -m` runs.
        title: What a person reads.
        files: Argument -> the file or folder that it names.
        words: Argument -> its value.
        output: The name of the folder that `--out` names.
    """
    command = [f'python -m {module} --out "${{{{outputs.{output}}}}}"']
    command += [f'--{key} "${{{{inputs.{key}}}}}"' for key in files]
    command += [f"--{key} ${{{{inputs.{key}}}}}" for key in words]
    inputs = {key: Input(key, "uri_file" if path.is_file() else "uri_folder") for key, path in files.items()}
    inputs |= {key: Input(key, "string") for key in words}
    bindings: dict[str, Binding] = {key: Asset(path, inputs[key].type) for key, path in files.items()}
    bindings |= {key: Literal(shlex.quote(value)) for key, value in words.items()}
    place = Place(Source(Path(__file__), None), ())
    component = Component(
        name=name,
        version="1",
        display_name=title,
        command=" ".join(command),
        inputs=inputs,
        outputs={output: Output(output)},
        code=None,
        environment=None,
        environment_variables={},
        is_deterministic=True,
        timeout=None,
        place=place,
    )
    return Step(name, component, bindings, place)
