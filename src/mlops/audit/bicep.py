"""The Bicep files, read by their own compiler, where the program `az` is: on the hosted runners of both CI systems, and on some laptops."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.audit.repository import failed
from mlops.audit.result import Finding, Result

if TYPE_CHECKING:
    from mlops.audit.policy import Policy
    from mlops.audit.repository import Repository

COMPILER = "v0.47.16"
"""The release of Bicep that is asked: one that knows the types of the API versions in infra/."""
_SAID = re.compile(
    r"^(?:ERROR: |WARNING: )?(?P<file>.+?)\((?P<line>\d+),\d+\) : (?P<level>Error|Warning) (?P<what>.+?)(?: \[https?://\S+\])?$",
    re.MULTILINE,
)


def bicep(repository: Repository, _policy: Policy) -> Result:
    """Whether the templates and their parameters compile, and what the compiler warns of."""
    files = [name for name in repository.files if re.fullmatch(r"infra/[\w-]+\.(bicep|bicepparam)", name)]
    if not files:
        return Result("no Bicep here")
    az = shutil.which("az")
    if az is None:
        return Result(f"{len(files)} files, which only az can compile, and it is not here; hosted runners have it")
    if (done := repository.run(az, "bicep", "install", "--version", COMPILER)).returncode:
        return Result("", unanswered=f"az has no Bicep {COMPILER}: {(done.stderr.strip() or 'it said nothing').splitlines()[-1]}")
    found: dict[Finding, None] = {}
    warned: dict[str, None] = {}
    for name in files:
        build = "build-params" if name.endswith("param") else "build"
        done = repository.run(az, "bicep", build, "--file", name, "--stdout")
        said = list(_SAID.finditer(done.stderr))
        if done.returncode and not any(one["level"] == "Error" for one in said):
            raise failed("az bicep", done)
        for one in said:
            if one["level"] == "Error":
                found[
                    Finding(
                        _below(repository, one["file"]),
                        int(one["line"]),
                        one["what"],
                        "Mend the file; az bicep build --file infra/main.bicep says whether it is good.",
                    )
                ] = None
            else:
                warned[one[0]] = None
    return Result(f"{len(files)} files compiled by Bicep {COMPILER}" + (f", {len(warned)} warnings" if warned else ""), tuple(found))


def _below(repository: Repository, file: str) -> str:
    path = Path(file)
    return str(path.relative_to(repository.root.resolve())) if path.is_relative_to(repository.root.resolve()) else file
