"""The `mlops` program in a process of its own, which asks the loopback more often than it may ask Azure: `python -m tests.azure.quick run ...`."""

from mlops import cli
from mlops.azure import connection, endpoint, online

connection.PACE, connection.POLL, endpoint.POLL, online.PAUSE = 0.05, 0.02, 0.02, 0.02

if __name__ == "__main__":
    cli.script()
