"""Why a step failed, where its log says that this machine lacks something: in words, with the nearest thing that works.

What a program prints when a package, a program, a network or a graphics card is missing is known. What to do about it is not in its log, for
there it is another program's affair: whether the step's environment asks for the package, and how such a step runs here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops.assets.images import normalized, version_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINES = 40
"""How far from the end of a log a cause is looked for."""

_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '?(?P<name>[\w.]+)'?")
_PROGRAM = re.compile(r"sh: (?:line )?\d+: (?P<name>[\w./+-]+): (?:command )?not found$|\benv: \W(?P<other>[\w.+-]+)\W: No such file")
_FILE = re.compile(r"sh: (?:line )?\d+: (?P<path>/\S+): No such file or directory$")
_NETWORK = re.compile(
    r"Name or service not known|Temporary failure in name resolution|[Uu]nable to resolve host|Could not resolve host|getaddrinfo failed"
    r"|NameResolutionError|Network is unreachable|No address associated with hostname|Failed to resolve|nodename nor servname"
)
_HOST = re.compile(r"(?:host(?:=| address |: )|resolve )\W?(?P<host>[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})")
_CARD = re.compile(
    r"Found no NVIDIA driver|No CUDA GPUs are available|not compiled with CUDA|no CUDA-capable device|CUDA driver version is insufficient"
    r"|CUDA_HOME environment variable is not set|cuda is not available|NCCL .*(?:is not|isn't) (?:available|built)|No GPU(?:s)? (?:found|available)",
    re.IGNORECASE,
)
_WORKSPACE = re.compile(
    r"KeyError: '(?:AZUREML_ARM|AZUREML_WORKSPACE|AZUREML_SERVICE)\w*'|DefaultAzureCredential failed|CredentialUnavailableError"
)
_OTHER_VERSION = re.compile(r"^(?:\[[^\]]+\] )?(?:AttributeError|ImportError|TypeError|ModuleNotFoundError|NotImplementedError)\b")
_FRAME = re.compile(r"/site-packages/(\w+)/")
_CALLED = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "bs4": "beautifulsoup4",
}
_CONDA = "`packages: conda_file` in environments/local.yml gives each step the packages that it asks for"


def cause(log: Sequence[str], differs: Iterable[str]) -> str:
    """Return what a failed step lacked, and what to do; nothing where its log tells of no such thing.

    Args:
        log: Its last lines.
        differs: What is otherwise here than its environment asks for, as `assets.images.differences` says it.
    """
    told = [line.strip() for line in log[-LINES:]]
    lacks, others = list(differs), [line for line in differs if line.endswith(" is used")]
    for line in reversed(told):
        if found := _MODULE.search(line):
            return _package(found["name"], others, lacks)
        if found := _PROGRAM.search(line):
            name = found["name"] or found["other"]
            return f"there is no program {name} on this machine: install it (`uv pip install {name}`, where it is a Python package's)"
        if found := _FILE.search(line):
            return f"its command needs {found['path']}, a file of the container that it runs in on Azure ML: here there is none"
        if _NETWORK.search(line):
            return _unreachable(told)
        if _CARD.search(line):
            return "it needs a graphics card (CUDA), and none can be used here: on Azure ML it runs on a GPU compute"
        if _WORKSPACE.search(line):
            return "it calls the Azure ML workspace that it is in, and here it is in none: leave that part out where AZUREML_ARM_SUBSCRIPTION is not set"
        if _OTHER_VERSION.search(line):
            return _version(told, others, lacks)
    return ""


def _package(module: str, others: Sequence[str], lacks: Sequence[str]) -> str:
    top = module.partition(".")[0]
    name = _CALLED.get(top, top)
    version = version_here(name)
    if version is not None and module != top:
        why = f" ({'; '.join(others[:3])})" if others else ""
        return f"{name} {version}, which is installed here, has no {module}: it is another version than the script is for{why}. {_CONDA}"
    said = f"the package {module} is not installed here"
    if any(normalized(re.split(r"[^\w.-]", one, maxsplit=1)[0]) == normalized(name) for one in lacks):
        return f"{said}, and the step's conda file asks for it: {_CONDA}"
    if top == "azureml":
        return f"{said}: it belongs to Azure ML's own images. Log with mlflow, which works in both places; or `uv pip install azureml-core`"
    if any(one.startswith("its packages are not known here") for one in lacks):
        return f"{said}: `uv pip install {name}`, or map its environment to one whose packages are known, in data/paths.yml"
    return f"{said}: `uv pip install {name}`, or name it in the step's conda file: {_CONDA}"


def _version(told: Sequence[str], others: Sequence[str], lacks: Sequence[str]) -> str:
    """Return what may be the reason of an error that other versions of packages do not make; nothing where none is known to be another."""
    if others:
        return f"it may need the versions that it asks for ({'; '.join(others[:3])}): {_CONDA}"
    package = next((match[1] for line in reversed(told) if (match := _FRAME.search(line))), None)
    version = version_here(_CALLED.get(package, package)) if package else None
    if version is None or not any(one.startswith("its packages are not known here") for one in lacks):
        return ""
    return f"it may be written for another {package} than {version}: map its environment to one whose packages are known, in data/paths.yml; {_CONDA}"


def _unreachable(told: Sequence[str]) -> str:
    found = next((match["host"] for line in reversed(told) if (match := _HOST.search(line))), "")
    return f"{found or 'a host that it asks for'} cannot be reached from here: it needs a network. Give it the data as an input, mapped in data/paths.yml"
