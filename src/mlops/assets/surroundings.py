"""What is around the steps of one run: the Python that each gets, and where its outputs go when it has ended well."""

from __future__ import annotations

import json
from pathlib import Path

from mlops.assets.images import image_of
from mlops.assets.interpreters import Interpreter, built, own
from mlops.assets.lookup import LocalAssets, open_assets
from mlops.assets.outputs import publish, register_output
from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.engine.events import Product
    from mlops.spec.values import Component


@dataclass
class Surroundings:
    """The assets and interpreters of one run.

    Args:
        root: The project.
        home: The state folder.
        packages: `project`, or `conda_file`.
        assets: Who found what the run's inputs are; without one, whoever knows it now.
        building: Whether an interpreter that is not there yet is built.
    """

    root: Path
    home: Path
    packages: str = "project"
    assets: LocalAssets | None = None
    building: bool = True
    _by_content: dict[str, Interpreter] = field(default_factory=dict, init=False)
    _by_component: dict[int, tuple[Component, Interpreter]] = field(default_factory=dict, init=False)

    @property
    def known(self) -> LocalAssets:
        self.assets = self.assets or open_assets(self.root, self.home)
        return self.assets

    def facts(self, path: Path) -> dict[str, str]:
        """Return which registered version is at `path`, where one is."""
        reference = self.known.versions.get(path)
        return {"asset": reference} if reference else {}

    def of(self, component: Component) -> Interpreter:
        """Return the interpreter of a component, which is built the first time that it is asked for.

        Raises:
            PlatformError: It cannot be built.
        """
        if id(component) not in self._by_component:
            base = component.place.source.path.parent
            wanted = component.environment
            key = wanted if wanted is None or isinstance(wanted, str) else json.dumps(wanted, sort_keys=True, default=str)
            key = f"{base} {key}"
            if key not in self._by_content:
                self._by_content[key] = self._interpreter(component, base)
            self._by_component[id(component)] = component, self._by_content[key]
        return self._by_component[id(component)][1]

    def environments(self) -> dict[str, dict[str, Any]]:
        """Return what each environment that was asked for is here, by what the run's record calls it at its steps."""
        return {one.asked: one.facts for one in self._by_content.values() if one.asked}

    def _interpreter(self, component: Component, base: Path) -> Interpreter:
        image = image_of(component.environment, base, self.known)
        if image is None or self.packages == "project":
            return own(image)
        return built(image, self.home, building=self.building)

    def hand_on(self, component: Component, products: Mapping[str, Product], origin: str, name: str, *, again: bool) -> dict[str, str]:
        """Register and publish the outputs whose declarations say so; return output -> the reference by which it is found.

        Args:
            component: Whose outputs they are.
            products: What was written.
            origin: Which run and step wrote it.
            name: What `${{name}}` stands for in an output's path.
            again: Whether the step was reused.

        Raises:
            UsageError: A version is there with other content.
            PlatformError: The disk is full, or not writable.
        """
        found = {}
        for one, product in products.items():
            output = component.outputs.get(one)
            if output is None or (output.path is None and not output.asset_name):
                continue
            made = Path(product.path)
            place = publish(self.known, output, made, name)
            if place is not None:
                found[one] = str(place)
            if output.asset_name:
                found[one] = register_output(self.known.store, output, made, f"{origin}, output {one}", again=again).reference
        return found
