"""The same trials by Optuna alone: python bare.py DATA TRIALS STORAGE, in as many processes or threads as it is told to.

STORAGE is `threads` (one process, `n_jobs=2`), or the file of a journal that several such processes share. Prints seconds and the best value.
"""

import json
import sys
import time

import optuna
from model import losses
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def objective(trial):
    """Report each stage, and stop where the median pruner says so."""
    loss = 0.0
    for stage, loss in enumerate(losses(sys.argv[1], trial.suggest_float("rate", 0.01, 0.5, log=True), trial.suggest_int("leaves", 4, 63))):
        trial.report(loss, stage)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def main():
    """Run this process's share."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    threads = sys.argv[3] == "threads"
    storage = None if threads else JournalStorage(JournalFileBackend(sys.argv[3]))
    study = optuna.create_study(
        study_name="bare",
        storage=storage,
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=1),
    )
    began, cpu = time.perf_counter(), time.process_time()
    until = optuna.study.MaxTrialsCallback(int(sys.argv[2]), states=None)
    study.optimize(objective, n_trials=int(sys.argv[2]) if threads else None, n_jobs=2 if threads else 1, callbacks=[until])
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    stages = sum(len(trial.intermediate_values) for trial in study.trials)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "best": study.best_value, "stages": stages}))


if __name__ == "__main__":
    main()
