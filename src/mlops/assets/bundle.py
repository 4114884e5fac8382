"""A component that stands alone: its YAML, its code and all that the YAML names by path, in one folder that can be moved and kept.

On Azure ML the code is uploaded with the component, and later edits of the folder do not reach it. So it is here.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.assets.lookup import COMPONENT_FILE
from mlops.assets.objects import files_of
from mlops.errors import UsageError
from mlops.local.includes import zip_of
from mlops.spec.references import is_reference
from mlops.spec.source import Source, read

if TYPE_CHECKING:
    from collections.abc import Mapping


def bundle(source: Source, target: Path) -> None:
    """Write the component of `source`, and what it names, below `target`; its version is the store's affair and is left out.

    Raises:
        UsageError: Something that it names is not there.
        SpecError: A component that it names cannot be read.
    """
    target.mkdir(parents=True, exist_ok=True)
    value = {key: item for key, item in source.value.items() if key != "version"}
    made = _Bundle(source.path.parent, target).component(value)
    target.joinpath(COMPONENT_FILE).write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), encoding="utf-8")


@dataclass(frozen=True)
class _Bundle:
    """What relative paths are relative to, and where the copies go."""

    base: Path
    target: Path

    def component(self, value: Mapping[str, Any]) -> dict[str, Any]:
        made = self._coded(value)
        if isinstance(made.get("task"), dict):
            made["task"] = _Bundle(self.base, self.target / "task").component(made["task"])
            made["task"] = {key: _below("task", item) if key == "code" else item for key, item in made["task"].items()}
        if isinstance(made.get("jobs"), dict):
            made["jobs"] = {name: self._job(str(name), job) for name, job in made["jobs"].items()}
        return made

    def _coded(self, value: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(value)
        includes = made.pop("additional_includes", None) or ()
        code = self._local(made.get("code"))
        if code or includes:
            self._copy_code(code, [str(one) for one in includes])
            made["code"] = f"./code/{code.name}" if code and code.is_file() and not includes else "./code"
        if isinstance(made.get("environment"), dict):
            made["environment"] = self.environment(made["environment"])
        elif path := self._local(made.get("environment")):
            value = {key: item for key, item in read(path).value.items() if key != "$schema"}
            made["environment"] = _Bundle(path.parent, self.target).environment(value)
        return made

    def _copy_code(self, code: Path | None, includes: list[str]) -> None:
        """Lay out what is included, and the code over it: where both have a file, the code's stays."""
        for one in includes:
            content = zip_of(Path(self.base, one).resolve())
            if content is not None:
                self.target.joinpath("code").mkdir(exist_ok=True)
                self.target.joinpath("code", Path(one).name).write_bytes(content)
                continue
            path = self._local(one)
            if path is None:
                raise UsageError(f"additional_includes {one!r} is not on this machine", where=str(self.base))
            self._copy(path, self.target / "code" / path.name)
        if code:
            self._copy(code, self.target / "code" / code.name if code.is_file() else self.target / "code")

    def environment(self, value: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(value)
        if isinstance(made.get("conda_file"), str):
            conda = self._local(made["conda_file"])
            made["conda_file"] = read(conda).value if conda else made["conda_file"]
        context = made.get("build")
        path = self._local(context.get("path")) if isinstance(context, dict) else None
        if path and isinstance(context, dict):
            self._copy(path, self.target / "build")
            made["build"] = {**context, "path": "./build"}
        return made

    def _job(self, name: str, job: Any) -> Any:
        """Return a node of a pipeline component with what it names below a folder of its own."""
        if not isinstance(job, dict):
            return job
        folder = f"jobs/{name}"
        inner = _Bundle(self.base, self.target / folder)
        made = {key: _below(folder, item) if key in {"code", "task", "environment"} else item for key, item in inner.component(job).items()}
        for key in ("component", "trial"):
            if isinstance(job.get(key), dict):
                made[key] = _below(folder, inner.component(job[key]))
            elif path := self._local(job.get(key)):
                bundle(read(path), self.target / folder / key)
                made[key] = f"./{folder}/{key}/{COMPONENT_FILE}"
        if isinstance(job.get("inputs"), dict):
            made["inputs"] = {one: self._input(f"{folder}/inputs/{one}", given) for one, given in job["inputs"].items()}
        return made

    def _input(self, folder: str, given: Any) -> Any:
        path = self._local(given.get("path")) if isinstance(given, dict) else None
        if path is None:
            return given
        self._copy(path, self.target / folder / path.name)
        return {**given, "path": f"./{folder}/{path.name}"}

    def _local(self, text: Any) -> Path | None:
        """Return the file or folder here that `text` names; None where it names none, or something elsewhere."""
        if not isinstance(text, str) or not text or "${{" in text or is_reference(text):
            return None
        path = Path(self.base, text.removeprefix("file:")).resolve()
        if not path.exists():
            raise UsageError(f"there is no {text!r}", where=str(self.base), hint=f"It would be {path}")
        return path

    @staticmethod
    def _copy(path: Path, target: Path) -> None:
        for name, file in (files_of(path) if path.is_dir() else {"": path}).items():
            place = target / name if name else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _below(folder: str, value: Any) -> Any:
    """Return a value whose own relative paths (`./...`, as this module writes them) are below `folder`."""
    if isinstance(value, dict):
        return {
            key: _below(folder, item) if key in {"code", "path", "build", "environment", "task"} else item for key, item in value.items()
        }
    return (
        f"./{folder}/{value.removeprefix('./')}" if isinstance(value, str) and value.startswith(("./code", "./build", "./task")) else value
    )
