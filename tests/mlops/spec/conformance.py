"""docs/conformance.md: each key of each schema, what becomes of it here, and the file of the corpus that shows it.

`python -m tests.mlops.spec.conformance` writes the page anew; a test fails where it is stale.
"""

import ast
from pathlib import Path

from tests.mlops.spec.cases import cases, problems

from mlops.assets import definition
from mlops.spec import distribution, environment, ports, schemas, sweep
from mlops.spec.flow import FLOWS
from mlops.spec.keys import EXECUTED, REFUSED, WITHOUT_EFFECT
from mlops.spec.reading import Here

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/conformance.md"
MEANING = [ROOT / "tests/mlops/local/test_language.py", ROOT / "tests/mlops/local/test_flow.py"]
INTRO = """\
# Conformance

What becomes of each key of Azure ML's YAML on this machine. Written by `python -m tests.mlops.spec.conformance` from the tables that the reader
itself judges by; a test fails when this page is stale, and another when azure-ai-ml knows a key that is missing here. The files are those of
`tests/mlops/spec/corpus`: azure-ai-ml judges each of them in the tests (with the switch of its private preview on, which control flow needs there
and nothing else), and where its verdict is another than ours, the reason stands below.

What is accepted without effect is listed by `mlops run FILE --why`. Everything else that a file says is executed, or refused before any work starts.
"""


def tables():
    """Every table of keys, by the name of its schema."""
    named = {f"{kind}Job": table for kind, table in schemas.JOBS.items()}
    named |= {f"{kind}Component": table for kind, table in schemas.COMPONENTS.items()}
    named |= {f"a {kind} job in a pipeline": table for kind, table in schemas.NODES.items()}
    named |= {f"a {kind} job in a pipeline": table for kind, table in FLOWS.items()}
    named |= {
        "an input of a component: a value": ports.LITERAL_INPUT,
        "an input of a component: a file or folder": ports.ASSET_INPUT,
        "an output of a component": ports.DECLARED_OUTPUT,
        "an input of a job": ports.GIVEN_INPUT,
        "an output of a job": ports.GIVEN_OUTPUT,
        "settings": schemas.SETTINGS,
        "environment, in a job": environment.ENVIRONMENT,
    }
    named |= {f"a {kind} distribution": table for kind, table in distribution.TABLES.items()}
    named |= {f"{kind} sampling": table for kind, table in sweep.SAMPLING.items()}
    named |= {f"a search space: {kind}": table for kind, table in sweep.SPACES.items()}
    named |= {f"{kind} early termination": table for kind, table in sweep.POLICIES.items()}
    below = {
        f"`{name}` of {title}": inner
        for title, table in named.items()
        for name, key in table.items()
        for inner in (key.inner, key.each)
        if inner
    }
    seen, result = set(), {}
    for title, table in (named | below).items():
        if id(table) not in seen:
            seen.add(id(table))
            result[title] = table
    return result


def shown():
    """Table and key -> the first file of the corpus that has it, valid ones before others; found by watching the reader judge."""
    found, judge = {}, Here.judge
    for case in sorted(cases(), key=lambda case: (case.kind != "valid", case.path.stem)):

        def watched(self, value, table, what, case=case):
            for name in value:
                found.setdefault((id(table), str(name)), case.path.stem)
            judge(self, value, table, what)

        Here.judge = watched
        try:
            problems(case)
        finally:
            Here.judge = judge
    return found


def page():
    """Return the whole page."""
    by = shown()
    keys = [key for table in tables().values() for key in table.values()]
    counts = {fate: sum(key.fate == fate for key in keys) for fate in (EXECUTED, WITHOUT_EFFECT, REFUSED)}
    parts = [
        INTRO,
        f"{len(keys)} keys in {len(tables())} tables: " + ", ".join(f"{count} {fate}" for fate, count in counts.items()) + ".\n",
    ]
    parts += ["## Where azure-ai-ml and this machine differ\n", _differences(), "## What is executed, as tests\n", _meaning()]
    for title, table in tables().items():
        rows = [f"| `{name}` | {_fate(key)} | {by.get((id(table), name), '')} |" for name, key in sorted(table.items())]
        parts.append("\n".join([f"## {title}\n", "| key | here | shown by |", "|---|---|---|", *rows, ""]))
    return "\n".join([*parts, _assets()])


def _fate(key):
    return key.fate + (f": {key.why}" if key.why else "") + (f". {key.hint}" if key.hint else "")


def _differences():
    rows = [f"| {case.path.stem} | {case.kind} | {case.reason} |" for case in cases() if case.by_azure != case.here]
    return "\n".join(["| file | | why |", "|---|---|---|", *rows, ""])


def _meaning():
    names = [
        node.name
        for path in MEANING
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return "\n".join([*(f"- {name.removeprefix('test_').replace('_', ' ')}" for name in names), ""])


def _assets():
    rows = [
        f"| {kind} | {', '.join(f'`{name}`' for name, key in sorted(table.items()) if key.fate == fate)} | {fate}{said} |"
        for kind, table in definition.SCHEMAS.items()
        for fate, said in ((EXECUTED, f": `mlops {kind} create -f FILE` keeps it"), (WITHOUT_EFFECT, ": the service's own"))
    ]
    return "\n".join(["## data, model, environment, as assets\n", "| schema | keys | here |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)
