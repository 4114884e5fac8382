"""Faults of data as they happen in life, to try a contract with: each a small function from sound rows to spoilt ones, with its source.

`fault` says what one is, the other modules are its families, and `FAULTS` has them all by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.categories import categories
from mlops.contract.faults.drift import drift
from mlops.contract.faults.files import files
from mlops.contract.faults.joins import joins
from mlops.contract.faults.keys import keys
from mlops.contract.faults.labels import labels
from mlops.contract.faults.missing import missing
from mlops.contract.faults.numbers import numbers
from mlops.contract.faults.rows import rows
from mlops.contract.faults.times import times
from mlops.contract.faults.units import units
from mlops.contract.faults.words import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.contract.faults.fault import Fault

FAMILIES = (units, numbers, missing, times, words, rows, keys, categories, labels, drift, joins, files)
FAULTS: Mapping[str, Fault] = {fault.name: fault for family in FAMILIES for fault in family.faults}
