"""What happens in a run, told once. The terminal, the run record, MLflow and the report are readers of these."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Product(NamedTuple):
    """One output: where it is, and the digest of its bytes."""

    path: str
    digest: str


class Started(NamedTuple):
    """A step began, because of `reason`."""

    step: str
    reason: str
    at: float
    """Seconds since the epoch."""


class Progress(NamedTuple):
    """A step said something while it runs."""

    step: str
    text: str


class Reused(NamedTuple):
    """A step did not run: what it would make is there already."""

    step: str
    reason: str
    outputs: Mapping[str, Product]
    summary: str = ""


class Finished(NamedTuple):
    """A step ended well."""

    step: str
    seconds: float
    outputs: Mapping[str, Product]
    summary: str = ""
    warm: bool = False


class Failed(NamedTuple):
    """A step ended badly; `tail` holds the last lines of its log, which is at `log`."""

    step: str
    seconds: float
    reason: str
    log: str = ""
    tail: tuple[str, ...] = ()
    ours: bool = False
    """True where the step could not be run at all, rather than ran and failed."""


class Skipped(NamedTuple):
    """A step was not started, because of `reason`."""

    step: str
    reason: str


class Canceled(NamedTuple):
    """A running step was ended by the user, or by the failure of another."""

    step: str
    seconds: float
    reason: str


class RunStarted(NamedTuple):
    """A run began: what it is called and the steps it has, in the order they can run."""

    run: int
    name: str
    title: str
    needs: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class RunFinished(NamedTuple):
    """A run ended; `state` is completed, failed or canceled."""

    run: int
    state: str
    seconds: float


Event = Started | Progress | Reused | Finished | Failed | Skipped | Canceled | RunStarted | RunFinished


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as plain data, with its kind under `event`."""
    facts = {"event": type(event).__name__, **event._asdict()}
    if "outputs" in facts:
        facts["outputs"] = {name: product._asdict() for name, product in facts["outputs"].items()}
    return facts
