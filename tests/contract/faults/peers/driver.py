"""Run in a peer's own environment: learn from a reference file, then judge the untouched part and every spoilt one; write what failed as JSON.

A peer is a module with `fit(reference) -> judge`, where `judge(frame)` returns the names of the checks that failed. A file that cannot be read as
the reference was is caught as well, by the reader.
"""

import importlib
import json
import sys
import time
import traceback
import warnings
from pathlib import Path

import pandas as pd

warnings.filterwarnings("ignore")


def main(peer: str, folder: Path, out: Path) -> None:
    facts = json.loads((folder / "facts.json").read_text())
    reference = read(folder / "reference.csv", facts["times"])
    judge = importlib.import_module(peer).fit(reference, facts)
    sound = failed(judge, folder / "sound.csv", facts["times"])
    untouched = read(folder / "sound.csv", facts["times"])
    found, seconds = {}, time.monotonic()
    for path in sorted((folder / "spoilt").glob("*.csv")):
        found[path.stem] = ["undone"] if undone(path, untouched, facts["times"]) else sorted(failed(judge, path, facts["times"]) - sound)
    seconds = time.monotonic() - seconds
    alarms = {}
    for number, label in enumerate(facts["parts"][1:], start=1):
        before = [read(folder / "parts" / f"{name}.csv", facts["times"]) for name in facts["parts"][:number]]
        judge = importlib.import_module(peer).fit(pd.concat(before, ignore_index=True), facts)
        alarms[label] = sorted(failed(judge, folder / "parts" / f"{label}.csv", facts["times"]))
    out.write_text(json.dumps({"sound": sorted(sound), "found": found, "alarms": alarms, "seconds": round(seconds, 1)}, indent=1))


def read(path: Path, times: list[str]) -> pd.DataFrame:
    """Read a file as most do: types are guessed, and the columns that are times are parsed."""
    return pd.read_csv(path, parse_dates=[name for name in times if name], low_memory=False)


def undone(path: Path, untouched: pd.DataFrame, times: list[str]) -> bool:
    """Return whether a spoilt file is read as if nothing had happened."""
    try:
        frame = read(path, times)
        return len(frame) == len(untouched) and frame[list(untouched)].equals(untouched)
    except Exception:
        return False


def failed(judge, path: Path, times: list[str]) -> set[str]:
    try:
        frame = read(path, times)
    except Exception as error:
        return {f"read_csv: {type(error).__name__}"}
    try:
        return set(judge(frame))
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        return {f"raised {type(error).__name__}"}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
