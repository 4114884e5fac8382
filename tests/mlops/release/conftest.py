"""A small template with two releases, and forks of it: real git repositories."""

import subprocess
from pathlib import Path

import pytest

LIST = "/src/mlops/\n/docs/\n/Makefile\n"
PROJECT = '[project]\nname = "slipway"\nversion = "0.1.0"\ndependencies = ["pandas"]\n'
FIRST = {
    "src/mlops/ours.txt": LIST,
    "src/mlops/VERSION": "0.1.0\n",
    "src/mlops/engine.py": "ENGINE = 1\n",
    "src/mlops/old.py": "OLD = 1\n",
    "src/mlops/requirements.in": "mlflow\n",
    "src/project/project.yml": "name: flights\n",
    "src/project/train.py": "print('train')\n",
    "docs/run.md": "# Run\n",
    "docs/changelog.md": "# Changelog\n\n## 0.1.0\n\nThe first.\n",
    "Makefile": "run:\n\techo run\n",
    "README.md": "# Flights\n",
    "pyproject.toml": PROJECT,
    "requirements.lock": "mlflow==1\npandas==1\n",
}
SECOND = {
    "src/mlops/VERSION": "0.2.0\n",
    "src/mlops/engine.py": "ENGINE = 2\n",
    "src/mlops/old.py": None,
    "src/mlops/new name.py": "NEW = 'ü'\n",
    "docs/changelog.md": "# Changelog\n\n## 0.2.0\n\nA better engine.\n\n## 0.1.0\n\nThe first.\n",
    "src/project/train.py": "print('another example')\n",
    "src/project/extra.py": "print('extra')\n",
    "requirements.lock": "mlflow==2\npandas==2\n",
}


class Checkout:
    """A repository whose files are written and committed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str) -> str:
        return subprocess.run(["git", "-C", str(self.root), *words], capture_output=True, text=True, check=True).stdout.strip()

    def who(self) -> None:
        for name, value in (("user.name", "A Person"), ("user.email", "person@example.org"), ("commit.gpgsign", "false")):
            self.git("config", name, value)

    def commit(self, files: dict[str, str | None], message: str = "Change") -> str:
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def files(self) -> set[str]:
        return set(self.git("-c", "core.quotePath=false", "ls-files").splitlines())

    def tree(self, commit: str = "HEAD") -> str:
        return self.git("rev-parse", f"{commit}^{{tree}}")


@pytest.fixture
def make_checkout(tmp_path):
    """Return a maker of empty repositories on main."""

    def make(name: str) -> Checkout:
        made = Checkout(tmp_path / name)
        made.root.mkdir()
        made.git("init", "--quiet", "--initial-branch=main")
        made.who()
        return made

    return make


@pytest.fixture
def template(make_checkout) -> Checkout:
    made = make_checkout("the template")
    made.commit(FIRST, "First")
    made.git("tag", "-a", "v0.1.0", "-m", "0.1.0")
    made.commit(SECOND, "Second")
    made.git("tag", "-a", "v0.2.0", "-m", "0.2.0")
    return made


@pytest.fixture
def fork(template, tmp_path, monkeypatch) -> Checkout:
    """A fork on 0.1.0, whose remote `slipway` is the template, and which is the working directory."""
    made = Checkout(tmp_path / "a fork")
    template.git("clone", "--quiet", "--no-tags", "--origin", "slipway", str(template.root), str(made.root))
    made.who()
    made.git("reset", "--quiet", "--hard", template.git("rev-parse", "v0.1.0^{commit}"))
    monkeypatch.chdir(made.root)
    return made
