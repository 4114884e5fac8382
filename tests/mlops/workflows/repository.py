"""A small fork of this repository with a remote, and GitHub's workflows run on it by act: real commits, real pushes, real jobs on this machine.

Stand-ins are only what is somebody else's program (`standins/`). Two keys that act 0.2.89 does not know are left out of the copies of the
workflows: `queue: max` and `cache-mode`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
STANDINS = Path(__file__).parent / "standins"
UNKNOWN_TO_ACT = re.compile(r"^ *(queue: max|cache-mode: none\b.*)\n", re.MULTILINE)
OURS = [
    ".github/workflows",
    ".github/actions",
    "src/mlops",
    "Makefile",
    "requirements.lock",
    ".python-version",
    ".gitignore",
    ".gitattributes",
]
TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class Ran:
    """How one act run ended: the result of each job that was not left out, and all that was printed."""

    code: int
    log: str
    jobs: dict[str, str]

    def ended(self, result: str) -> set[str]:
        return {name for name, found in self.jobs.items() if found == result}


@dataclass
class Repository:
    """A developer's clone, its bare remote, and what runs keep."""

    place: Path
    act_program: Path
    env: dict[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def root(self) -> Path:
        return self.place / "clone"

    @property
    def origin(self) -> Path:
        return self.place / "origin.git"

    @property
    def artifacts(self) -> Path:
        return self.place / "artifacts"

    def git(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make(self, files: dict[str, str], also: Sequence[str] = ()) -> None:
        """Begin with the machinery as it is here, what else of here is wanted, and the files of a small project."""
        self.root.mkdir(parents=True)
        for name in (*OURS, *also):
            source, target = ROOT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        for path in self.root.glob(".github/workflows/*.yml"):
            path.write_text(UNKNOWN_TO_ACT.sub("", path.read_text()))
        self.write(files)
        ruff = Path(sys.prefix, "bin/ruff")
        for words in (["check", "--fix-only", "--exit-zero", "--quiet"], ["format", "--quiet"]):
            subprocess.run([ruff, *words, "."], cwd=self.root, check=True)
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin)], check=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.email", "dev@example.org")
        self.git("config", "user.name", "dev")
        self.git("remote", "add", "origin", "https://github.com/acme/shops")
        self.git("config", f"url.{self.origin}.insteadOf", "https://github.com/acme/shops")
        self.commit("Begin")
        self.git("push", "--quiet", "origin", "main")

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def commit(self, message: str, files: dict[str, str] | None = None) -> str:
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def state(self, model: str = "shops") -> str:
        """The commit that keeps the registry, or nothing."""
        return self.git("ls-remote", "origin", f"refs/heads/mlops-state/{model}").split("\t")[0]

    def run(
        self, event: str, workflow: str, payload: dict[str, Any] | None = None, *, inputs: dict[str, str] | None = None, **options: Any
    ) -> Ran:
        """Run one workflow for one event, to its end."""
        return self.start(event, workflow, payload, inputs=inputs, **options).wait()

    def start(self, event, workflow, payload=None, *, inputs=None, env=None, actor="dev", token=TOKEN, job=None) -> Running:
        """Start act; each run has a number, as GitHub's have."""
        self.number += 1
        folder = self.place / f"run-{self.number}"
        shutil.copytree(self.root, folder / "checkout", symlinks=True)  # a run sees its commit, whatever the developer does next
        base = {"repository": {"full_name": "acme/shops", "name": "shops", "default_branch": "main", "owner": {"login": "acme"}}}
        (folder / "event.json").write_text(json.dumps(base | {"inputs": inputs or {}} | (payload or {})))
        given = {
            **self.env,
            "GITHUB_REPOSITORY": "acme/shops",
            "GITHUB_RUN_ID": str(self.number),
            "SLIPWAY_PYTHON": sys.executable,
            "SLIPWAY_STANDINS": str(STANDINS),
            "SLIPWAY_ARTIFACTS": str(self.artifacts),
            **(env or {}),
        }
        words = [
            str(self.act_program),
            event,
            "--workflows",
            f".github/workflows/{workflow}.yml",
            "--platform",
            "ubuntu-latest=-self-hosted",
        ]
        words += ["--eventpath", str(folder / "event.json"), "--actor", actor, "--no-cache-server", "--json"]
        words += [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
        words += ["--secret", f"GITHUB_TOKEN={token}"] if token else []
        words += ["--job", job] if job else []
        for path in sorted(self.root.glob(".github/**/*.yml")):
            for name, ref in re.findall(r"uses: (actions/[\w-]+)@([0-9a-f]{40})", path.read_text()):
                if (STANDINS / name.split("/")[1]).is_dir():
                    words += ["--local-repository", f"{name}@{ref}={STANDINS / name.split('/')[1]}"]
        home = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "XDG_CONFIG_HOME": str(folder / "config")}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                words, cwd=folder / "checkout", stdout=log, stderr=log, env=home, start_new_session=True, stdin=subprocess.DEVNULL
            )
        return Running(process, folder / "log")


@dataclass
class Running:
    """An act run on its way."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, seconds: float = 400) -> Ran:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self._read(code)

    def kill(self) -> None:
        """As a runner that is taken away: nothing gets to say goodbye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def cancel(self) -> None:
        """As somebody who presses the button."""
        os.killpg(self.process.pid, signal.SIGINT)

    def _read(self, code: int) -> Ran:
        jobs: dict[str, str] = {}
        said = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                said.append(line)
                continue
            name = str(entry.get("jobID") or entry.get("job") or "")
            said.append(f"[{entry.get('job', '')}] {entry.get('msg', '').rstrip()}")
            if "jobResult" in entry:
                jobs[str(entry.get("job") or name).split("/")[-1].strip()] = str(entry["jobResult"])
        return Ran(code, "\n".join(said), jobs)
