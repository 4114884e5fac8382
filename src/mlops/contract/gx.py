"""Great Expectations, imported without what it does not need here.

Its import reads altair, SciPy's statistics, SQLAlchemy and three clouds' libraries wherever these are installed: half of its time, and half of
its modules. Drawing and statistics come when they are used. Clouds and databases are
not found while it imports, so that it takes them for not installed, which it is made for. Whoever imports them later finds them as ever.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import warnings
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAZY = ("altair", "scipy.stats")
LEFT_OUT = frozenset(
    {"azure", "boto3", "botocore", "databricks", "google", "IPython", "pyodbc", "pyspark", "snowflake", "sqlalchemy", "trino"}
)


class _LeftOut(MetaPathFinder):
    """Finds nothing of what is left out."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        del path, target
        if fullname.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"{fullname} is left out while Great Expectations is imported", name=fullname)


@contextmanager
def _leanly() -> Iterator[None]:
    finder, collects = _LeftOut(), gc.isenabled()
    sys.meta_path.insert(0, finder)
    gc.disable()
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if collects:
            gc.enable()


class _Later(ModuleType):
    """A module that is imported when something of it is asked for; the standard library's LazyLoader imports at the next `import` already."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        found = importlib.import_module(self.__name__)
        self.__dict__.update(found.__dict__)
        return getattr(found, name)


def _make_lazy(name: str) -> None:
    """Put a module that comes later in its place, and into the package that it belongs to."""
    if name in sys.modules:
        return
    later = sys.modules[name] = _Later(name)
    package, _, own = name.rpartition(".")
    if package:
        setattr(importlib.import_module(package), own, later)


os.environ["GX_ANALYTICS_ENABLED"] = "false"
warnings.filterwarnings("ignore", module="great_expectations")
if "great_expectations" not in sys.modules:
    for lazy in LAZY:
        _make_lazy(lazy)
    with _leanly():
        importlib.import_module("great_expectations")
logging.getLogger("great_expectations").setLevel(logging.ERROR)
