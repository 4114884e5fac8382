"""The contract as the pipeline's step checks it: Great Expectations, then examples and history of what broke."""

import json
import sys
from pathlib import Path

from plain import contract_of
from timed import read, timed

from mlops.contract.check import check
from mlops.contract.detail import describe

names = {rule["name"] for rule in json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))}
contract = contract_of(sys.argv[2], names)
tables = read(sys.argv[1], [table.name for table in contract.tables], int(sys.argv[4]))


def run():
    """Return the names of the broken rules, and how many rows break each."""
    verdict = check(contract, tables)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    describe(contract, broken, tables)
    return {finding.rule.name: finding.failed for finding in broken}


timed(tables, run)
