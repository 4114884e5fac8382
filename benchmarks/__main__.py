"""`make bench`: measure everything, and write docs/benchmarks.md.

python -m benchmarks            all sections
python -m benchmarks serving    one of them, printed only
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
    "sweep": "A sweep of 64 trials beside Optuna alone",
    "contract": "The data contract beside pandera and pandas by hand",
}
ABOUT_THE_EXAMPLE = {"whole", "serving"}
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmarks.md"


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
    """Run the named sections, or all of them and write the page."""
    parts = []
    for name, title in SECTIONS.items():
        if names and name not in names:
            continue
        if name in ABOUT_THE_EXAMPLE and "flights" not in read_project(ROOT).models:
            print(f"{title}: left out, the template's own example is not here", file=sys.stderr)
            continue
        print(f"{title} ...", file=sys.stderr)
        module = importlib.import_module(f"benchmarks.{name}")
        parts.append(f"## {title}\n\n{(module.__doc__ or '').strip()}\n\n{module.table(module.run())}\n")
        print(parts[-1])
    if not names:
        today = dt.datetime.now(tz=dt.UTC).date()
        head = (
            f"# Benchmarks\n\nWritten by `make bench` on {today}, on {machine()}. Medians; what is compared was interleaved in one run.\n"
        )
        PAGE.write_text("\n".join([head, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
