"""The contract's step beside pandera and pandas by hand, and on a table that is larger than what it may hold.

The same rules over the same files, 336,776 flights in twelve months with their weather, planes, airlines and airports: ours as it runs in the
pipeline (Great Expectations, told from the contract), pandera (in an environment of its own) and pandas as one would write it by hand. Once
with all rules, and once without the bands of each month's numbers, which by hand are a groupby each; the latter with ten years of flights as
well. Checks alone, warm, in interleaved rounds, in a process each. What is compared is the time of a processor: the machine does other things
as well. The memory is the most that the process took beside the tables. Then the step itself, cold, from its
start to its exit; and 20,000,000 generated rows in 80 row groups, of which 500 MB may be held.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT / "data/flights.odcs.yml"
HERE = Path(__file__).parent / "contracts"
PEERS = ("slipway", "pandas", "pandera")
CASES = (("all", 1), ("plain", 1), ("plain", 10))
"""Which rules, over how many years of flights."""
ROUNDS = 5
LARGE = 20_000_000


def run(rounds: int = ROUNDS, large: int = LARGE) -> dict[str, Any]:
    """Measure all three in interleaved rounds, the step by itself, and the large table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = _raw(folder)
        python = _environment(folder / "pandera")
        figures: dict[str, Any] = {f"{peer} {rules} {years}": [] for rules, years in CASES for peer in PEERS}
        for _ in range(rounds):
            for case, found in figures.items():
                peer, rules, years = case.split()
                found.append(_checked(peer, python if peer == "pandera" else Path(sys.executable), raw, rules, years))
        figures["rules"] = {rules: len(json.loads((raw / f"{rules}.json").read_text(encoding="utf-8"))) for rules, _ in CASES}
        figures["step"] = [_measured(_step(CONTRACT, raw, folder / "out")) for _ in range(rounds)]
        figures["large"] = _large(folder, large)
    return figures


def _raw(folder: Path) -> Path:
    """Import the flights, as the pipeline does."""
    data = ROOT / "data"
    options = ["--data", data / "nycflights13", "--contract", data / "flights.odcs.yml", "--months", "all", "--raw", folder / "raw"]
    options += ["--partitioned", "flights/*.csv.gz", "--tables", "weather.csv,planes.csv,airlines.csv,airports.csv"]
    subprocess.run([sys.executable, "ingest.py", *map(str, options)], cwd=ROOT / "src/project", check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, str(HERE / "plain.py"), str(CONTRACT), str(folder / "raw")], check=True)
    return folder / "raw"


def _environment(folder: Path) -> Path:
    """Make an environment with pandera beside the pandas that is measured here, and return its interpreter."""
    import pandas as pd
    import pyarrow as pa

    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin/python"
    wanted = ["pandera[pandas]", f"pandas=={pd.__version__}", f"pyarrow=={pa.__version__}"]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)
    return python


def _checked(peer: str, python: Path, raw: Path, rules: str, years: str) -> dict[str, float]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [str(python), str(HERE / f"{peer}_rules.py"), str(raw), str(CONTRACT), str(raw / f"{rules}.json"), years]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _step(contract: Path, raw: Path, out: Path, *more: str) -> list[str]:
    words = [word for name in ("valid", "quarantine", "report") for word in (f"--{name}", str(out / name))]
    return [sys.executable, "-m", "mlops.contract", "--contract", str(contract), "--data", str(raw), *words, *more]


def _measured(command: list[str]) -> dict[str, Any]:
    """Run a command; return its seconds, those of the processor, and the most memory that it held, in MB."""
    script = HERE / "measured.py"
    done = subprocess.run([sys.executable, str(script), *command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"said": done.stdout.splitlines()[:-1]}


def _large(folder: Path, rows: int) -> dict[str, Any]:
    (folder / "large").mkdir()
    maker = [sys.executable, str(HERE / "many_rows.py"), str(folder / "large/trips.parquet"), str(rows)]
    subprocess.run(maker, check=True)
    return _measured(_step(HERE / "trips.odcs.yml", folder / "large", folder / "large-out", "--memory", "500M")) | {"rows": rows}


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    rows = [_row(figures, peer, rules, years) for rules, years in CASES for peer in PEERS]
    step, large = figures["step"], figures["large"]
    told = (
        f"{_sentence(figures)} {len(step)} round{'s' * (len(step) != 1)}.\n\n"
        f"The step as a process of its own: {statistics.median(s['seconds'] for s in step):.2f} s, "
        f"{statistics.median(s['cpu'] for s in step):.2f} s of a processor, {max(s['peak'] for s in step):.0f} MB at most.\n\n"
        f"{large['rows']:,} rows: {large['seconds']:.0f} s, {large['cpu']:.0f} s of a processor, {large['peak']:.0f} MB at most. It said:\n\n"
    )
    said = "\n".join(f"    {line}" for line in large["said"])
    head = [
        "| what | rules | flights | seconds | of a processor | against by hand | memory beside the tables |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, "", told + said])


def _ratio(figures: dict[str, Any], peer: str, rules: str, years: int) -> float:
    """Return how many times the processor's time of pandas by hand it takes."""
    mine, hand = (statistics.median(one["cpu"] for one in figures[f"{who} {rules} {years}"]) for who in (peer, "pandas"))
    return mine / hand


def _sentence(figures: dict[str, Any]) -> str:
    """Return what the table says, against the goal of twice the time by hand."""
    parts = []
    for rules, years in CASES:
        ratio = _ratio(figures, "slipway", rules, years)
        parts.append(f"{ratio:.2f} times the time by hand with {figures['rules'][rules]} rules over {336_776 * years:,} flights")
    met = [_ratio(figures, "slipway", rules, years) <= 2 for rules, years in CASES]
    end = "within twice, in all of them." if all(met) else f"within twice in {sum(met)} of {len(met)}."
    return f"Ours takes {'; '.join(parts)}: {end}"


def _row(figures: dict[str, Any], peer: str, rules: str, years: int) -> str:
    found = figures[f"{peer} {rules} {years}"]
    seconds, cpu, peak, data = (statistics.median(one[name] for one in found) for name in ("seconds", "cpu", "peak", "data"))
    spread = f"{min(one['cpu'] for one in found):.2f} to {max(one['cpu'] for one in found):.2f}"
    ratio = f"{_ratio(figures, peer, rules, years):.2f}"
    rows = f"{336_776 * years:,}"
    return f"| {peer} | {figures['rules'][rules]} | {rows} | {seconds:.2f} | {cpu:.2f} ({spread}) | {ratio} | {peak:.0f} MB, {(peak + data) / data:.2f} times the data |"


if __name__ == "__main__":
    print(table(run()))
