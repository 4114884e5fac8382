"""From a table that nobody here has seen to a project of its own: `make adopt DATA=... TARGET=...`.

`look` finds out what the table is and how sure that is (a frozen `Plan`, with the reason of every decision); `write` makes files of it that are
*yours*: data, contract, scripts, pipelines, gates, tests, notebook. Nothing here is needed once they are written.
"""
