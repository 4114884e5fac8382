"""Steps that are more than one command: distributed, sweep, parallel, spark.

Each kind has a driver, a program that runs as an ordinary step (`python -m mlops.local.kinds.sweep ../job.json`), so that log, timeout,
cancellation, reuse and the warm process are those of every step. What the step is stands in `job.json`, written by `LocalRun`.
"""
