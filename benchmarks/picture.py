"""Draws docs/images/run.svg: the screen of a real `make run`, from nothing, in a state folder of its own.

python -m benchmarks.picture
"""

import io
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mlops.delivery.way import Delivery
from mlops.delivery.workspace import ENVIRONMENTS, open_workspace
from mlops.report.live import Tree
from mlops.report.screen import closing
from mlops.serving import endpoint

ROOT = Path(__file__).parents[1]
WIDTH = 112


def main() -> None:
    """Deliver, and save what the terminal would show."""
    os.chdir(ROOT)
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO(), highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as state:
        os.environ["MLOPS_HOME"] = state
        workspace = open_workspace(None)
        try:
            with Tree(live=False, console=console) as tree:
                facts = Delivery(workspace, tree.apply).go()
            told = closing({**facts, "report": ".mlops/runs/1/report.html"}, width=WIDTH, colour=True)
            console.print(Text.from_ansi(told.replace(state, ".mlops")))
        finally:
            for name in ENVIRONMENTS:
                endpoint.stop(workspace.endpoint(name))
    place = ROOT / "docs/images/run.svg"
    place.parent.mkdir(exist_ok=True)
    drawn = console.export_svg(title="make run")
    place.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")  # no font from elsewhere
    print(place)


if __name__ == "__main__":
    main()
