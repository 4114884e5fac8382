"""Azure Machine Learning: the only room that may import azure.*, and the only one that calls the program `az`."""
