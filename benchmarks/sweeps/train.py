"""One trial as a step has it: arguments in, metrics to MLflow, a file out."""

import argparse
from pathlib import Path

import mlflow
from model import losses

words = argparse.ArgumentParser()
words.add_argument("--data")
words.add_argument("--rate", type=float)
words.add_argument("--leaves", type=int)
words.add_argument("--out", type=Path)
given = words.parse_args()
loss = 0.0
for stage, loss in enumerate(losses(given.data, given.rate, given.leaves)):
    mlflow.log_metric("loss", loss, step=stage)
(given.out / "loss.txt").write_text(str(loss))
