"""Where the files of an adopted model stand, as paths below the repository: the first model's, or those of one beside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """All paths are relative, with slashes. `first` has the places of the example; another has folders of its name in them."""

    name: str
    first: bool

    @property
    def package(self) -> str:
        return "src/project" if self.first else f"src/{self.module}"

    @property
    def pipelines(self) -> str:
        return "src/pipelines" if self.first else f"src/pipelines/{self.module}"

    @property
    def tests(self) -> str:
        return "tests/project" if self.first else f"tests/{self.module}"

    @property
    def data(self) -> str:
        return f"data/{self.name}"

    @property
    def contract(self) -> str:
        return f"data/{self.name}.odcs.yml"

    @property
    def notebook(self) -> str:
        return f"notebooks/{self.name}.ipynb"

    @property
    def environments(self) -> str:
        """Return the folder of the gates: the project's own, or the model's in it."""
        return "environments" if self.first else f"environments/{self.name}"

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def table(self) -> str:
        """Return the name of the one table of the contract."""
        return self.module

    def up(self, folder: str) -> str:
        """Return the way from a folder back to the repository: `../..`."""
        return "/".join([".."] * len(folder.split("/")))
