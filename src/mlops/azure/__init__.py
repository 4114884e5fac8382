"""Azure Machine Learning: the only room that may import azure.*, and only where `--where azure` asks for it."""
