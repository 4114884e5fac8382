"""Data sets: what a source is and how it is read, in which files or partitions it comes, and which version of it a model was made from.

`source` is the file beside the data that says where they are and how they are read; `python -m mlops.datasets` is the import step of a pipeline.
"""
