"""What a change asks of CI: which models to train, whether code must be checked; and of what is left out, the proof that it may be.

A skipped job is a claim ("the same would come out"), so the claim is shown with what it stands on: a digest that is the same before and after.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops.delivery import files
from mlops.settings import choose_model, read_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops.ci.host import Context
    from mlops.delivery.workspace import Workspace


@dataclass(frozen=True)
class Decision:
    """Whether something is done, and why (or why it need not be)."""

    name: str
    do: bool
    why: str


@dataclass(frozen=True)
class Plan:
    """What CI does for a commit."""

    code: Decision
    models: tuple[Decision, ...]

    @property
    def names(self) -> list[str]:
        """The models to train."""
        return [model.name for model in self.models if model.do]

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def plan(workspace: Workspace, context: Context, judged: Callable[[Workspace, str], str | None]) -> Plan:
    """Return what a commit asks for, from what it changes against the commit before it, or against the branch that it goes to.

    Args:
        workspace: The project; its model does not matter.
        context: The event: with a base that is known here, only what changed since is done.
        judged: Says which version came of a fingerprint. Asked for a push: what a failed delivery left undone is not lost with the next push.
    """
    everything = context.event in {"schedule", "manual"} and context.system != "laptop"
    names = None if everything else files.changed(workspace.root, context.base)
    models = [replace(workspace, model=choose_model(workspace.project, name)) for name in workspace.project.models]
    if names is None:
        why = "there is no commit to compare with: all is done" if not everything else f"started by {context.event}: all is done"
        return Plan(Decision("code", do=True, why=why), tuple(Decision(one.model.name, do=True, why=why) for one in models))
    return Plan(_code(workspace, names, str(context.base)), tuple(_model(one, names, context, judged) for one in models))


def _code(workspace: Workspace, names: Sequence[str], base: str) -> Decision:
    other = [name for name in names if not files.PROSE.match_file(name)]
    if other:
        return Decision("code", do=True, why=_listed(other))
    digest = files.without_prose(workspace.root, "HEAD")
    what = (
        f"{len(names)} file{'s' * (len(names) != 1)} changed since {base[:7]}, all of them prose"
        if names
        else f"nothing changed since {base[:7]}"
    )
    why = f"{what}; the rest is {digest[:19]}…, as in {base[:7]}"
    return Decision("code", do=False, why=why)


def _model(workspace: Workspace, names: Sequence[str], context: Context, judged: Callable[[Workspace, str], str | None]) -> Decision:
    parts, _ = files.places(workspace)
    name, base = workspace.model.name, str(context.base)[:7]
    found = files.touched(names, parts)
    if found:  # prose too: beside a model's data or code it is a part of both, and of their digest
        return Decision(name, do=True, why=_listed(found))
    digest = files.fingerprint(workspace, {})
    why = (
        f"none of what it is made of changed since {base}: data, code, parameters, packages and gate are {digest[:19] or 'not committed'}…"
    )
    if context.event != "push":
        return Decision(name, do=False, why=f"{why} in both")
    if read_place(workspace.root, "staging") == "azure":  # this job may not sign in; the training trains nothing where a version is there
        return Decision(name, do=True, why=f"{why}; whether a version came of that is known on Azure, and make train asks there")
    version = judged(workspace, digest)
    return Decision(name, do=version is None, why=f"{why}, of which {version or 'no version'} came")


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"changed: {', '.join(names[:most])}{more}"
