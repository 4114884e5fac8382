"""Which recipes were cooked before, and where their outputs are.

One small file a recipe, written after its outputs are sealed; a second names the last recipe of each step, so that the reason for running
again can be told. Losing either costs a run and nothing else: what cannot be read, or is not the same bytes any more, was never there.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.engine.events import Product
from mlops.engine.freshness import SAME, Fresh, Recipe, Stale, compare
from mlops.errors import MlopsError
from mlops.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.local.digests import Digests


class Store:
    """The recipes under one folder."""

    def __init__(self, folder: Path, digests: Digests) -> None:
        self.folder = folder
        self.digests = digests

    def judge(self, step: str, recipe: Recipe) -> Fresh | Stale:
        """Say whether the outputs of `recipe` are there, whole, and why `step` must run where they are not.

        Args:
            step: A name that is the step's own across runs: pipeline and step.
            recipe: What decides its outputs now.
        """
        kept = _read(self._kept(recipe))
        outputs = {name: Product(**product) for name, product in kept.get("outputs", {}).items()}
        changed = next((name for name, product in outputs.items() if not self._whole(product)), None)
        if kept and changed is None:
            return Fresh(SAME, outputs, kept.get("summary", ""))
        if changed is not None:
            return Stale(f"its earlier output {changed} was changed or deleted")
        last = _read(self._last(step))
        return Stale(compare(Recipe(last["parts"]) if last else None, recipe))

    def keep(self, step: str, recipe: Recipe, outputs: Mapping[str, Product], summary: str) -> None:
        """Remember the sealed outputs of a recipe."""
        write_json(self._kept(recipe), {"step": step, "outputs": {n: asdict(p) for n, p in outputs.items()}, "summary": summary})
        self.remember(step, recipe)

    def remember(self, step: str, recipe: Recipe) -> None:
        """Note the recipe as the step's last one, so that the next difference is told against it."""
        path = self._last(step)
        if _read(path).get("parts") != dict(recipe.parts):
            write_json(path, {"step": step, "parts": dict(recipe.parts)})

    def _kept(self, recipe: Recipe) -> Path:
        return self.folder / recipe.key[:2] / f"{recipe.key[2:]}.json"

    def _last(self, step: str) -> Path:
        return self.folder / "last" / f"{hashlib.sha256(step.encode()).hexdigest()[:24]}.json"

    def _whole(self, product: Product) -> bool:
        try:
            return self.digests.of(Path(product.path)) == product.digest
        except OSError:
            return False


def _read(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except MlopsError:
        return {}
    return value if isinstance(value, dict) else {}
