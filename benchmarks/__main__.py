"""`make bench [ONLY=names]`: measure, and write what was found into docs/benchmarks.md.

python -m benchmarks                    all sections
python -m benchmarks engine sweep       two of them; the others stay as they were measured
"""

import datetime as dt
import importlib
import os
import platform
import sys
from pathlib import Path

from mlops.settings import read_project

SECTIONS = {
    "whole": "The whole way on all 336,776 flights",
    "setup": "Set-up from a warm package cache",
    "serving": "The endpoint beside three others",
    "engine": "The engine beside other tools that run pipelines",
    "azure": "Submitting to Azure ML beside the bare SDK",
    "sweep": "A sweep of 64 trials beside Optuna alone",
    "contract": "The data contract beside pandera and pandas by hand",
}
ABOUT_THE_EXAMPLE = {"whole", "serving"}
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmarks.md"
HEAD = "# Benchmarks\n\nWritten by `make bench`. Medians; what is compared was interleaved in one run."


def machine() -> str:
    """Return this machine in one line."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def main(names: list[str]) -> None:
    """Run the named sections, or all of them, and write each into the page in the place of what was measured before."""
    if unknown := [name for name in names if name not in SECTIONS]:
        raise SystemExit(f"error: there is no section {unknown[0]!r}: {', '.join(SECTIONS)}")
    for name, title in SECTIONS.items():
        if names and name not in names:
            continue
        if name in ABOUT_THE_EXAMPLE and "flights" not in read_project(ROOT).models:
            print(f"{title}: left out, the template's own example is not here", file=sys.stderr)
            continue
        print(f"{title} ...", file=sys.stderr)
        module = importlib.import_module(f"benchmarks.{name}")
        figures = module.table(module.run())
        today = dt.datetime.now(tz=dt.UTC).date()
        body = f"{(module.__doc__ or '').strip()}\n\nMeasured on {today}, on {machine()}.\n\n{figures}"
        print(f"## {title}\n\n{body}\n")
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), title, body), encoding="utf-8")


def with_section(page: str, title: str, body: str) -> str:
    """Return the page with this section in the place of its last one, and the sections in their order."""
    parts = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    parts[title] = f"\n{body}"
    return "\n\n".join([HEAD, *(f"## {name}\n\n{parts[name].strip()}" for name in SECTIONS.values() if name in parts)]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
