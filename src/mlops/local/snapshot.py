"""The code that a step sees, and what it imports, read from the code itself.

On Azure ML a step's working directory is a copy of the whole `code` folder, so one edited script makes every step of the folder run again.
Here a step that is a plain `python SCRIPT` gets the script, the modules of the folder that it imports (and those that they import), and
every file that is not Python; nothing else is copied, so nothing else can matter, and an edit to one step leaves the others reused. A script
that imports by a name made at run time, or starts other programs, gets the whole folder.

All steps of a run see the code as it was when the run first looked at it, as on Azure ML: who edits a script meanwhile edits the next run.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import mlops
from mlops.errors import PlatformError
from mlops.files import digest_bytes, digest_file
from mlops.records import dataclass, field, replace
from mlops.spec import expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from typing import Any

    from pathspec import PathSpec

OURS = Path(mlops.__file__).parent
_NEVER = {".git", ".venv", ".mlops", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_DYNAMIC = {"importlib", "runpy", "subprocess", "multiprocessing", "joblib", "imp", "pkgutil"}
_STATIC = ("importlib.metadata", "importlib.resources")  # they import nothing, whatever their name says
_AHEAD = {"mlops.contract.metrics"}  # imports Great Expectations in half of its time, so it must come first
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*\"""")
_SMALL, _HOLD = 1 << 20, 64 << 20  # bytes of a file, and of all files, that are held in memory
_TREE = 0x400  # ast.PyCF_ONLY_AST: `ast` itself takes longer to import than a small script to read
_SHELL = set("|&;<>()$`\\*?[]{}~#!\n")


@dataclass(frozen=True)
class Code:
    """What one command runs: its files, and the third-party modules that they import."""

    files: Mapping[str, Path]
    """Path below the working directory -> where the file is now."""
    imports: tuple[str, ...]
    argv: tuple[str, ...]
    """The arguments behind `python`, where the command is a plain one; otherwise empty, and a shell runs it."""
    ours: Mapping[str, Path]
    """Files of this package that the command runs with `python -m mlops...`: they decide the outputs, and need no copy."""


def read_code(command: str, folder: Path | None, everything: Mapping[str, Path] | None = None) -> Code:
    """Find out what `command` runs in `folder`, without running it.

    Args:
        command: With its expressions filled in.
        folder: The component's `code`, a folder or a single file, or None.
        everything: The files of the folder, where they are known already.
    """
    if everything is None:
        everything = dict(_listing(folder)) if folder else {}
    argv = plain_python(command)
    if argv and argv[0] == "-m" and argv[1].split(".")[0] == "mlops":
        ours = _package_files(argv[1])
        # A `code` folder that holds this package brings it to Azure ML; here it is installed, and the rest of the folder decides nothing.
        brings = folder is not None and OURS.is_relative_to(folder.resolve())
        return Code({} if brings else everything, _third_party(ours), argv, ours)
    if argv and argv[0] in everything:
        needed = _closure(argv[0], everything)
        return Code(needed, _third_party(needed), argv, {})
    return Code(everything, (), argv if argv and argv[0] == "-m" else (), {})


def listing_imports(folder: Path) -> tuple[str, ...]:
    """Return the modules that any script below a folder imports and the folder does not hold."""
    return _third_party({name: path for name, path in _listing(folder) if name.endswith(".py")})


@dataclass
class Snapshot:
    """The code of one run: each folder is listed once, and each file read once, however many steps run it.

    Args:
        remembered: Digests a file that is too large to be held.
    """

    remembered: Callable[[Path], str] = digest_file
    _folders: dict[Path, dict[str, Path]] = field(default_factory=dict)
    _codes: dict[tuple[Any, ...], Code] = field(default_factory=dict)
    _files: dict[Path, _File] = field(default_factory=dict)
    _said: dict[tuple[int, re.Pattern[bytes]], tuple[Mapping[str, Path], bool]] = field(default_factory=dict)
    _held: int = 0

    def code(self, command: str, folder: Path | None) -> Code:
        """Return what `read_code` returns, found out once for all commands that run the same script of the same folder."""
        argv = plain_python(command)
        key = (folder, argv[:2] if argv[:1] == ("-m",) else argv[:1])
        if key not in self._codes:
            self._codes[key] = read_code(command, folder, self._listed(folder))
        return replace(self._codes[key], argv=argv if self._codes[key].argv else ())

    @property
    def codes(self) -> Iterable[Code]:
        """Everything that was asked for."""
        return self._codes.values()

    def mentions(self, code: Code, word: bytes) -> bool:
        """Return whether a file of the code has the word in it; one that is too large to be held is taken to."""
        held = [self._file(path).data for path in code.files.values()]
        return any(data is None or word in data for data in held)

    def says(self, code: Code, suffixes: Container[str], pattern: re.Pattern[bytes]) -> bool:
        """Return whether a file of the code with one of the suffixes has the pattern in it; one that is too large to be held is taken not to.

        Found out once for all steps that share the code.
        """
        known = self._said.get((id(code.files), pattern))
        if known is None or known[0] is not code.files:
            held = [self._file(path).data for name, path in code.files.items() if os.path.splitext(name)[1] in suffixes]
            known = code.files, any(data is not None and pattern.search(data) is not None for data in held)
            self._said[id(code.files), pattern] = known
        return known[1]

    def digest(self, path: Path) -> str:
        """Return the digest of a file of the code, as it was when it was first asked for."""
        return self._file(path).digest

    def holds(self, code: Code) -> bool:
        """Return whether every file of the code is held in memory: it is small, and a copy of it takes no time."""
        new = [path for path in code.files.values() if path not in self._files]
        return all(path.stat().st_size <= _SMALL for path in new) and all(self._file(path).data is not None for path in code.files.values())

    def copy(self, code: Code, target: Path) -> None:
        """Lay the files out below `target`, which becomes a step's working directory.

        Raises:
            PlatformError: A file that is too large to be held has changed since the run began.
        """
        made = {""}
        os.makedirs(target, exist_ok=True)
        for name, path in code.files.items():
            above = os.path.dirname(name)
            if above not in made:
                os.makedirs(target / above, exist_ok=True)
                made.add(above)
            self._file(path).write(target / name)

    def _listed(self, folder: Path | None) -> dict[str, Path]:
        if folder is None:
            return {}
        if folder not in self._folders:
            self._folders[folder] = dict(_listing(folder))
        return self._folders[folder]

    def _file(self, path: Path) -> _File:
        known = self._files.get(path)
        if known is None:
            stat = path.stat()
            data = path.read_bytes() if stat.st_size <= _SMALL and self._held + stat.st_size <= _HOLD else None
            self._held += len(data) if data is not None else 0
            known = _File(path, self.remembered(path) if data is None else digest_bytes(data), data, stat.st_mode & 0o777)
            self._files[path] = known
        return known


@dataclass(frozen=True)
class _File:
    path: Path
    digest: str
    data: bytes | None
    """What it holds; None where that is much."""
    mode: int

    def write(self, target: Path) -> None:
        if self.data is not None:
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, self.mode | 0o200), "wb") as file:
                file.write(self.data)
            return
        import shutil

        shutil.copy2(self.path, target)
        if digest_file(target) != self.digest:
            raise PlatformError(
                "a file of the code changed while the run went on", where=str(self.path), hint="Run the same command again."
            )


def plain_python(command: str) -> tuple[str, ...]:
    """Return the arguments behind `python` where the command is that and nothing a shell is needed for, else nothing."""
    text = command.replace("\\\n", " ").strip()
    if _SHELL & set(_QUOTED.sub("", text)):
        return ()
    try:
        words = expressions.words(text)
    except ValueError:
        return ()
    if len(words) < 2 or words[0] not in {"python", "python3"}:
        return ()
    is_script = words[1].endswith(".py") or (words[1] == "-m" and len(words) > 2)
    return tuple(words[1:]) if is_script else ()


def _listing(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a code folder, less what `.amlignore` (or, without one, `.gitignore`) leaves out."""
    if folder.is_file():
        yield folder.name, folder
        return
    ignored = _ignore(folder)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not _NEVER & set(name.parts) and not (ignored and ignored.match_file(name.as_posix())):
            yield name.as_posix(), path


def _ignore(folder: Path) -> PathSpec[Any] | None:
    for name in (".amlignore", ".gitignore"):
        if (folder / name).is_file():
            import pathspec

            return pathspec.PathSpec.from_lines("gitignore", (folder / name).read_text(encoding="utf-8").splitlines())
    return None


def _closure(script: str, everything: Mapping[str, Path]) -> dict[str, Path]:
    """Return the script, what it imports from its folder, and all that is not Python; all of the folder where imports cannot be told."""
    needed = {name: path for name, path in everything.items() if not name.endswith(".py")}
    waiting = [script]
    base = Path(script).parent
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed[name] = everything[name]
        modules = _imports(everything[name])
        if modules is None or any(module.split(".")[0] in _DYNAMIC and not module.startswith(_STATIC) for module in modules):
            return dict(everything)
        waiting += [file for module in modules for file in _local(module, base, everything)]
    return dict(sorted(needed.items()))


def _local(module: str, base: Path, everything: Mapping[str, Path]) -> list[str]:
    """Return the files of the folder that `import module` would run: packages above it included."""
    parts = module.split(".")
    found = []
    for count in range(1, len(parts) + 1):
        stem = base.joinpath(*parts[:count]).as_posix()
        found += [name for name in (f"{stem}.py", f"{stem}/__init__.py") if name in everything]
    return found


def _package_files(module: str) -> dict[str, Path]:
    """Return the files of this package that `python -m module` reaches by its imports, and the files beside them that are not Python."""
    found: dict[str, Path] = {}
    waiting = [module, f"{module}.__main__"]
    while waiting:
        name = waiting.pop()
        stem = OURS.parent.joinpath(*name.split("."))
        path = next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)
        if path is None or str(path) in found:
            continue
        found[str(path)] = path
        waiting += [m for m in _imports(path) or () if m.split(".")[0] == "mlops"]
    folder = OURS.joinpath(*module.split(".")[1:2])
    for extra in folder.glob("*") if folder != OURS and folder.is_dir() else ():
        if extra.is_file() and extra.suffix not in {".py", ".pyc"}:
            found[str(extra)] = extra
    return {path.relative_to(OURS.parent).as_posix(): path for path in sorted(found.values())}


def _third_party(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the modules that the files import and the folder does not hold, in the order of their first use."""
    local = {Path(name).parts[0].removesuffix(".py") for name in files} | {"mlops", "__future__"}
    names: dict[str, None] = {}
    for name, path in files.items():
        if name.endswith(".py"):
            names.update(dict.fromkeys(module for module in _imports(path) or () if module.split(".")[0] not in local or module in _AHEAD))
    return tuple(names)


def _imports(path: Path) -> tuple[str, ...] | None:
    """Return the modules that a file imports, or None where that cannot be told."""
    stat = path.stat()
    return _imports_of(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4096)
def _imports_of(path: Path, _modified: int, _size: int) -> tuple[str, ...] | None:
    try:
        tree = compile(path.read_bytes(), str(path), "exec", _TREE, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    names: dict[str, None] = {}
    nodes: list[Any] = [tree]
    for node in nodes:  # as `ast.walk` goes: what is below a node comes after all of its own level
        kind = type(node).__name__
        if kind == "Import":
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif kind == "ImportFrom":
            if node.level:
                return None
            names[str(node.module)] = None
            names.update(dict.fromkeys(f"{node.module}.{alias.name}" for alias in node.names))
        elif kind == "Name" and node.id in {"__import__", "exec", "eval", "open_code"}:
            return None
        for name in node._fields:
            below = getattr(node, name, None)
            nodes += [one for one in (below if isinstance(below, list) else (below,)) if hasattr(one, "_fields")]
    return tuple(names)
