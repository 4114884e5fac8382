"""Files of the fork that name its models and its data, each changed in the one place where it does; all else in them stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIPELINES = ".azure-pipelines"


def renamed(root: Path, old: str, new: str) -> dict[str, str]:
    """Return the files in which the model `new` takes the place of `old`."""
    made = {}
    for path in sorted((root / PIPELINES).glob("*.yml")):
        text = re.sub(
            r"(models:\s*\[)([^\]]*)(\])",
            lambda match: match[1] + _swapped(match[2], old, new) + match[3],
            path.read_text(encoding="utf-8"),
        )
        made[path.relative_to(root).as_posix()] = re.sub(rf"(?m)^(\s*default:\s*){re.escape(old)}\s*$", rf"\g<1>{new}", text)
    for path in sorted((root / "infra").glob("*.bicepparam")):
        text = _models_of(path, lambda names: _swapped(names, f"'{old}'", f"'{new}'"))
        text = text.replace(f"param project = '{_short(old)}'", f"param project = '{_short(new)}'").replace(f"'{old}-team", f"'{new}-team")
        made[path.relative_to(root).as_posix()] = text.replace(f"'rg-{_short(old)}-", f"'rg-{_short(new)}-")
    for path in sorted((root / "environments/images").rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        made[path.relative_to(root).as_posix()] = re.sub(rf"(?m)^name: {re.escape(old)}-", f"name: {new}-", text)
    return changed(root, made | any_data(root))


def added(root: Path, name: str, package: str) -> dict[str, str]:
    """Return the files in which the model `name` is named beside the others."""
    made = {}
    for path in sorted((root / PIPELINES).glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        made[path.relative_to(root).as_posix()] = re.sub(
            r"(models:\s*\[)([^\]]*)(\])", lambda match: match[1] + _joined(match[2], name) + match[3], text
        )
    for path in sorted((root / "infra").glob("*.bicepparam")):
        made[path.relative_to(root).as_posix()] = _models_of(path, lambda names: _joined(names, f"'{name}'"))
    settings = root / "pyproject.toml"
    if settings.is_file():
        text = settings.read_text(encoding="utf-8")
        quoted = f'"{package}"'
        if quoted not in text:
            made["pyproject.toml"] = re.sub(
                r"(?m)^(src = \[)([^\]]*)(\])", lambda match: f"{match[1]}{match[2]}, {quoted}{match[3]}", text, count=1
            )
    return changed(root, made | any_data(root))


def any_data(root: Path) -> dict[str, str]:
    """Return .editorconfig with its word about the data's bytes said of any data set."""
    path = root / ".editorconfig"
    return (
        {".editorconfig": re.sub(r"(?m)^\[data/[^/\]]+/\*\*\]", "[data/*/**]", path.read_text(encoding="utf-8"))} if path.is_file() else {}
    )


def changed(root: Path, made: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in made.items() if (root / name).read_text(encoding="utf-8") != text}


def _models_of(path: Path, edit: Callable[[str], str]) -> str:
    """Return an environment's parameters on Azure with another list of models, where it has one."""
    return re.sub(
        r"(?m)^(param models = \[)([^\]]*)(\])", lambda match: match[1] + edit(match[2]) + match[3], path.read_text(encoding="utf-8")
    )


def _swapped(names: str, old: str, new: str) -> str:
    return ", ".join(new if name.strip() == old else name.strip() for name in names.split(","))


def _joined(names: str, name: str) -> str:
    known = [word.strip() for word in names.split(",") if word.strip()]
    return ", ".join(known if name in known else [*known, name])


def _short(name: str) -> str:
    """Return a model's name as the templates of Azure take a project's: three to ten letters and digits."""
    return (re.sub(r"[^a-z0-9]", "", name) + "ml")[: max(3, min(10, len(re.sub(r"[^a-z0-9]", "", name))))]
