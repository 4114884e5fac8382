"""State for machines that keep nothing: a model's registry, in a branch of the repository, between one CI job and the next.

`portable.py` makes a registry that can be read at another path; `branch.py` brings it here and takes it back, whole or not at all, and never over
somebody else's. Where `MLFLOW_TRACKING_URI` names a server, none of this is used.
"""
