"""`make adoptions`: adopt every table, two at a time, take each to production, and write the table of docs/adopt.md.

python -m benchmarks.adoptions              all of them
python -m benchmarks.adoptions iris wine    these, printed only
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.__main__ import machine
from benchmarks.adoptions.adoption import Result, adopt
from benchmarks.adoptions.tables import TABLES, Table

PAGE = Path(__file__).parents[2] / "docs/adopt.md"
BEGIN, END = "<!-- adoptions: begin -->", "<!-- adoptions: end -->"
AT_ONCE = 2
LARGE = ("million", "flights-arrival", "wide", "movies", "diamonds")
"""Begun first, so that no worker ends alone with one."""


def main(names: list[str]) -> int:
    """Adopt the named tables, or all; return 1 where one of them broke."""
    unknown = sorted(set(names) - {table.name for table in TABLES})
    if unknown:
        print(f"error: no table is called {', '.join(unknown)}. There are: {', '.join(table.name for table in TABLES)}", file=sys.stderr)
        return 2
    chosen = [table for table in TABLES if not names or table.name in names]
    results = run(sorted(chosen, key=lambda table: table.name not in LARGE), page=None if names else PAGE)
    broken = [result for result in results if result.broke]
    for result in broken:
        print(f"\n{result.table.name}: {result.broke}", file=sys.stderr)
    print(f"\n{len(results) - len(broken)} of {len(results)} tables went as they should")
    return 1 if broken else 0


def run(tables: list[Table], page: Path | None = None) -> list[Result]:
    """Adopt them, `AT_ONCE` at a time, and return the results in the order of TABLES; after each the page says what is known by then."""
    place, began, found = Path(tempfile.mkdtemp(prefix="adoptions-")), time.monotonic(), {}
    with threadpool_limits(1), ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(_one, table, place): table for table in tables}
        for done in as_completed(waiting):
            result = found[waiting[done].name] = done.result()
            print(f"{time.monotonic() - began:6.0f} s  {line(result)}", flush=True)
            if page:
                write(page, _ordered(found))
    return _ordered(found)


def _ordered(found: dict[str, Result]) -> list[Result]:
    return [found[table.name] for table in TABLES if table.name in found]


def _one(table: Table, place: Path) -> Result:
    (place / table.name).mkdir()
    return adopt(table, place / table.name)


def line(result: Result) -> str:
    """Return a row of the page's table."""
    table, yardstick = result.table, result.yardstick
    ended = f"**{result.broke.splitlines()[0][:120]}**" if result.broke else ""
    size = f"{result.rows:,} x {result.columns}" if result.rows else ""
    numbers = (yardstick.ours, yardstick.dummy, yardstick.by_hand)
    told = " | ".join("" if value is None else f"{value:.4g}" for value in numbers)
    seconds = f"{result.adopt:.0f} + {result.run:.0f} + {result.checks:.0f}" if result.run else ""
    return f"| {table.name} | {table.origin} | {table.about or ' '} | {size} | {result.task} | {result.metric} | {told} | {seconds} | {ended} |"


def write(page: Path, results: list[Result]) -> None:
    """Put the results between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    day = dt.datetime.now(tz=dt.UTC).date()
    head = [
        f"Written by `make adoptions` on {day}, on {machine()}: {len(results)} of {len(TABLES)} tables, {AT_ONCE} at a time.",
        "",
        "| table | from | what is odd | rows x columns | task found | metric | here | dummy | by hand | seconds: adopt + run + checks | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    page.write_text("\n".join([before + BEGIN, *head, *map(line, results), END + rest.partition(END)[2]]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
