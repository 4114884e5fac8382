"""Releases: which files are ours, how a fork comes to a newer release, and what a release is made of.

A fork has two owners (docs/architecture.md), and no file has both. So an upgrade is no merge: it takes the files of one owner and leaves
those of the other. What it will do is a value (`plan.py`) made from three others: the fork's files, the release's files, and all that the
template ever had.
"""
