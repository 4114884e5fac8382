"""The machinery that takes a model from a commit to production.

Each folder is a room with one concern; docs/architecture.md draws them. Nothing here imports `src/project`: the seam
between the two is the component YAML and its command.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody here agreed to tell MLflow's makers what is used; `false` does
