"""Time a check of tables that are read already, after one that warms it up, and say what it took as JSON."""

import gc
import json
import threading
import time
from pathlib import Path

import pandas as pd


def read(folder, names, years=1):
    """Return tables by name; with the largest, which has a year in its key, so many times, each in a year of its own."""
    tables = {name: pd.read_parquet(Path(folder, f"{name}.parquet")) for name in names}
    if years > 1:
        name = max(tables, key=lambda name: len(tables[name]))
        tables[name] = pd.concat([tables[name].assign(year=tables[name]["year"] + n) for n in range(years)], ignore_index=True)
    return tables


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def timed(tables, check):
    """Run `check` twice, and print of the second: seconds, those of the processor, and the most memory beside what was held before, in MB."""
    check()
    gc.collect()
    peak, done = [_resident()], threading.Event()

    def watch():
        while not done.wait(0.002):
            peak.append(_resident())

    before = _resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    check()
    done.set()
    watcher.join()
    began, used = time.perf_counter(), time.process_time()
    found = check()
    figures = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used, "peak": max(peak) - before, "found": found}
    data = sum(table.memory_usage(deep=True).sum() for table in tables.values()) / 2**20
    print(json.dumps(figures | {"data": float(data)}))
