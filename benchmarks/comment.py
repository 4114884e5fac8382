"""Draws docs/images/comment.png: the comment on a pull request, from two real deliveries, as GitHub would show it.

    python -m benchmarks.comment PACKAGES

PACKAGES is a folder in which `npm install marked github-markdown-css mermaid` was run. It needs Chromium, which also parses each chart.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mlops.delivery.way import Delivery
from mlops.delivery.workspace import ENVIRONMENTS, open_workspace
from mlops.report import comment, verdict
from mlops.serving import endpoint

ROOT = Path(__file__).parents[1]
SCRIPTS = ("marked/lib/marked.umd.js", "mermaid/dist/mermaid.min.js")
STYLE = "github-markdown-css/github-markdown-light.css"
OPEN = ("What changed", "Curves")
WIDTH = 980
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
)
PAGE = """<!doctype html><meta charset="utf-8"><style>%(style)s
body { margin: 16px; background: #fff; } .box { border: 1px solid #d1d9e0; border-radius: 6px; max-width: 912px; margin: auto; }
.head { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; font: 14px system-ui, "DejaVu Sans", sans-serif; color: #59636e; }
.head b { color: #1f2328; } .head i { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 6px; font-size: 12px; font-style: normal; }
.markdown-body { padding: 16px; font-size: 14px; } .mermaid { text-align: center; background: none; } </style>
<div class="box"><div class="head"><b>github-actions</b> <i>bot</i> commented</div><div class="markdown-body"></div></div>
%(scripts)s<script>
const place = document.querySelector(".markdown-body"), broken = [], drawn = [];
place.innerHTML = marked.parse(%(markdown)s, {gfm: true});
for (const part of place.querySelectorAll("details")) part.open = %(open)s.some(name => part.querySelector("summary").innerText.startsWith(name));
mermaid.initialize({startOnLoad: false});
(async () => {
  for (const [n, source] of [...place.querySelectorAll("code.language-mermaid")].entries()) {
    try {
      await mermaid.parse(source.textContent);
      const {svg} = await mermaid.render("chart" + n, source.textContent);
      const chart = document.createElement("div");
      chart.className = "mermaid"; chart.innerHTML = svg;
      source.parentElement.replaceWith(chart); drawn.push(n);
    } catch (error) { broken.push(String(error)); }
  }
  document.body.dataset.told = JSON.stringify({broken, drawn: drawn.length, height: document.documentElement.scrollHeight,
    text: place.innerText, links: [...place.querySelectorAll("a")].map(a => a.getAttribute("href")), scripts: place.querySelectorAll("script, img, iframe").length});
})();
</script>"""


def write_page(markdown: str, packages: Path, place: Path, opened: tuple[str, ...] = OPEN) -> None:
    """Write the markdown as a page that looks like GitHub's."""
    modules = packages / "node_modules"
    told = json.dumps(markdown).replace("</", "<\\/")
    scripts = "".join(f'<script src="{(modules / name).as_uri()}"></script>' for name in SCRIPTS)
    style = (modules / STYLE).read_text(encoding="utf-8")
    place.write_text(PAGE % {"style": style, "scripts": scripts, "markdown": told, "open": json.dumps(opened)}, encoding="utf-8")


def look(page: Path, chromium: str, *options: str) -> dict:
    """Open a page in a browser with an empty profile, and return what it says of itself."""
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, *QUIET, f"--user-data-dir={profile}", *options, "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'data-told="([^"]*)"', done.stdout)
    if not found:
        raise RuntimeError(f"the page did not come to its end: {done.stdout[-400:]}")
    return json.loads(found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _quiet(event):
    """Nobody looks on."""
    del event


def delivered(state: Path) -> str:
    """Deliver the example, then a challenger that wins, and return the comment on the second."""
    os.environ["MLOPS_HOME"] = str(state)
    workspace = open_workspace(None)
    try:
        Delivery(workspace, _quiet).go()
        Delivery(workspace, _quiet, "registry", settings={"max_iter": "150"}).go()
    finally:
        for name in ENVIRONMENTS:
            endpoint.stop(workspace.endpoint(name))
    facts = verdict.check(json.loads(json.dumps(verdict.gather(state / "runs/2"))))
    return comment.render(facts, commit=facts["commit"], run_url="https://github.com/you/flights/actions/runs/1")


def main() -> None:
    """Deliver, render, parse the charts, and save what a browser shows."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comment", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("packages", type=Path, help="folder with node_modules")
    packages = parser.parse_args().packages.resolve()
    chromium = shutil.which("chromium") or sys.exit("there is no chromium: apt-get install chromium")
    os.chdir(ROOT)
    place = ROOT / "docs/images/comment.png"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "comment.html")
        write_page(delivered(Path(folder, "state")), packages, page)
        told = look(page, chromium, f"--window-size={WIDTH},600")
        if told["broken"]:
            sys.exit(f"charts that do not parse: {told['broken']}")
        size = f"--window-size={WIDTH},{told['height']}"
        with tempfile.TemporaryDirectory() as profile:
            command = [chromium, *QUIET, f"--user-data-dir={profile}", size, f"--screenshot={place}", page.as_uri()]
            subprocess.run(command, check=True, timeout=120, capture_output=True)
    print(place)


if __name__ == "__main__":
    main()
