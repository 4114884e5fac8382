"""Telemetry: counted and written beside the hot path, and never in its way."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from mlops.serving.telemetry import RotatingFile, Several, Telemetry

RECORD = (1.5, "id-1", "/score", 200, 3, 0.004, 7)


def metric(telemetry: Telemetry, name: str) -> str:
    return next(line.split()[-1] for line in telemetry.metrics('model="m"', 0).splitlines() if line.startswith(f"slipway_{name}"))


def test_a_request_is_a_line_without_what_was_asked(tmp_path: Path) -> None:
    """S8: no payload by default."""
    telemetry = Telemetry(RotatingFile(tmp_path / "requests.jsonl"))
    telemetry.tell(RECORD)
    telemetry.close()
    line = json.loads((tmp_path / "requests.jsonl").read_text())
    assert line == {"time": 1.5, "id": "id-1", "path": "/score", "status": 200, "rows": 3, "seconds": 0.004, "version": 7}


def test_a_disk_that_takes_nothing_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    """S8: the folder is gone."""
    telemetry = Telemetry(RotatingFile(tmp_path / "gone" / "requests.jsonl"))
    telemetry.tell(RECORD)
    telemetry.close()
    assert telemetry.dropped == 1
    assert metric(telemetry, "telemetry_dropped_total") == "1"
    assert metric(telemetry, "requests_total") == "1"


def test_a_full_device_is_counted(tmp_path: Path) -> None:
    """S8: ENOSPC, from the kernel."""
    telemetry = Telemetry(RotatingFile(Path("/dev/full")))
    telemetry.tell(RECORD)
    telemetry.close()
    assert telemetry.dropped == 1


def test_a_sink_that_hangs_costs_lines_and_not_memory() -> None:
    """S8: the queue has a bound."""
    go_on = threading.Event()

    class Hanging:
        def write(self, lines: str) -> None:
            go_on.wait(5)

    telemetry = Telemetry(Hanging(), room=10, seconds=0.001)
    for _ in range(100):
        telemetry.tell(RECORD)
    assert telemetry.dropped >= 80
    go_on.set()
    telemetry.close()


def test_the_log_keeps_its_size_and_one_older_one(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "requests.jsonl", largest=1000)
    for number in range(100):
        log.write(f"{number:0100}\n")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2500
    assert "99" in "".join(path.read_text() for path in tmp_path.iterdir())


def test_the_metrics_are_a_histogram_that_adds_up() -> None:
    telemetry = Telemetry(RotatingFile(Path("/dev/null")))
    telemetry.tell(RECORD)
    telemetry.tell((*RECORD[:5], 99.0, 7))
    telemetry.close()
    said = telemetry.metrics('model="m"', 2)
    assert 'slipway_request_seconds_bucket{le="0.005",model="m"} 1' in said
    assert 'slipway_request_seconds_bucket{le="+Inf",model="m"} 2' in said
    assert 'slipway_batches_total{model="m"} 2' in said


def test_of_several_sinks_one_that_fails_harms_no_other_and_is_counted(tmp_path: Path) -> None:
    left: list[str] = []
    sinks = Several(RotatingFile(Path("/dev/full")), RotatingFile(tmp_path / "requests.jsonl"))
    telemetry = Telemetry(sinks, then=lambda: left.append("closed"))
    telemetry.tell(RECORD)
    telemetry.close()
    assert (telemetry.dropped, left) == (1, ["closed"])
    assert json.loads((tmp_path / "requests.jsonl").read_text())["id"] == "id-1"
