"""The `mlops` program in a process of its own, which asks the loopback more often than it may ask Azure: `python -m tests.azure.quick run ...`."""

from tests.azure.hurry import hurry

from mlops import cli

hurry()

if __name__ == "__main__":
    cli.script()
