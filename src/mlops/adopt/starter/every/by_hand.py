"""One step of a pipeline in this process, with the values of its YAML: for a notebook, a debugger, a test.

from by_hand import Pipeline
flow = Pipeline("src/pipelines/train.yml", "out", max_iter=20)
flow.run("import")               # writes out/import/raw; the next step finds it there
flow.run("train", seed=8)
"""

import contextlib
import importlib
import re
import shlex
import sys
from pathlib import Path

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
HERE = Path(__file__).parent


class Pipeline:
    def __init__(self, path, folder, **inputs):
        """`folder` gets the outputs, as STEP/OUTPUT; `inputs` take the place of the pipeline's own."""
        self.path, self.folder = Path(path).resolve(), Path(folder).resolve()
        self.body = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        own = {name: self.plain(value) for name, value in self.body["inputs"].items()}
        self.inputs = own | {name: str(value) for name, value in inputs.items()}

    def run(self, step, **changes):
        """Run one step, with `changes` to its inputs, and return its outputs by name."""
        job = self.body["jobs"][step]
        component = yaml.safe_load((self.path.parent / job["component"]).read_text(encoding="utf-8"))
        values = {name: declared["default"] for name, declared in component["inputs"].items() if "default" in declared}
        values |= {name: EXPRESSION.sub(self.look_up, str(value)) for name, value in job["inputs"].items()} | changes
        outputs = {name: self.folder / step / name for name in component["outputs"]}
        (self.folder / step).mkdir(parents=True, exist_ok=True)
        known = {f"inputs.{name}": value for name, value in values.items()} | {f"outputs.{name}": path for name, path in outputs.items()}
        words = [EXPRESSION.sub(lambda match: str(known[match[1]]), word) for word in shlex.split(component["command"])]
        script, arguments = (f"{words[2]}.__main__", words[3:]) if words[1] == "-m" else (words[1].removesuffix(".py"), words[2:])
        with own_modules():
            code = importlib.import_module(script).main(arguments)
        if code:
            raise SystemExit(code)
        return outputs

    def look_up(self, match):
        _, kind, name, *rest = match[1].split(".")
        return self.inputs[name] if kind == "inputs" else str(self.folder / name / rest[1])

    def plain(self, value):
        """Return an input as the command gets it: a file of the pipeline's folder by its whole path."""
        return str((self.path.parent / value["path"]).resolve()) if isinstance(value, dict) and "path" in value else str(value)


@contextlib.contextmanager
def own_modules():
    """Let `import model` find the file of this folder, whatever else is called so in this process, and forget it afterwards."""
    names = {path.stem for path in HERE.glob("*.py")} - {"by_hand"}
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(HERE))
    try:
        yield
    finally:
        sys.path.remove(str(HERE))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(others)
