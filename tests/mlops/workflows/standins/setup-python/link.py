"""Make .venv in the working directory from the packages that the tests run with: what `make setup` would do in half a minute, in a moment."""

import sys
import venv
from pathlib import Path

here, base = Path.cwd(), Path(sys.prefix)
place = here / ".venv"
if not place.exists():
    venv.create(place, symlinks=True, with_pip=False)
    packages = next((place / "lib").glob("python3*/site-packages"))
    (packages / "tests.pth").write_text(f"{here / 'src'}\n{next((base / 'lib').glob('python3*/site-packages'))}\n")
    for name, module in {"mlops": "mlops.cli", "pytest": "pytest", "mypy": "mypy", "mlflow": "mlflow"}.items():
        program = place / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{place}/bin/python" -m {module} "$@"\n')
        program.chmod(0o755)
    for path in (base / "bin/ruff", base / "bin/uv"):
        (place / "bin" / path.name).symlink_to(path)
    (place / ".ready").touch()
    for programs in ("tools", "scan"):
        if (base / programs).exists():
            (place / programs).mkdir()
            (place / programs / "bin").symlink_to(base / programs / "bin")
            (place / programs / ".ready").touch()
