"""Time a check of tables that are read already, after one that warms it up, and say what it took as JSON."""

import gc
import json
import threading
import time
from pathlib import Path


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
