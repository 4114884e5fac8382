"""What an endpoint serves, as a value, and what is next: who has the traffic, who gets it at each stage, and who may go.

An endpoint has one deployment for each version, called after the version and its files. Three tags of the endpoint say what the percentages alone
cannot: which deployment serves, which one served before it and is kept for a rollback, and which one is on its way. They are written by the
same request that moves traffic, so a process that is killed leaves both or neither. Nothing here knows of Azure's packages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVES, BEFORE, COMING = "slipway-serves", "slipway-before", "slipway-coming"
MODEL, VERSION, DIGEST = "model", "version", "digest"
ENDED = {"Succeeded", "Failed", "Canceled"}
ALL = 100


@dataclass(frozen=True)
class Deployed:
    """One deployment: how far the service is with it, and its tags, which say what it holds."""

    name: str
    state: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether it can be given traffic."""
        return self.state == "Succeeded"

    @property
    def version(self) -> int | None:
        """The model's version that it holds; None where it is not one of ours."""
        text = self.tags.get(VERSION, "")
        return int(text) if text.isdigit() else None


@dataclass(frozen=True)
class Seen:
    """An endpoint as it was seen: percentages without zeros, our tags, and its deployments by name."""

    traffic: Mapping[str, int]
    mirror: Mapping[str, int]
    tags: Mapping[str, str]
    deployments: Mapping[str, Deployed]
    state: str = "Succeeded"

    @property
    def serves(self) -> str | None:
        """The deployment that callers are meant to get. While another is on its way the tag alone says so; else whoever has most of the traffic."""
        named = self.tags.get(SERVES, "")
        if self.coming:
            return named or None
        if named in self.traffic:
            return named
        return max(self.traffic, key=lambda name: (self.traffic[name], name)) if self.traffic else None

    @property
    def coming(self) -> str | None:
        """The deployment that is on its way: mirrored to, given part of the traffic, or all of it and still watched."""
        named = self.tags.get(COMING, "")
        return named if named in self.deployments else None

    @property
    def before(self) -> str | None:
        """The deployment that is kept for a rollback."""
        named = self.tags.get(BEFORE, "")
        return named if named in self.deployments else None

    @property
    def moved(self) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...], tuple[str, ...]]:
        """Everything that a move changes, to compare what was decided on with what is there."""
        own = tuple(self.tags.get(name, "") for name in (SERVES, BEFORE, COMING))
        return tuple(sorted(self.traffic.items())), tuple(sorted(self.mirror.items())), own


@dataclass(frozen=True)
class Change:
    """What one request makes of an endpoint."""

    traffic: Mapping[str, int]
    mirror: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def deployment_name(version: int, digest: str) -> str:
    """Return what the deployment of a version is called: 3 to 32 letters, digits and dashes, a letter first, as the service asks."""
    return f"v{version}-{digest.removeprefix('sha256:')[:8]}"


def mirrored(seen: Seen, coming: str, percent: int) -> Change | None:
    """Return the change that has a deployment asked `percent` of the requests as well, whose answers nobody gets; None where there is none to make.

    The service mirrors to one deployment that has no traffic, at most 50 percent.
    """
    serves = seen.serves
    if not percent or serves in {None, coming} or seen.traffic.get(coming):
        return None
    return Change(dict(seen.traffic), {coming: percent}, {SERVES: str(serves), COMING: coming})


def stages(seen: Seen, coming: str, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Return the percentages that are still to be gone through, the one that was reached among them; one where nothing serves, none where it serves."""
    if seen.serves == coming:
        return ()
    now = seen.traffic.get(coming, 0)
    return (ALL,) if seen.serves is None else tuple(percent for percent in wanted if percent >= now)


def shifted(seen: Seen, coming: str, percent: int) -> Change:
    """Return the change that gives a deployment `percent` of the traffic, and the one that serves the rest; it is on its way still."""
    serves = seen.serves
    rest = {serves: ALL - percent} if serves and percent < ALL else {}
    return Change({**rest, coming: percent if serves else ALL}, {}, {SERVES: serves or "", COMING: coming})


def arrived(seen: Seen, coming: str) -> Change:
    """Return the change that makes a deployment the one that serves, with all the traffic, and the one that served what a rollback goes to."""
    before = seen.serves if seen.serves != coming else seen.before
    return Change({coming: ALL}, {}, {SERVES: coming, BEFORE: before or "", COMING: ""})


def put_back(seen: Seen) -> Change | None:
    """Return the change that gives all traffic to the deployment that serves, and mirrors nothing; None where that is so."""
    serves = seen.serves
    wanted = {serves: ALL} if serves else {}
    if dict(seen.traffic) == wanted and not seen.mirror and not seen.tags.get(COMING):
        return None
    return Change(wanted, {}, {SERVES: serves or "", COMING: ""})


def cut_short(seen: Seen, coming: str) -> bool:
    """Return whether another deployment than `coming` is half on its way: that is put back before anything new is done."""
    return bool({*seen.traffic, *seen.mirror} - {seen.serves, coming}) or seen.tags.get(COMING, "") not in {"", coming}


def spare(seen: Seen, coming: str = "") -> tuple[str, ...]:
    """Return the deployments of ours that may go: not asked by anybody, and neither the one that serves, nor the one before, nor the one that comes."""
    kept = {*seen.traffic, *seen.mirror, seen.serves, seen.before, seen.coming, coming}
    return tuple(name for name, one in sorted(seen.deployments.items()) if name not in kept and one.version is not None)
