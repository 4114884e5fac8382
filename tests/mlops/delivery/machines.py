"""Machines that share a registry through a branch: clones of one bare remote. Verbs run on them as processes that may be killed at any point."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops.cli import main
from mlops.files import digest_folder
from mlops.serving import endpoint

fork = multiprocessing.get_context("fork")  # a child has MLflow imported already
BRANCH = "mlops-state/shops"


@dataclass(frozen=True)
class Ended:
    """How a verb ended; a code below zero is a signal."""

    code: int
    out: str
    err: str


@dataclass
class Running:
    process: Any
    folder: Path

    def wait(self) -> Ended:
        self.process.join(120)
        said = [path.read_text() if path.exists() else "" for path in (self.folder / "out", self.folder / "err")]  # killed before a word
        return Ended(self.process.exitcode, *said)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)


@dataclass
class Machine:
    """A clone, in which verbs run."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        return git(self.root, *words)

    def start(self, *words: str, spoil: Callable[[], None] = lambda: None, **env: str) -> Running:
        """Start a verb; `spoil` is called in its process first."""
        folder = Path(tempfile.mkdtemp(dir=self.root.parent))

        def work() -> None:
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY), number)
            os.chdir(self.root)
            os.environ.update({"MLOPS_STATE": "mlops-state", **self.env, **env})
            sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
            spoil()
            os._exit(main(list(words)))

        process = fork.Process(target=work)
        process.start()
        return Running(process, folder)

    def mlops(self, *words: str, spoil: Callable[[], None] = lambda: None, **env: str) -> Ended:
        return self.start(*words, spoil=spoil, **env).wait()

    def well(self, *words: str, **env: str) -> Ended:
        ended = self.mlops(*words, **env)
        assert ended.code == 0, ended.err
        return ended

    def commit(self, name: str, old: str, new: str) -> str:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.git("commit", "--quiet", "--all", "--message", f"{old} -> {new}")
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def serves(self, environment: str = "production") -> int | None:
        served = endpoint.look(self.root / ".mlops/shared/shops/endpoints/shops" / environment)
        return served.version if served.health == "ready" else None

    def answers(self) -> int:
        """Send production the sample with the key, as any caller does, and return how many predictions came."""
        served = endpoint.look(self.root / ".mlops/shared/shops/endpoints/shops/production")
        body, key = Path(served.sample_file).read_bytes(), Path(served.key_file).read_text().split()[0]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{served.address}/score", body, headers), timeout=10) as answer:
            return len(json.load(answer)["predictions"])

    def stop(self) -> None:
        for environment in ("staging", "production"):
            endpoint.stop(self.root / ".mlops/shared/shops/endpoints/shops" / environment)


@dataclass(frozen=True)
class Kept:
    """What the branch holds, read with SQLite alone after all of it was found whole."""

    commit: str
    versions: dict[int, dict[str, str]]
    aliases: dict[str, int]

    @property
    def production(self) -> int | None:
        return self.aliases.get("production")

    @property
    def moves(self) -> list[dict[str, Any]]:
        """Moves of production, the first one first."""
        found = [json.loads(text) for tags in self.versions.values() for key, text in tags.items() if key.startswith("slipway.move")]
        return sorted((move for move in found if move["environment"] == "production"), key=lambda move: move["at"])

    def ticket(self, number: int) -> str:
        tags = self.versions[number]
        verdict = json.loads(tags["slipway.verdict"])
        words = (tags["slipway.digest"].removeprefix("sha256:"), verdict["evidence"].removeprefix("sha256:"), verdict["against"] or 0)
        return ".".join(map(str, (number, *words)))


@dataclass(frozen=True)
class Remote:
    """The bare repository that all machines share."""

    path: Path
    machines: list[Machine] = field(default_factory=list)

    def machine(self, name: str, **env: str) -> Machine:
        root = self.path.parent / name
        git(self.path.parent, "clone", "--quiet", str(self.path), str(root))
        self.machines.append(Machine(root, env))
        return self.machines[-1]

    @property
    def commit(self) -> str:
        return git(self.path, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")

    @property
    def tags(self) -> list[str]:
        return git(self.path, "tag", "--list").split()

    def kept(self) -> Kept:
        """Read the branch, after making sure that nothing in it is half."""
        with tempfile.TemporaryDirectory() as folder:
            git(Path(folder), "clone", "--quiet", "--branch", BRANCH, str(self.path), "kept")
            place = Path(folder, "kept")
            with contextlib.closing(sqlite3.connect(place / "mlflow.db")) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                versions = {number: {} for (number,) in database.execute("SELECT version FROM model_versions WHERE name = 'shops'")}
                for number, key, value in database.execute("SELECT version, key, value FROM model_version_tags WHERE name = 'shops'"):
                    versions[number][key] = value
                aliases = dict(database.execute("SELECT alias, version FROM registered_model_aliases WHERE name = 'shops'"))
            for tags in versions.values():
                files = place / tags["slipway.folder"].partition("/mlops-home/")[2]
                assert digest_folder(files / "model") == tags["slipway.digest"]
                evidence = json.loads(tags["slipway.verdict"])["evidence"]
                assert digest_folder(files / f"evidence-{evidence[7:23]}") == evidence
        return Kept(self.commit, versions, aliases)

    def rewrite(self, change: Callable[[Path], None]) -> None:
        """Put something else in the place of what is kept, as somebody with a right to push could."""
        with tempfile.TemporaryDirectory() as folder:
            git(Path(folder), "clone", "--quiet", "--branch", BRANCH, str(self.path), "kept")
            place = Path(folder, "kept")
            change(place)
            git(place, "add", "--all")
            git(place, "commit", "--quiet", "--amend", "--message", "x")
            git(place, "push", "--quiet", "--force", "origin", BRANCH)

    def hook(self, body: str) -> None:
        """Let the server run a program before it takes a push."""
        path = self.path / "hooks/pre-receive"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def copy(self, place: Path) -> Remote:
        shutil.copytree(self.path, place / "origin.git")
        return Remote(place / "origin.git")


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=dev", "-c", "user.email=dev@example.org", *words], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tag(place: Path, version: int, key: str, value: str) -> None:
    """Rewrite a fact of a version in the database of a branch that is checked out."""
    with contextlib.closing(sqlite3.connect(place / "mlflow.db")) as database, database:
        database.execute("UPDATE model_version_tags SET value = ? WHERE name = 'shops' AND version = ? AND key = ?", [value, version, key])


def dies(owner: Any, name: str, *, after: bool = False) -> Callable[[], None]:
    """Return what lets a process end by SIGKILL where it calls a function: before it is called, or after."""

    def spoil() -> None:
        real = getattr(owner, name)

        def cut(*words: Any, **named: Any) -> None:
            if after:
                real(*words, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, cut)

    return spoil


def program(folder: Path, body: str) -> str:
    """Put a `git` before the real one that does `body` at a push, and return the PATH for it; `$REAL` is the real one."""
    folder.mkdir()
    path = folder / "git"
    path.write_text(f'#!/bin/sh\nREAL={shutil.which("git")}\ncase " $* " in *" push "*)\n{body}\n;; esac\nexec "$REAL" "$@"\n')
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
