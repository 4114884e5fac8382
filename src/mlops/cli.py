"""The command line: one function a verb, in the modules of `verbs/`. Only what a verb needs is imported, when it runs."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import signal
import sys
from pathlib import Path

from mlops.errors import MlopsError, PlatformError, UsageError
from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

INTERRUPTED = 130


@dataclass(frozen=True)
class Verb:
    """A verb of the command line: where its function is, and what its help says."""

    place: str
    summary: str
    example: str
    arguments: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = ()
    facts: bool = True
    """Whether it prints facts, and so takes --json."""
    parts: Mapping[str, Verb] = field(default_factory=dict)
    """The verbs below it, as in `mlops contract check`; it has then no function of its own."""


def _argument(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


_MODEL = _argument("--model", metavar="NAME", help="which model of src/project/project.yml; with one model, none is needed")
_ANY_MODEL = _argument("--model", metavar="NAME", help="which model of src/project/project.yml; without it, each of them")
_SET = _argument("--set", action="append", default=[], metavar="inputs.NAME=VALUE", help="give an input of the pipeline; may be repeated")
_RUN = _argument("run", nargs="?", default="latest", metavar="RUN", help="number, name or latest (the default)")
_FORCE = _argument("--force", action="store_true", help="run every step, whatever is there already")
_ENVIRONMENT = {"metavar": "ENVIRONMENT", "help": "staging or production"}
_QUEUE_LIMIT = _argument(
    "--queue-limit", metavar="MINUTES", type=float, help="on Azure ML: how long the job may wait for a machine; 0 is for ever (default: 60)"
)
_GROUP = _argument("--group", metavar="NAME", default="", help="the resource group (default: rg-<project>-<environment>)")
_REASON = _argument("--reason", metavar="TEXT", default="", help="why, for the record")

_CONTRACT = _argument("--contract", metavar="FILE", default="", help="the contract, a *.odcs.yml file; with one in data/, none is needed")
_DATA = _argument(
    "--data",
    metavar="DIR",
    default="",
    help="a folder with a file for each table, or of one table whatever adopt takes; without it, the model's newest run",
)

CONTRACT = {
    "check": Verb(
        "contract:check",
        "hold data against their contract, outside of any pipeline (exit 1 where a rule says stop)",
        "mlops contract check --data .mlops/raw",
        (_CONTRACT, _DATA, _MODEL),
    ),
    "profile": Verb(
        "contract:profile",
        "propose a contract from data, and say what was seen",
        "mlops contract profile trips.csv --out data/trips.odcs.yml",
        (
            _argument("data", metavar="DATA", help="a file, a folder of partitions, a URL or a database's table: whatever adopt takes"),
            _argument("--out", metavar="FILE", default="", help="write the contract into this file; without it, it is printed"),
            _argument("--key", action="append", default=[], metavar="COLUMN", help="what names a row; repeat it for several columns"),
            _argument("--partition", action="append", default=[], metavar="COLUMN", help="what names a part that comes as one, as a month"),
            _argument("--target", default="", metavar="COLUMN", help="what a model is to tell: columns that give it away are told"),
        ),
    ),
    "diff": Verb(
        "contract:diff",
        "what a change of a contract says in words, and would have done to past partitions",
        "mlops contract diff HEAD~1 data/trips.odcs.yml",
        (
            _argument("old", metavar="OLD", help="a contract file, or a git revision of NEW"),
            _argument("new", metavar="NEW", nargs="?", default="", help="a contract file; with one in data/, none is needed"),
            _DATA,
            _MODEL,
        ),
    ),
    "test": Verb(
        "holes:test",
        "run a contract against seeded faults of its own data, and say which ones it would not catch",
        "mlops contract test --only units",
        (
            _CONTRACT,
            _DATA,
            _MODEL,
            _argument("--only", metavar="NAME", default="", help="a fault, or a family of them (docs/faults.md)"),
            _argument("--target", metavar="COLUMN", default="", help="what is learnt: faults of labels happen to it"),
            _argument("--at-least", metavar="SHARE", type=float, help="exit 1 where a smaller share than this (0 to 1) is caught"),
        ),
    ),
    "docs": Verb(
        "contract:docs",
        "build Great Expectations' Data Docs from the results that a run has kept, or from a check of data now",
        "mlops contract docs latest --open",
        (
            _RUN,
            _CONTRACT,
            _MODEL,
            _argument("--data", metavar="DIR", default="", help="check the tables in this folder now, instead of a run's results"),
            _argument(
                "--out", metavar="DIR", default="", help="where to write (default: data-docs in the run's folder, or beside the data)"
            ),
            _argument("--open", action="store_true", help="open it in the browser"),
        ),
    ),
}

_FILE = _argument("--environment", metavar="ENVIRONMENT", help="which file of environments/ names the workspace")
_THERE = (_argument("--where", choices=("local", "azure"), default="local", help="on this machine (the default), or on Azure ML"), _FILE)
_WHICH = (
    _argument("named", nargs="?", metavar="NAME", help="as in the YAML: NAME, NAME:VERSION or NAME@latest"),
    _argument("--name", "-n", metavar="NAME", help="the same, as az ml has it"),
    _argument("--version", "-v", metavar="VERSION", help="which one; without, the newest that is not archived"),
    _argument(
        "--registry-name",
        dest="registry",
        metavar="REGISTRY",
        help="of azureml://registries/REGISTRY/...: what is kept here for it; with --where azure, the registry itself",
    ),
)


def _asset(kind: str, what: str, example: str, *more: tuple[tuple[str, ...], dict[str, Any]]) -> dict[str, Verb]:
    """Return the verbs of a kind of asset, as `az ml` has them."""
    article = "an" if kind[0] in "aeiou" else "a"
    create = (
        _argument("--file", "-f", metavar="FILE", help=f"the YAML of the {kind}, as az ml takes it"),
        _argument(
            "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="put a value into the file's place: name=a version=2"
        ),
        _argument("--name", "-n", metavar="NAME", help="its name"),
        _argument(
            "--version", "-v", metavar="VERSION", help="its version; without one, the next number, or on Azure ML one made from the content"
        ),
        *more,
        _WHICH[-1],
        *_THERE,
    )
    lists = (
        _argument("--name", "-n", metavar="NAME", help="all versions of this name"),
        _argument("--include-archived", action="store_true", help="archived ones too"),
        _argument("--archived-only", action="store_true", help="archived ones alone"),
        _WHICH[-1],
        *_THERE,
    )
    archived = (
        *_WHICH[:2],
        _argument("--version", "-v", metavar="VERSION", help="only this one; without, all of the name"),
        _WHICH[-1],
        *_THERE,
    )
    shared = (
        *_WHICH[:3],
        _argument(
            "--registry", "--registry-name", dest="registry", metavar="REGISTRY", help="which one; without, the environment's file says it"
        ),
        _argument("--share-with-name", metavar="NAME", help="what it is called there, where not the same"),
        _argument("--share-with-version", metavar="VERSION", help="its version there, where not the same"),
        _FILE,
    )
    label = _argument("--label", "-l", metavar="LABEL", help="latest: the newest that is not archived")
    return {
        "create": Verb("assets:create", f"register {what}", f"mlops {kind} create -f {example}.yml", create),
        "list": Verb("assets:list_", f"list each {kind} with its newest version, or the versions of one", f"mlops {kind} list", lists),
        "show": Verb(
            "assets:show",
            f"show a version of {article} {kind}: what it is, where it came from",
            f"mlops {kind} show {example}",
            (*_WHICH, label, *_THERE),
        ),
        "archive": Verb(
            "assets:archive",
            f"leave {article} {kind} out of lists and of @latest; it can still be named",
            f"mlops {kind} archive {example}",
            archived,
        ),
        "restore": Verb("assets:restore", f"bring an archived {kind} back", f"mlops {kind} restore {example}", archived),
        "share": Verb(
            "assets:share",
            f"bring {article} {kind} of the workspace on Azure ML into a registry, for other workspaces",
            f"mlops {kind} share {example}:1 --registry mlr-flights",
            shared,
        ),
    }


_PATH = _argument(
    "--path", "-p", metavar="PATH", help="a file or folder here, or where it is elsewhere (azureml://datastores/..., https://...)"
)
_DESCRIPTION = _argument("--description", "-d", metavar="TEXT", help="what it is")
DATA_ASSET = _asset(
    "data",
    "a version of a data asset: a copy of the file or folder, or where it is elsewhere",
    "cereal",
    _PATH,
    _argument("--type", "-t", metavar="TYPE", help="uri_folder (the default), uri_file or mltable"),
    _DESCRIPTION,
)
COMPONENT = _asset(
    "component",
    "a version of a component, with a copy of its code",
    "train",
)
IMAGE = _asset(
    "environment",
    "a version of an environment: what image and packages steps ask for",
    "training",
    _argument("--image", "-i", metavar="IMAGE", help="the container image"),
    _argument("--conda-file", "-c", metavar="FILE", help="the conda file with its packages"),
    _DESCRIPTION,
)
IMAGE["pin"] = Verb(
    "assets:pin",
    "register an environment that is the image which Azure ML built from another one, by its digest",
    "mlops environment pin training",
    (*_WHICH[:3], _FILE),
)
MODEL = _asset(
    "model",
    "a version of a model that jobs take as an input",
    "classifier",
    _PATH,
    _argument("--type", "-t", metavar="TYPE", help="custom_model (the default), mlflow_model or triton_model"),
    _DESCRIPTION,
)
_WHICH_SCHEDULE = (
    _argument("named", nargs="?", metavar="NAME", help="as its file names it"),
    _argument("--name", "-n", metavar="NAME", help="the same, as az ml has it"),
)
_SCHEDULE_FILE = (
    _argument("--file", "-f", metavar="FILE", help="the YAML of the schedule, as az ml takes it"),
    _argument(
        "--monitor", metavar="ENVIRONMENT", help="instead of a file: have Azure ML itself watch what serves there (model monitoring)"
    ),
    _argument("--reference", metavar="ROWS", help="with --monitor: the training rows, a Parquet file or azureml:NAME:VERSION"),
    _MODEL,
    _FILE,
)
SCHEDULE = {
    "create": Verb(
        "schedule:create",
        "put a schedule into the workspace, or change the one of its name; the same again changes nothing",
        "mlops schedule create -f src/pipelines/schedules/retrain.yml --where azure",
        (
            *_SCHEDULE_FILE,
            _argument("--where", choices=("local", "azure"), default="local", help="azure: nothing here carries schedules out"),
        ),
    ),
    "list": Verb("schedule:list_", "list the schedules of the workspace, and whether they are on", "mlops schedule list", (_FILE,)),
    "show": Verb(
        "schedule:show",
        "show a schedule of the workspace; with a file, what it says and the next times that it is due",
        "mlops schedule show -f src/pipelines/schedules/retrain.yml",
        (*_WHICH_SCHEDULE, *_SCHEDULE_FILE),
    ),
    "enable": Verb("schedule:enable", "let a schedule go on", "mlops schedule enable flights-retrain", (*_WHICH_SCHEDULE, _FILE)),
    "disable": Verb(
        "schedule:disable", "stop a schedule; what runs goes on", "mlops schedule disable flights-retrain", (*_WHICH_SCHEDULE, _FILE)
    ),
    "trigger": Verb(
        "schedule:trigger", "do once, now, what a schedule does", "mlops schedule trigger flights-retrain", (*_WHICH_SCHEDULE, _FILE)
    ),
    "delete": Verb(
        "schedule:delete",
        "take a schedule away; what it has run stays",
        "mlops schedule delete flights-retrain",
        (*_WHICH_SCHEDULE, _FILE),
    ),
}
DATA = {
    **DATA_ASSET,
    "list": Verb(
        "data:list_",
        "list a data set's files, what is wrong with them, its versions, and what was made from each; then the data assets",
        "mlops data list",
        (_MODEL, *DATA_ASSET["list"].arguments),
    ),
    "add": Verb(
        "data:add",
        "add a new month (or another file): held against the contract and the history first, then put in place whole or not at all",
        "mlops data add 2014-01.csv.gz",
        (
            _argument("file", metavar="FILE", help="the file; its name says which partition it is"),
            _argument("--partition", metavar="NAME", default="", help="which partition it is, where its name does not say so"),
            _argument(
                "--replace", action="store_true", help="put it in the place of a file that is there with other bytes; the old one is kept"
            ),
            _argument("--gap", action="store_true", help="add it although partitions are missing in between"),
            _argument("--dry-run", action="store_true", help="try it, and say what would be done; change nothing"),
            _MODEL,
        ),
    ),
    "restore": Verb(
        "data:restore",
        "bring back exactly the files of an old version, or say which are gone; with --name, an archived data asset",
        "mlops data restore v3 /tmp/then",
        (
            _argument(
                "version",
                nargs="?",
                metavar="VERSION",
                help="the beginning of a data version, a model version (v3), a run's number, a git revision",
            ),
            _argument("folder", nargs="?", metavar="DIR", help="where to; it must be empty, or not there"),
            _MODEL,
            _argument("--name", "-n", metavar="NAME", help="an archived data asset, to be listed again"),
            _argument("--version", "-v", dest="asset_version", metavar="VERSION", help="of the data asset: only this one"),
            *_THERE,
        ),
    ),
    "refresh": Verb(
        "data:refresh",
        "fetch what is elsewhere, verify the digests, hold the data against their contract (make data)",
        "mlops data refresh",
        (_MODEL,),
    ),
}

VERBS = {
    "check": Verb(
        "pipelines:check",
        "find every mistake in pipeline, component and settings files; run nothing",
        "mlops check src/pipelines/train.yml",
        (_argument("files", nargs="*", metavar="FILE", help="YAML files; without any, all of the project's"),),
    ),
    "run": Verb(
        "pipelines:run",
        "run an Azure ML pipeline or command job on this machine, or on Azure ML",
        "mlops run src/pipelines/train.yml --set inputs.max_iter=50",
        (
            _argument("file", metavar="FILE", help="the job's YAML"),
            _SET,
            _FORCE,
            _argument(
                "--why", action="store_true", help="say of each step why it ran or was reused, and what has no effect on this machine"
            ),
            _argument("--where", choices=("local", "azure"), default="local", help="on this machine (the default), or on Azure ML"),
            _argument(
                "--environment", metavar="NAME", help="which file of environments/ names the workspace; with one that does, none is needed"
            ),
            _QUEUE_LIMIT,
            _argument("--no-warm", action="store_true", help="start every step as a fresh process"),
            _argument("--dry-run", action="store_true", help="say of each step whether it would run or be reused, and why; start nothing"),
        ),
    ),
    "repeat": Verb(
        "repeat:repeat",
        "run one file on several computes of Azure ML, and say what each took and cost",
        "mlops repeat src/pipelines/train.yml --compute cpu-small,cpu-large",
        (
            _argument("file", metavar="FILE", help="the job's YAML"),
            _argument("--compute", metavar="NAMES", required=True, help="computes of the workspace, with commas between"),
            _SET,
            _argument("--environment", metavar="NAME", help="which file of environments/ names the workspace"),
            _QUEUE_LIMIT,
        ),
    ),
    "schedule": Verb(
        "",
        "what Azure ML does by the clock: create, list, show, enable, disable, trigger, delete",
        "mlops schedule list",
        facts=False,
        parts=SCHEDULE,
    ),
    "deliver": Verb(
        "way:deliver",
        "the whole way of a model: train, compare, gate, register, staging, production (make run)",
        "mlops deliver --to registry",
        (
            _MODEL,
            _argument(
                "--to", choices=("registry", "staging", "production"), default="production", help="the last station (default: production)"
            ),
            _SET,
            _FORCE,
        ),
    ),
    "contract": Verb(
        "", "what must hold in the data: check, profile, diff, test, docs", "mlops contract check", facts=False, parts=CONTRACT
    ),
    "data": Verb(
        "",
        "a data set's files and versions: list, add, restore, refresh; data assets for jobs: create, show, archive",
        "mlops data list",
        facts=False,
        parts=DATA,
    ),
    "component": Verb(
        "", "components by name and version, for `component: azureml:NAME@latest`", "mlops component list", facts=False, parts=COMPONENT
    ),
    "environment": Verb(
        "",
        "what steps run in, by name and version, for `environment: azureml:NAME@latest`",
        "mlops environment list",
        facts=False,
        parts=IMAGE,
    ),
    "model": Verb(
        "",
        "models that jobs take as inputs, by name and version; what is served: mlops models",
        "mlops model list",
        facts=False,
        parts=MODEL,
    ),
    "plan": Verb(
        "change:plan",
        "what a change asks of CI: models to train, code to check; and of what it does not, the proof",
        "mlops plan --base origin/main",
        (_argument("--base", metavar="COMMIT", default="", help="compare with this commit; in CI the event's own, else origin/main"),),
    ),
    "try": Verb(
        "change:attempt",
        "what a change does to the model: train, compare with production, gate; nothing is registered (make try)",
        "mlops try --rows sample",
        (
            _MODEL,
            _argument(
                "--rows",
                choices=("sample", "all"),
                help="train on project.yml's sample, against production's own code on the same sample; or on all, against production itself",
            ),
        ),
    ),
    "comment": Verb(
        "change:comment",
        "tell the pull request what its run found: one comment a model, kept up to date",
        "mlops comment verdict/",
        (_argument("folder", nargs="?", default="", metavar="FOLDER", help="where the verdicts are; without it those of this machine"),),
        facts=False,
    ),
    "runs": Verb("pipelines:runs", "list the runs, the newest first", "mlops runs --json"),
    "show": Verb(
        "pipelines:show",
        "show one run: steps, reasons, inputs, outputs",
        "mlops show latest",
        (_argument("run", metavar="RUN", help="number, name or latest"),),
    ),
    "resume": Verb(
        "runs:resume",
        "go on with a run that was killed, canceled or failed: what it has done is not done again",
        "mlops resume latest",
        (_RUN, _QUEUE_LIMIT),
    ),
    "cancel": Verb(
        "runs:cancel",
        "end a run from another terminal, with every process that it started",
        "mlops cancel latest",
        (_RUN,),
    ),
    "prune": Verb(
        "runs:prune",
        "free the disk of runs that nothing needs: no version, no endpoint, no run that is kept",
        "mlops prune --keep 20 --dry-run",
        (
            _argument("--keep", type=int, default=20, metavar="N", help="how many of the last runs stay in any case (default: 20)"),
            _argument("--dry-run", action="store_true", help="say what would go; remove nothing"),
        ),
    ),
    "graph": Verb(
        "look:graph",
        "draw a pipeline: its steps and what each needs, in the terminal or as a picture",
        "mlops graph src/pipelines/train.yml --out train.svg",
        (
            _argument("file", metavar="FILE", help="the job's YAML"),
            _SET,
            _argument("--out", metavar="FILE.svg", default="", help="write the picture there, too"),
        ),
    ),
    "logs": Verb(
        "look:logs",
        "print what the steps of a run wrote",
        "mlops logs latest train --follow",
        (
            _RUN,
            _argument("step", nargs="?", default="", metavar="STEP", help="this step alone"),
            _argument("--follow", action="store_true", help="go on until the run ends"),
        ),
        facts=False,
    ),
    "diff": Verb(
        "look:diff",
        "what differs between two runs: parameters, data, code, metrics",
        "mlops diff 7 latest",
        (
            _argument("before", metavar="RUN", help="number or name"),
            _argument("after", nargs="?", default="latest", metavar="RUN", help="number, name or latest (the default)"),
        ),
    ),
    "models": Verb("way:models", "list the model versions with their aliases and how they came there", "mlops models", (_ANY_MODEL,)),
    "promote": Verb(
        "way:promote",
        "put a registered version into an environment",
        "mlops promote 3 --to production",
        (
            _argument(
                "version", metavar="VERSION", help="a number, an alias (challenger, staging, champion), or the ticket of an approval"
            ),
            _argument("--to", required=True, **_ENVIRONMENT),
            _MODEL,
            _argument(
                "--reason", metavar="TEXT", default="", help="why, for the record; a version that the gate did not approve needs one"
            ),
        ),
    ),
    "rollback": Verb(
        "way:rollback",
        "take an environment back to the version that it served before",
        'mlops rollback production --reason "calibration drifted at EWR"',
        (
            _argument("environment", **_ENVIRONMENT),
            _argument(
                "--from",
                dest="version",
                type=int,
                metavar="N",
                help="only where it serves this version still: asked twice, it goes back once",
            ),
            _MODEL,
            _REASON,
        ),
    ),
    "score": Verb(
        "score:score",
        "score rows in a batch with the version in an environment: the same pipeline here, or by its batch endpoint on Azure ML",
        "mlops score production --set inputs.months=2013-12",
        (_argument("environment", **_ENVIRONMENT), _MODEL, _SET, _FORCE, _QUEUE_LIMIT),
    ),
    "status": Verb("way:status", "what serves where: version, address, health", "mlops status --json", (_ANY_MODEL,)),
    "monitor": Verb(
        "monitor:monitor",
        "look at production: newest data, drift, performance, endpoint; and whether to train again (exit 1 where something is bad)",
        "mlops monitor --json",
        (_MODEL, _SET),
    ),
    "rotate-key": Verb(
        "way:rotate_key",
        "give an endpoint a new key; the old one goes on working until the next time",
        "mlops rotate-key production",
        (_argument("environment", **_ENVIRONMENT), _MODEL),
    ),
    "stop": Verb(
        "way:stop",
        "end the endpoints; what they serve is remembered",
        "mlops stop",
        (
            _argument(
                "environment", nargs="?", metavar="ENVIRONMENT", help="only this one; one on Azure ML is ended only where it is named"
            ),
            _MODEL,
            _argument("--all", action="store_true", help="of all models"),
        ),
    ),
    "report": Verb(
        "pipelines:report",
        "write the page about a run, and print where it is",
        "mlops report latest --open",
        (
            _RUN,
            _argument("--open", action="store_true", help="open it in the browser"),
        ),
    ),
    "ui": Verb(
        "pipelines:ui",
        "start MLflow's pages about all runs and models, until Ctrl-C",
        "mlops ui --port 5000",
        (_argument("--port", type=int, default=5000, help="port on this machine (default: 5000)"),),
        facts=False,
    ),
    "adopt": Verb(
        "adopt:adopt",
        "make a project of your data: look at a table, decide, write data card, contract, code, pipelines, gates and tests (make adopt)",
        "mlops adopt titanic.csv --target survived --drop alive --dry-run",
        (
            _argument(
                "data",
                metavar="DATA",
                help="file, folder of files, URL, or database (SQLAlchemy URL, #table or #query): CSV, Parquet, JSON lines, Excel, packed or not",
            ),
            _argument("--target", required=True, metavar="COLUMN", help="the column to predict"),
            _argument(
                "--name",
                metavar="NAME",
                help="a new name adds the model beside those that are here; the name of one that is here replaces it; without, the only one is replaced",
            ),
            _argument("--task", choices=("binary", "multiclass", "regression"), help="what is asked, where the values leave it open"),
            _argument("--time", metavar="COLUMN", help="test on what came later by this column; none: there is no time"),
            _argument(
                "--group", metavar="COLUMN", help="keep rows with the same value on one side of the split; none: there is no such column"
            ),
            _argument("--drop", action="append", default=[], metavar="COLUMN", help="do not learn from it; may be repeated"),
            _argument(
                "--keep", action="append", default=[], metavar="COLUMN", help="learn from it, whatever it is suspected of; may be repeated"
            ),
            _argument("--metric", metavar="METRIC", help="what decides: auc, log_loss, f1_macro, rmse, mae ..."),
            _argument("--positive", metavar="VALUE", help="binary: the class whose probability is told"),
            _argument("--key", action="append", default=[], metavar="COLUMN", help="names a row to a person; may be repeated"),
            _argument(
                "--day-first", choices=("yes", "no", "1", "0"), help="how 03/04/2020 is read where the values allow both: yes is April 3"
            ),
            _argument("--test-share", type=float, metavar="SHARE", help="of the rows that are tested on (default: 0.2)"),
            _argument("--dry-run", action="store_true", help="show the plan, what was measured and the difference; change nothing"),
            _argument("--yes", action="store_true", help="ask nothing: take the safe reading where it is unsure, and say so"),
        ),
    ),
    "audit": Verb(
        "audit:audit",
        "what is wrong with the repository itself: secrets, workflows, packages (make audit)",
        "mlops audit --only secrets",
        (
            _argument(
                "--only", choices=("actionlint", "zizmor", "schemas", "bicep", "secrets", "packages", "licences"), help="this check alone"
            ),
            _argument("--strict", action="store_true", help="fail where something was not looked at, as in CI"),
        ),
    ),
    "upgrade": Verb(
        "upgrade:upgrade",
        "bring what is ours to a newer release of the template, as one commit; what is yours stays",
        "mlops upgrade --dry-run",
        (
            _argument("--to", metavar="RELEASE", help="as v1.2.0 (default: the newest)"),
            _argument(
                "--from", dest="source", metavar="ADDRESS", help="where the template is (default: the remote `slipway` or `template`)"
            ),
            _argument("--dry-run", action="store_true", help="show what would change; change nothing"),
        ),
    ),
    "release": Verb(
        "release:release",
        "make a release: changelog, package, SBOM, provenance, tag",
        "mlops release 1.2.0 --dry-run",
        (
            _argument("version", metavar="VERSION", help="three numbers, larger than the last"),
            _argument("--push", action="store_true", help="push the commit and the tag to origin, both or neither; else that is yours"),
            _argument("--dry-run", action="store_true", help="check, and show what it would be; change nothing"),
        ),
    ),
    "provenance": Verb(
        "release:provenance",
        "write where a model version came from, or check what was written",
        "mlops provenance champion --sbom",
        (
            _argument("version", nargs="?", metavar="VERSION", help="a number, or an alias: challenger, staging, champion"),
            _argument("--verify", metavar="FILE", help="compare a provenance with the registry, or with the files of a release beside it"),
            _argument("--out", default="dist", metavar="FOLDER", help="where to (default: dist)"),
            _argument("--sbom", action="store_true", help="write the bill of materials too (CycloneDX)"),
            _MODEL,
        ),
    ),
    "infra": Verb(
        "infra:infra",
        "an environment's resources on Azure: show what would change (what-if), ask, change it (make infra)",
        "mlops infra staging --what-if",
        (
            _argument(
                "environment", metavar="ENVIRONMENT", help="staging, production or shared: infra/ENVIRONMENT.bicepparam says what it is"
            ),
            _argument("--what-if", action="store_true", help="only show"),
            _argument(
                "--location",
                metavar="REGION",
                default="",
                help="make the resource group there, where there is none yet: az account list-locations",
            ),
            _GROUP,
        ),
    ),
    "infra-destroy": Verb(
        "infra:infra_destroy",
        "name what the end of an environment on Azure would cost, have its resource group's name typed, and delete it",
        "mlops infra-destroy staging",
        (
            _argument("environment", metavar="ENVIRONMENT", help="staging, production or shared"),
            _GROUP,
        ),
        facts=False,
    ),
    "costs": Verb(
        "costs:costs",
        "estimate what a pipeline would cost, before it is submitted: hours of its steps times prices of their machines (infra/prices.yml)",
        "mlops costs src/pipelines/train.yml --hours train=2",
        (
            _argument("file", nargs="?", metavar="FILE", help="a pipeline or job"),
            _argument("--where", choices=("azure", "local"), default="azure", help="where it would run (default: azure)"),
            _argument("--env", metavar="ENVIRONMENT", default="staging", help="whose training machines (default: staging)"),
            _argument(
                "--hours",
                action="append",
                default=[],
                metavar="[STEP=]HOURS",
                help="how long a step takes, or without STEP each one that no run here has shown; without any, the newest runs here say it",
            ),
            _argument(
                "--refresh",
                nargs="*",
                metavar="SIZE",
                help="ask the public price list first, for these sizes or all that are in use, and write the file",
            ),
            _argument(
                "--from",
                dest="source",
                metavar="ADDRESS",
                default="https://prices.azure.com/api/retail/prices",
                help="where the price list is",
            ),
            _SET,
        ),
    ),
    "doctor": Verb(
        "doctor:doctor",
        "what is wrong with this machine or set-up, and how to mend it",
        "mlops doctor --ci",
        (
            _argument("--ci", action="store_true", help="look at the fork's CI system instead: environments, branch rules, variables"),
            _argument("--azure", action="store_true", help="look at an environment's workspace instead: login, roles, quota, network"),
            _argument("--environment", metavar="ENVIRONMENT", help="of --azure: which; with one file that has `azure:`, none is needed"),
        ),
    ),
    "rules": Verb(
        "rules:rules",
        "compare GitHub's branch rules and environments with .github/rules.yml, and show the calls that set them",
        "mlops rules --apply",
        (_argument("--apply", action="store_true", help="make the calls, too"),),
    ),
}


def parser(asked: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line; of one verb alone where it is known which is asked for, which is ten times as fast to make."""
    top = argparse.ArgumentParser(
        prog="mlops",
        formatter_class=_help,
        description="From a commit to a model in production. `make run` does the whole way; these are its parts.",
        epilog="Exit codes: 0 done; 1 your job, data or gate said no; 2 what you asked for is wrong; 3 it could not be carried out; 130 interrupted.",
    )
    release = Path(__file__).with_name("VERSION").read_text(encoding="utf-8").strip()
    top.add_argument("--version", action="version", version=f"Slipway {release}", help="print the release of the template that this is")
    _add(top, {asked: VERBS[asked]} if asked in VERBS else VERBS, "verb")
    return top


def _add(top: argparse.ArgumentParser, verbs: Mapping[str, Verb], dest: str) -> None:
    made = top.add_subparsers(dest=dest, metavar=dest.upper(), required=True, prog=top.prog)
    for name, verb in verbs.items():
        sub = made.add_parser(
            name,
            formatter_class=_help,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=f"Example: {verb.example}",
        )
        for names, options in verb.arguments:
            sub.add_argument(*names, **options)
        if verb.parts:
            _add(sub, verb.parts, "part")
        elif verb.facts:
            sub.add_argument("--json", action="store_true", help="print the facts as JSON")


def _help(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=_columns() - 2)


def _columns() -> int:
    """Return what `shutil.get_terminal_size` does: argparse asks it at each argument, and it takes longer to import than all arguments to parse."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; an error that a user is meant to read goes to standard error."""
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = parser(next(iter(words), None)).parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)  # a canceled CI job ends as Ctrl-C does
    verb = VERBS[arguments.verb]
    module, function = (verb.parts[arguments.part] if verb.parts else verb).place.split(":")
    said = io.StringIO() if getattr(arguments, "json", False) else None  # one document: what a verb says, and why it failed
    try:
        with contextlib.redirect_stdout(said) if said else contextlib.nullcontext():
            return int(getattr(importlib.import_module(f"mlops.verbs.{module}"), function)(arguments) or 0)
    except MlopsError as error:
        return _tell(error, said)
    except KeyboardInterrupt:
        told = "interrupted: every step has ended; endpoints stay as `mlops status` shows them; the same command goes on from here"
        _add_error(said, {"message": told, "exit_code": INTERRUPTED})
        print(f"\n{told}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours: the trace goes to a file, and the person is told where
        _add_error(said, {"message": f"a fault of mlops itself: {type(error).__name__}: {error}", "exit_code": PlatformError.exit_code})
        return _fault(error)
    finally:
        if said:
            _write(said.getvalue())


def _add_error(said: io.StringIO | None, error: dict[str, Any]) -> None:
    """Put an error into the one document that a verb has said, or in its place; what is no document goes to standard error."""
    if said is None:
        return
    text, facts = said.getvalue(), {}
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        sys.stderr.write(text)
    said.truncate(said.seek(0))
    said.write(json.dumps({**(facts if isinstance(facts, dict) else {"told": facts}), "error": error}) + "\n")


def _write(text: str) -> None:
    """Write to standard output; what it cannot take is written as JSON does it, where the text is JSON."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        sys.stdout.writelines(json.dumps(json.loads(line)) + "\n" for line in text.splitlines())


def script() -> None:
    """Run as the `mlops` program: what was imported is not taken down piece by piece (MLflow alone takes most of a second).

    A reader of the output that has left is no fault, whether that shows while a verb prints or only when the rest is flushed.
    """
    code = 0
    gc.set_threshold(200_000)  # a verb imports much and leaves little behind: looking for it takes a twentieth of a small run
    with contextlib.suppress(BrokenPipeError):
        code = main()
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _fault(error: Exception) -> int:
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="mlops-fault-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    print(f"error: a fault of mlops itself: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"  Please report it with {path}. Nothing that serves was touched by it; the same command may be run again.", file=sys.stderr)
    return PlatformError.exit_code


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _tell(error: MlopsError, said: io.StringIO | None) -> int:
    _add_error(said, {"message": error.message, "where": error.where, "hint": error.hint, "exit_code": error.exit_code})
    prefix = "" if isinstance(error, UsageError) and hasattr(error, "problems") else "error: "
    print(f"{prefix}{error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    script()
