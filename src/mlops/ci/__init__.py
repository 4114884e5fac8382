"""The CI system that a verb runs in, seen as one `Host`: GitHub Actions, Azure Pipelines, or none (a laptop).

A verb never asks which one it is. What differs between them (how a step hands on a value, where a comment goes, who approved) is in
`github.py`, `azure_devops.py` and `laptop.py`, and nowhere else.
"""
