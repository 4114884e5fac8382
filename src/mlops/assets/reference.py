"""What Azure ML's YAML calls an asset or a place: `azureml:name:1`, `azureml://registries/...`, `azureml://datastores/...`, as frozen values.

MLflow's name of a registered model, `models:/name/1`, is one, too.
"""

from __future__ import annotations

import re

from mlops.records import dataclass

KINDS = {"data": "data", "datasets": "data", "models": "model", "environments": "environment", "components": "component"}
"""How Azure's ids call a kind of asset -> how this room does."""
CURATED = re.compile(r"AzureML-|ACPT-")
"""The names of environments that Microsoft keeps; they are in every workspace and need no registration."""

# Patterns as text are compiled when they are first needed: most pipelines name nothing but environments.
_ID = (
    r"azureml:/?/?(?:subscriptions/[^/]+/resourcegroups/[^/]+/(?:providers/Microsoft\.MachineLearningServices/)?workspaces/[^/]+"
    r"|locations/[^/]+/workspaces/[^/]+|registries/(?P<registry>[^/]+))"
    r"/(?P<kind>data|datasets|models|environments|components)/(?P<name>[^/]+)(?:/(?P<by>versions|labels)/(?P<which>[^/]+))?/?"
)
_SHORT = re.compile(r"azureml:(?P<name>[^/:@]+)(?:(?P<by>[:@])(?P<which>[^/@]+))?")
_MODEL = r"models:/(?P<name>[^/@]+)(?P<by>[/@])(?P<which>[^/@]+)"
_DATASTORE = r"azureml:(?://)?(?:subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/)?datastores/(?P<store>[^/]+)(?:/paths(?:/(?P<path>.*))?)?/?"
_JOB = r"azureml:(?://)?jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths(?:/(?P<path>.*))?)?/?"


@dataclass(frozen=True)
class Reference:
    """An asset by name, and by version or label; neither means the newest."""

    name: str
    version: str | None = None
    label: str | None = None
    registry: str | None = None
    kind: str | None = None
    """data, model, environment or component, where the text says it."""

    @property
    def curated(self) -> bool:
        return bool(CURATED.match(self.name)) or (self.registry or "").startswith("azureml")

    def __str__(self) -> str:
        return f"{self.name}:{self.version}" if self.version else f"{self.name}@{self.label}" if self.label else self.name


@dataclass(frozen=True)
class DatastorePath:
    """A file or folder in a datastore."""

    store: str
    path: str


@dataclass(frozen=True)
class JobOutput:
    """An output of an earlier run, or something in it."""

    job: str
    output: str
    path: str


def parse(text: str) -> Reference | DatastorePath | JobOutput | None:
    """Return what `text` refers to, or None where it is none of these (a URL, a local path)."""
    found = _SHORT.fullmatch(text)
    if found:
        return Reference(found["name"], found["which"] if found["by"] == ":" else None, found["which"] if found["by"] == "@" else None)
    found = re.fullmatch(_DATASTORE, text, re.IGNORECASE)
    if found:
        return DatastorePath(found["store"], (found["path"] or "").strip("/"))
    found = re.fullmatch(_JOB, text)
    if found:
        return JobOutput(found["job"], found["output"], (found["path"] or "").strip("/"))
    found = re.fullmatch(_ID, text, re.IGNORECASE)
    if found:
        version = found["which"] if (found["by"] or "").lower() == "versions" else None
        label = found["which"] if (found["by"] or "").lower() == "labels" else None
        return Reference(found["name"], version, label, found["registry"], KINDS[found["kind"].lower()])
    found = re.fullmatch(_MODEL, text)
    if found:
        version, label = (found["which"], None) if found["by"] == "/" else (None, found["which"])
        return Reference(found["name"], version if version != "latest" else None, label, None, "model")
    return None
