"""What happens in a run, told once. The terminal, the run record, MLflow and the report are readers of these."""

from __future__ import annotations

from types import MappingProxyType

from mlops.records import dataclass, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """One output: where it is, and the digest of its bytes."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Started:
    """A step began, because of `reason`."""

    step: str
    reason: str
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step said something while it runs."""

    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Reused:
    """A step did not run: what it would make is there already."""

    step: str
    reason: str
    outputs: Mapping[str, Product]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A step ended well."""

    step: str
    seconds: float
    outputs: Mapping[str, Product]
    summary: str = ""
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A step ended badly; `tail` holds the last lines of its log, which is at `log`."""

    step: str
    seconds: float
    reason: str
    log: str = ""
    tail: tuple[str, ...] = ()
    ours: bool = False
    """True where the step could not be run at all, rather than ran and failed."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step was not started, because of `reason`."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """A running step was ended by the user, or by the failure of another."""

    step: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began: what it is called and the steps it has, in the order they can run."""

    run: int
    name: str
    title: str
    needs: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended; `state` is completed, failed or canceled."""

    run: int
    state: str
    seconds: float


Event = Started | Progress | Reused | Finished | Failed | Skipped | Canceled | RunStarted | RunFinished


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as plain data, with its kind under `event`."""
    facts = {"event": type(event).__name__, **plain(event)}
    if "outputs" in facts:
        facts["outputs"] = {name: plain(product) for name, product in facts["outputs"].items()}
    return facts
