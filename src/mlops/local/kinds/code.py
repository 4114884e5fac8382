"""What a driven step runs: its driver, and the script that the driver starts.

The driver's files and the script's decide the outputs together, and the warm process imports for both.
"""

from __future__ import annotations

from mlops.local.snapshot import Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops.spec.values import Component


def read_driven(component: Component, read: Callable[[str, Path | None], Code]) -> Code:
    """Find out what a component with a job runs, without running it; `read` does so for one command and folder."""
    driver = read(f"python -m mlops.local.kinds.{component.kind} ../job.json", None)
    inner = read(_inner(component), component.code)
    idle = _idle(component)
    wanted = [name for name in driver.imports if name.split(".")[0] not in idle]
    return Code(inner.files, tuple(dict.fromkeys((*wanted, *inner.imports))), driver.argv, {**driver.ours, **inner.ours})


def _idle(component: Component) -> set[str]:
    """Return the packages that the driver can import and this job has no use for: each costs a second."""
    job = component.job or {}
    if component.kind == "sweep":
        algorithm = job["sampling_algorithm"]
        used = {"bayesian": "optuna", "sobol": "scipy"}.get(algorithm.get("rule") if algorithm["type"] == "random" else algorithm["type"])
        return {"optuna", "scipy"} - {str(used)}
    return set() if any(declared.type == "mltable" for declared in component.inputs.values()) else {"pandas"}


def _inner(component: Component) -> str:
    """Return the command that the driver starts, or nothing where it may need any file of the folder."""
    job = component.job or {}
    if component.kind == "parallel":
        return f"python {job['task']['entry_script']}"
    if component.kind in {"spark", "automl"}:
        return ""
    return str(job["command"]).replace("${{", "").replace("}}", "").replace("$[[", "").replace("]]", "")
