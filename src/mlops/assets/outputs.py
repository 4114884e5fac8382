"""What a step wrote, where its YAML wants it to be found later: as a version of a data or model asset, or in a datastore."""

from __future__ import annotations

import os
from pathlib import Path

from mlops.assets.store import Draft, Version
from mlops.files import unwritable
from mlops.spec import expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops.assets.lookup import LocalAssets
    from mlops.assets.store import AssetStore
    from mlops.spec.values import Output

DEFAULT_DATASTORE = "workspaceblobstore"


def register_output(store: AssetStore, output: Output, made: Path, origin: str, *, again: bool = False) -> Version:
    """Register what a step wrote as the asset that its declaration names.

    Args:
        store: Where to.
        output: Its declaration; `asset_name` says what it is to be called.
        made: What was written; nobody writes to it again.
        origin: Which run, step and output it is.
        again: Whether the step was reused: then bytes that are the newest version already are that one.

    Raises:
        UsageError: The version that it is to be is there with other content.
    """
    kind = "model" if output.type.endswith("_model") else "data"
    draft = Draft(kind, str(output.asset_name), output.asset_version, output.type, path=made, origin=origin, link=True)
    return store.create(draft, anew=not again)


def publish(assets: LocalAssets, output: Output, made: Path, name: str) -> Path | None:
    """Copy what a step wrote to the datastore's path that its declaration names; return where, or None where it names none that is here.

    Args:
        assets: Who knows where datastores are.
        output: Its declaration.
        made: What was written.
        name: What `${{name}}` stands for.

    Raises:
        UsageError: The path leads out of its datastore.
        PlatformError: The disk is full, or not writable.
    """
    if output.path is None:
        return None
    filled = expressions.fill(output.path, lambda parts: {"name": name, "default_datastore": DEFAULT_DATASTORE}.get(".".join(parts)))
    target = assets.place(filled)
    if target is None:
        return None
    if made.is_file() and (filled.endswith("/") or target.is_dir()):
        target = target / made.name
    try:
        _copy(made, target)
    except OSError as error:
        raise unwritable(target, error) from error
    return target


def _copy(made: Path, target: Path) -> None:
    """Copy a file, or each file of a folder, over what has its name; each is whole or as it was, and others stay."""
    import shutil
    import tempfile

    for path in [made] if made.is_file() else [p for p in sorted(made.rglob("*")) if p.is_file()]:
        place = target / path.relative_to(made) if made.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as stage:
            os.replace(shutil.copyfile(path, Path(stage) / "copy"), place)
