"""Which recipes were cooked before, and where their outputs are.

One small file a recipe, written after its outputs are sealed; one a pipeline names the last recipe of each of its steps, so that the
reason for running again can be told. Losing either costs a run and nothing else: what cannot be read, or is not the same bytes any more,
was never there.
"""

from __future__ import annotations

import time
from pathlib import Path

from mlops.engine.events import Product
from mlops.engine.freshness import SAME, Fresh, Recipe, Stale, compare
from mlops.errors import MlopsError
from mlops.files import read_json, write_json
from mlops.hashing import sha256
from mlops.records import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.local.digests import Digests

_SAVE_EVERY = 5.0  # seconds


class Store:
    """The recipes under one folder, as one pipeline sees them.

    Args:
        folder: Where they are kept; it is made when the first is.
        pipeline: A name that is the pipeline's own across runs.
        digests: Tells whether outputs are still what they were.
    """

    def __init__(self, folder: Path, pipeline: str, digests: Digests) -> None:
        self.folder = folder
        self.digests = digests
        self._last_file = folder / "last" / f"{sha256(pipeline.encode()).hexdigest()[:24]}.json"
        self._last: dict[str, str] = _read(self._last_file).get("steps", {})
        self._pipeline = pipeline
        self._saved = time.monotonic()
        self._unsaved: dict[str, str] = {}
        self._noted: dict[str, dict[str, Any]] = {}

    def judge(self, step: str, recipe: Recipe) -> Fresh | Stale:
        """Say whether the outputs of `recipe` are there, whole, and why `step` must run where they are not."""
        kept = self._of(recipe.key)
        outputs = {name: Product(**product) for name, product in kept.get("outputs", {}).items()}
        changed = next((name for name, product in outputs.items() if not self.whole(product)), None)
        if kept and changed is None:
            return Fresh(SAME, outputs, kept.get("summary", ""))
        if changed is not None:
            return Stale(f"its earlier output {changed} was changed or deleted")
        last = self._of(self._last[step]) if step in self._last else {}
        return Stale(compare(Recipe(last["parts"]) if "parts" in last else None, recipe))

    def note(self, recipe: Recipe, outputs: Mapping[str, Product], summary: str) -> None:
        """Know the sealed outputs of a recipe before they are kept."""
        self._noted[recipe.key] = {"outputs": {name: plain(product) for name, product in outputs.items()}, "summary": summary}

    def keep(self, step: str, recipe: Recipe, outputs: Mapping[str, Product], summary: str) -> None:
        """Remember the sealed outputs of a recipe."""
        made = {name: plain(product) for name, product in outputs.items()}
        facts = {"step": f"{self._pipeline}:{step}", "outputs": made, "summary": summary, "parts": dict(recipe.parts)}
        write_json(Path(self._kept(recipe.key)), facts, compact=True, durable=False)
        self._noted.pop(recipe.key, None)
        self.remember(step, recipe)

    def remember(self, step: str, recipe: Recipe) -> None:
        """Note the recipe as the step's last one, so that the next difference is told against it."""
        if self._last.get(step) != recipe.key:
            self._last[step] = self._unsaved[step] = recipe.key
            if time.monotonic() - self._saved > _SAVE_EVERY:
                self.save()

    def save(self) -> None:
        """Write which recipes were the last; those of another process that runs the same pipeline stay, but for the same steps."""
        if self._unsaved:
            steps = {**_read(self._last_file).get("steps", {}), **self._unsaved}
            write_json(self._last_file, {"pipeline": self._pipeline, "steps": steps}, compact=True, durable=False)
            self._unsaved = {}
        self._saved = time.monotonic()

    def _kept(self, key: str) -> str:
        return f"{self.folder}/{key}.json"

    def _of(self, key: str) -> dict[str, Any]:
        """Return what is kept of a recipe; earlier releases kept it a folder deeper."""
        return self._noted.get(key) or _read(self._kept(key)) or _read(f"{self.folder}/{key[:2]}/{key[2:]}.json")

    def whole(self, product: Product) -> bool:
        """Return whether an output is there, and still what it was."""
        try:
            return self.digests.of(product.path) == product.digest
        except OSError:
            return False


def _read(path: Path | str) -> dict[str, Any]:
    try:
        value = read_json(path)
    except MlopsError:
        return {}
    return value if isinstance(value, dict) else {}
