"""The contract as the pipeline's step checks it: Great Expectations, then examples and history of what broke."""

import sys

from plain import contract_of
from timed import read, timed

from mlops.contract.check import check
from mlops.contract.detail import describe

contract = contract_of(sys.argv[2])
tables = read(sys.argv[1], [table.name for table in contract.tables], int(sys.argv[4]))


def run():
    """Return the names of the broken rules, and how many rows break each."""
    verdict = check(contract, tables)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    describe(contract, broken, tables)
    return {finding.rule.name: finding.failed for finding in broken}


timed(tables, run)
