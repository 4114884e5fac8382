"""Azure Machine Learning: the only room that may import azure.*, where `--where azure` asks for it, and the only one that calls the program `az`."""
