"""The contract as the pipeline's step checks it: Great Expectations, then examples and history of what broke."""

import sys
from pathlib import Path

import pandas as pd
from plain import contract_of
from timed import timed

from mlops.contract.check import check
from mlops.contract.detail import describe

contract = contract_of(sys.argv[2])
tables = {table.name: pd.read_parquet(Path(sys.argv[1], f"{table.name}.parquet")) for table in contract.tables}


def run():
    """Return the names of the broken rules, and how many rows break each."""
    verdict = check(contract, tables)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    describe(contract, broken, tables)
    return {finding.rule.name: finding.failed for finding in broken}


timed(tables, run)
