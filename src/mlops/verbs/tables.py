"""What the verbs about contracts speak of: one contract, and the tables that are held against it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.api import place
from mlops.errors import UsageError
from mlops.place import PROJECT_FILE
from mlops.settings import choose_model, read_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from mlops.contract.rules import Contract, Table
    from mlops.contract.tables import Chunks
    from mlops.settings import ModelSettings


def contract_file(given: str, model: str | None = None) -> Path:
    """Return the contract that is meant: the one that is named, a model's, or the only one in data/.

    Raises:
        UsageError: There is none, or more than one; or no such model.
    """
    if given:
        return Path(given)
    root, _ = place()
    found = sorted((root / "data").glob("*.odcs.yml"))
    if model is not None or (len(found) > 1 and (root / PROJECT_FILE).is_file()):
        return root / choose_model(read_project(root), model).contract
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(str, found)) or "none"
    raise UsageError(f"which contract? In data/: {names}", hint="Name it, as in --contract data/NAME.odcs.yml")


def model_of(contract: Path, model: str | None) -> ModelSettings | None:
    """Return the model whose tables a contract is about: the one that is named, or whose contract it is; None where there is no project.

    Raises:
        UsageError: There is no such model; or there are several, the contract is none of theirs, and none is named.
    """
    root, _ = place()
    if not (root / PROJECT_FILE).is_file():
        return None
    project = read_project(root)
    its = [one.name for one in project.models.values() if (root / one.contract).resolve() == contract.resolve()]
    return choose_model(project, model or (its[0] if len(its) == 1 else None))


def data_folder(given: str, model: ModelSettings | None, *, needed: bool = True) -> Path | None:
    """Return where the tables are: the folder that is named, or what the newest run of a model's pipeline imported.

    Raises:
        UsageError: It is not there, or no run has one.
    """
    from mlops.local.runs import read_runs

    if given:
        if not Path(given).is_dir():
            raise UsageError(f"there is no folder {given!r}", hint="It holds a file or a folder for each table of the contract.")
        return Path(given)
    _, home = place()
    for facts in read_runs(home):
        folder = home / "runs" / str(facts["run"]) / "steps/import/outputs/raw"
        if folder.is_dir() and (model is None or model.pipeline == facts.get("pipeline")):
            return folder
    if needed:
        whose = f" of {model.name}" if model else ""
        raise UsageError(f"no run{whose} has imported data yet", hint="make run, or --data DIR with a file for each table, by its name.")
    return None


def tables_of(contract: Contract, given: str, model: str | None = None, *, needed: bool = True) -> dict[str, pd.DataFrame | Chunks]:
    """Return the tables that a contract is held against.

    Args:
        contract: The contract.
        given: A folder of tables; for a contract of one table whatever `mlops adopt` takes as well; empty for what the model's newest run
            imported, or else the data beside the contract (data/NAME/source.yml).
        model: Whose run that is, where the contract does not say it.
        needed: Whether it is an error that there are none; else nothing is returned.

    Raises:
        UsageError: There are none.
        JobFailed: One cannot be read.
    """
    from mlops.datasets.reading import read
    from mlops.datasets.source import FILE, read_source

    table = contract.tables[0]
    alone, beside = len(contract.tables) == 1, contract.path.parent / contract.path.name.partition(".")[0] / FILE
    if alone and given and not (Path(given) / f"{table.name}.parquet").is_file():
        return {table.name: _read(table, given)}
    try:
        whose = None if given else model_of(contract.path, model)
        folder = data_folder(given, whose, needed=needed and not (alone and beside.is_file()))
    except UsageError:
        if needed or given or model:
            raise
        return {}  # nobody's contract, and several models
    if folder is None and alone and beside.is_file():
        return {table.name: read(read_source(beside), types=table.types)}
    return read_tables(contract.tables, folder) if folder else {}


def read_tables(wanted: Iterable[Table], folder: Path) -> dict[str, pd.DataFrame | Chunks]:
    """Return tables of a folder, each from TABLE.parquet, or from the one file or folder of its name that `mlops adopt` would take.

    Raises:
        JobFailed: One is not there or cannot be read.
    """
    from mlops.contract.tables import memory_limit, open_table

    found: dict[str, pd.DataFrame | Chunks] = {}
    for table in wanted:
        plain = folder / f"{table.name}.parquet"
        others = [path for path in sorted(folder.glob(f"{table.name}*")) if path.name.partition(".")[0] == table.name]
        found[table.name] = (
            _read(table, str(others[0])) if len(others) == 1 and plain not in others else open_table(plain, memory_limit(None))
        )
    return found


def _read(table: Table, given: str) -> pd.DataFrame:
    """Return a table as its file shows it; what the contract says of a column goes before what its values look like."""
    from mlops.datasets.detection import detect
    from mlops.datasets.reading import read

    with tempfile.TemporaryDirectory(prefix="mlops-look-") as folder:
        source = detect(given, folder=Path(folder))
        source = replace(source, dates={name: form for name, form in source.dates.items() if table.types.get(name) != "string"})
        frame = read(source, types=table.types)
    return frame.drop(columns=[name for name in [source.partition] if name in frame and name not in table.types])


def whole(table: pd.DataFrame | Chunks) -> pd.DataFrame:
    """Return all rows of a table in memory."""
    import pandas as pd

    return table if isinstance(table, pd.DataFrame) else pd.concat(table.frames(), ignore_index=True)
