"""`additional_includes`: files and folders from elsewhere that are laid into a step's working directory beside its code."""

from __future__ import annotations

from mlops.files import digest_bytes, write_atomic
from mlops.local.snapshot import Code, read_code
from mlops.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold: two of the same files are the same bytes


def with_includes(code: Code, includes: Iterable[Path], cache: Path) -> Code:
    """Return the code with each file and folder of `includes` under its own name; what the code has already stays.

    Args:
        code: The code.
        includes: As the component names them. `shared.zip`, where there is no such file but a folder `shared`, is that folder as a zip.
        cache: Where zips are kept that are made of folders.
    """
    files: dict[str, Path] = {}
    for path in includes:
        content = zip_of(path)
        if content is not None:
            kept = cache / digest_bytes(content).removeprefix("sha256:") / path.name
            if not kept.is_file():
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(kept, content)
            files[path.name] = kept
            continue
        below = "" if path.is_file() else f"{path.name}/"
        files |= {f"{below}{name}": file for name, file in read_code("", path).files.items()}
    return replace(code, files={**files, **code.files}) if files else code


def zip_of(path: Path) -> bytes | None:
    """Return `shared.zip` as it is made of the folder `shared`; None where `path` is no such name, or there is a file of it."""
    folder = path.with_suffix("")
    if path.suffix != ".zip" or path.exists() or not folder.is_dir():
        return None
    import io
    import zipfile

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, one in sorted(read_code("", folder).files.items()):
            file.writestr(zipfile.ZipInfo(name, _DAY), one.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()
