"""Ask azure-ai-ml of every file of the corpus, in a process of its own: `python -m tests.mlops.spec.judge` prints its verdicts as JSON.

Control flow is behind the switch of its private preview, which it reads when it is imported; of the other files it judges
one otherwise without the switch: pipeline-binding-beside-gone.yml, which it then takes.
"""

import json
import logging
import os

from tests.mlops.spec.cases import cases

SWITCH = "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED"


def judge(case, load):
    """Return whether it takes a file, and what it says."""
    try:
        made = load(case.path)
        verdict = made._validate() if hasattr(made, "_validate") else None
    except Exception as error:  # it has many classes of its own for one thing
        return False, str(error)
    return (True, "") if verdict is None else (verdict.passed, str(verdict.error_messages))


if __name__ == "__main__":
    os.environ[SWITCH] = "true"
    logging.disable(logging.CRITICAL)
    from azure.ai.ml import load_component, load_job

    print(json.dumps({case.path.stem: judge(case, load_component if case.is_component else load_job) for case in cases()}))
