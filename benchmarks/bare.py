"""The user's own code of the training pipeline, called in one process with nothing around it: the yardstick of the template's overhead.

It reads the commands of a finished run and calls the same scripts with the same arguments, in order, their outputs in a folder of its own.
Prints the seconds of each step as JSON.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import time
from pathlib import Path

from mlops.files import read_json
from mlops.local.snapshot import plain_python


def main() -> None:
    """Take the run folder, the folder of the scripts, and an empty folder for outputs as arguments."""
    run, code, out = (Path(word).resolve() for word in sys.argv[1:4])
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{out / 'mlflow.db'}"
    sys.path.insert(0, str(code))
    os.chdir(code)
    seconds = {}
    for name, step in read_json(run / "run.json")["steps"].items():
        if name == "compare":
            continue
        command = step["command"].replace(str(run / "steps"), str(out))
        for output in step["outputs"].values():
            Path(output["path"].replace(str(run / "steps"), str(out))).parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        _call(plain_python(command))
        seconds[name] = time.perf_counter() - began
    print(json.dumps(seconds))


def _call(argv: tuple[str, ...]) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        if argv[0] == "-m":
            sys.argv = list(argv[1:])
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(argv)
            runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
