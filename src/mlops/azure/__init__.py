"""Azure ML as the place where pipelines run: the only room that imports `azure`, and only where `--where azure` asks for it."""
