"""A folder with assets in the making: YAML beside the files that it names, and the place that they are registered in."""

from __future__ import annotations

import textwrap
from pathlib import Path

from mlops.assets.definition import read_definition, read_draft
from mlops.assets.lookup import LocalAssets, open_assets
from mlops.assets.store import Version


class Workshop:
    """`write` a file, `create` an asset of it; `assets` finds what is there."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / ".mlops"

    @property
    def assets(self) -> LocalAssets:
        return open_assets(self.root, self.home)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def create(self, kind: str, text: str, **settings: str) -> Version:
        return self.assets.store.create(read_draft(kind, read_definition(self.write(f"{kind}.yml", text), settings)))


CEREAL = "{name: cereal, type: uri_file, path: cereal.csv}"
COUNT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: count
inputs: {table: {type: uri_file}}
outputs: {lines: {type: uri_file}}
code: ./code
command: python count.py ${{inputs.table}} ${{outputs.lines}}
environment: {image: some/image, conda_file: {dependencies: [python=3.11, {pip: [rich>1, nowhere==1]}]}}
"""
SCRIPT = "import sys\nopen(sys.argv[2], 'w').write(str(len(open(sys.argv[1]).readlines())))\n"
