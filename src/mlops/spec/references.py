"""What this package asks of whoever knows the local asset store: where a reference of the YAML is on this machine.

`azureml:name:version`, `azureml:name@label`, `azureml://...`, `runs:/...` and web addresses are references; everything else in a YAML is a path.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any, Protocol
else:
    Protocol = object

_REFERENCE = r"azureml:|(runs|models):/|(https?|abfss?|wasbs?|adl|s3|gs|hdfs|dbfs|memory|git\+[a-z]+)://"


class Assets(Protocol):
    """Finds what references name. Each raises `UsageError`, whose hint is the command that would add what is not there."""

    def component(self, reference: str) -> Path:
        """Return the YAML file of a stored component."""

    def data(self, reference: str, kind: str) -> Path:
        """Return the file or folder of a stored data asset, of a datastore's path, or of a web address; `kind` is the declared type."""

    def model(self, reference: str, kind: str) -> Path:
        """Return the file or folder of a stored model; `kind` is the declared type."""

    def code(self, reference: str) -> Path:
        """Return the folder of code in a repository."""

    def environment(self, reference: str) -> Mapping[str, Any]:
        """Return what a stored environment says: `name`, `version`, `image`, `conda_file` (a mapping or None)."""


def is_reference(text: str) -> bool:
    """Whether `text` names something that is not simply a path on this machine."""
    return ":" in text and bool(re.match(_REFERENCE, text, re.IGNORECASE))
