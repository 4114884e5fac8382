"""What of an environment is not pinned: a base image by its tag alone, packages without a version. The same file then makes another image some day."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.assets.definition import read_draft

if TYPE_CHECKING:
    from mlops.assets.store import Draft
    from mlops.spec.source import Source

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE | re.MULTILINE)
_EXACT = re.compile(r"[=!~<>]=?=?")
_LONGEST = 6  # packages that are named


def loose(source: Source) -> list[str]:
    """Return what an environment's file leaves open, each as a sentence; nothing where all is pinned.

    Raises:
        SpecError: It is no environment.
        OSError: Its Dockerfile cannot be read.
    """
    draft = read_draft("environment", source)
    images = [str(draft.body["image"])] if draft.body.get("image") else _bases(draft)
    return [told for image in images if (told := _image(image))] + _packages(draft.body.get("conda_file"))


def _image(image: str) -> str:
    if _DIGEST.search(image) or image == "scratch" or "$" in image:
        return ""
    name, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
    by = f"the tag {tag} alone, which can be moved" if tag != "latest" else "nothing: `latest` is another image each month"
    return f"the base image {name} is pinned by {by}; NAME@sha256:... is one image for ever"


def _bases(draft: Draft) -> list[str]:
    """Return the images that a Dockerfile begins from, less its own stages."""
    build = draft.body.get("build") or {}
    if draft.path is None:
        return []
    file = Path(draft.path, str(build.get("dockerfile_path") or "Dockerfile"))
    found = list(_FROM.finditer(file.read_text(encoding="utf-8"))) if file.is_file() else []
    stages = {one["stage"].lower() for one in found if one["stage"]}
    return [one["image"] for one in found if one["image"].lower() not in stages]


def _packages(conda: Any) -> list[str]:
    items = conda.get("dependencies") if isinstance(conda, dict) else None
    open_ones = []
    for item in items if isinstance(items, list) else ():
        lines = item.get("pip") or [] if isinstance(item, dict) else [item]
        open_ones += [str(line).strip() for line in lines if _open(str(line), pip=isinstance(item, dict))]
    if not open_ones:
        return []
    more = f" and {len(open_ones) - _LONGEST} more" if len(open_ones) > _LONGEST else ""
    return [f"{', '.join(open_ones[:_LONGEST])}{more}: no exact version is asked for; the newest is taken when the image is built"]


def _open(line: str, *, pip: bool) -> bool:
    """Return whether a package may be of several versions. conda's own `pip` and `python=3.11` say enough: what they bring is not what is trained with."""
    word = line.split("#", maxsplit=1)[0].strip()
    if not word or word.startswith("-") or "://" in word or word == "pip":
        return False
    return ("==" not in word) if pip else _EXACT.search(word) is None
