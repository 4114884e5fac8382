"""What of the repository belongs to which model: it may be replaced with the model, and no other model may come to lie there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mlops.adopt import repository
from mlops.adopt.layout import Layout
from mlops.errors import UsageError
from mlops.place import PROJECT_FILE
from mlops.settings import MODEL_NAME

if TYPE_CHECKING:
    from mlops.settings import ModelSettings, Project


def files(project: Project, old: ModelSettings) -> list[str]:
    """Return the files of a model that no other model reads, as far as git knows them: what else is in its folders is nobody's business."""
    shared = {PROJECT_FILE.as_posix(), *_others(project, old)}
    return [name for name in repository.tracked(project.root, *_places(project.root, old)) if name not in shared]


def check_name(project: Project, name: str, given: str, old: ModelSettings | None) -> None:
    """Refuse a name that a model cannot have, or whose folders are somebody else's already.

    Args:
        project: The repository and its models.
        name: Of the model that comes.
        given: The data as the person named them: they may lie where they will be.
        old: The model that is replaced.

    Raises:
        UsageError: It is such a name. Nothing was read.
    """
    if not MODEL_NAME.fullmatch(name):
        hint = "Small letters, digits and dashes, a letter first, 41 signs at most: it names branches and folders. Give it with --name (make: NAME=)."
        raise UsageError(f"{name!r} cannot be a model's name", hint=hint)
    layout = Layout(name, first=old is not None and old.package == "src/project")
    beside = () if layout.first else (layout.package, layout.pipelines, layout.tests, layout.environments)
    for place in (layout.data, layout.contract, layout.notebook, *beside):
        if _is_taken(project, place, given, old):
            hint = "Choose another with --name (make: NAME=), or move what is there. Nothing was read or changed."
            raise UsageError(f"a model cannot be called {name!r} here: {place} is there, and is not that model's", hint=hint)


def _is_taken(project: Project, place: str, given: str, old: ModelSettings | None) -> bool:
    path, known = project.root / place, set(repository.tracked(project.root, place))
    if Path(given).exists() and Path(given).resolve().is_relative_to(path.resolve()):
        return bool(known & _others(project, old))
    if known:
        return bool(known - set(files(project, old) if old else ()))
    left = [one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts] if path.is_dir() else []
    return path.is_file() or bool(left)


def _others(project: Project, old: ModelSettings | None) -> set[str]:
    """Return the files of all models but one."""
    places = [place for model in project.models.values() if model != old for place in _places(project.root, model)]
    return set(repository.tracked(project.root, *places)) if places else set()


def _places(root: Path, model: ModelSettings) -> list[str]:
    """Return what belongs to a model, as git's pathspecs."""
    first = model.package == "src/project"
    layout, folder = Layout(model.name, first=first), str(Path(model.pipeline).parent)
    found = [model.package, model.contract, layout.notebook, layout.tests, f"environments/{model.name}"]
    found += [f"{folder}/components", f"{folder}/schedules", f":(glob){folder}/*.yml"] if first else [folder]
    found += ["data/README.md"] if first else []
    return [*found, *_data(root, model)]


def _data(root: Path, model: ModelSettings) -> list[str]:
    """Return the folder or file in the repository that the model's pipeline reads."""
    text = (root / model.pipeline).read_text(encoding="utf-8")
    given = (yaml.safe_load(text).get("inputs") or {}).get("data")
    if not isinstance(given, dict) or "path" not in given:
        return []
    place = (root / model.pipeline).parent.joinpath(given["path"]).resolve()
    return [place.relative_to(root.resolve()).as_posix()] if place.is_relative_to(root.resolve()) else []
