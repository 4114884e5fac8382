"""Other tools on the same files, each in an environment of its own: what a person gets who installs it and takes what it comes with."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.faults.export import export
from tests.contract.faults.tables import Table

HERE = Path(__file__).parent
PEERS = {
    "gx": ("great-expectations==1.*", "pandas<3"),
    "pandera": ("pandera[pandas,io]==0.35.*", "pandas<3"),
    "evidently": ("evidently==0.7.23", "pandas<3"),
    "deepchecks": ("deepchecks==0.19.*", "pandas<2.3", "numpy<2", "scikit-learn<1.6", "setuptools<80"),
}
LIMIT = 1800
"""Seconds for one peer and one table."""


def compare(peer: str, table: Table, home: Path) -> dict:
    """Run a peer over the spoilt parts of a table; where it cannot be installed or run, say why."""
    try:
        python = installed(peer, home / "peers" / peer)
    except RuntimeError as error:
        print(f"{peer} is left out: {error}")
        return {"skipped": str(error)}
    folder, out = home / f"{table.name}.files", home / f"{table.name}.{peer}.found"
    if not (folder / "facts.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        export(table, folder)
    try:
        made = subprocess.run(
            [python, HERE / "driver.py", f"of_{peer}", folder, out], capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"not done in {LIMIT} seconds"}
    if made.returncode:
        return {"skipped": (made.stderr.strip().splitlines() or ["it failed"])[-1][:300]}
    return json.loads(out.read_text())


def installed(peer: str, place: Path) -> Path:
    """Return the Python of a peer's environment, made where it is not there yet.

    Raises:
        RuntimeError: It cannot be installed, with what the installer said.
    """
    python, done = place / "bin/python", place / "installed.txt"
    wanted = list(PEERS[peer])
    if done.exists() and done.read_text() == " ".join(wanted):
        return python
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    for command in (
        [uv, "venv", "-q", "--clear", "--python", sys.executable, place],
        [uv, "pip", "install", "-q", "--python", python, *wanted],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"cannot be installed: {made.stderr.strip()[-300:]}")
    done.write_text(" ".join(wanted))
    return python
