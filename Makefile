# The verbs (ours). Your own go into project.mk. GitHub Actions and Azure Pipelines call these and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PYTHONPATH PYTHONHOME

MODEL ?=
VERSION ?=
ENV ?= production
RUN ?= latest
REASON ?=
model = $(if $(MODEL),--model $(MODEL))
reason = $(if $(REASON),--reason "$(REASON)")
ready := .venv/.ready

.PHONY: help
help:  ## print the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  With several models: MODEL=name. More: .venv/bin/mlops --help"

$(ready): requirements.lock pyproject.toml src/mlops/setup.sh
	@src/mlops/setup.sh

.PHONY: setup
setup: $(ready)  ## make .venv from the lock file (every verb does so when it must)

.PHONY: run train promote rollback status monitor stop report ui
run: $(ready)  ## from raw data to the production endpoint
	@mlops deliver $(model)

train: $(ready)  ## the same up to the registry: no endpoint is touched
	@mlops deliver $(model) --to registry

promote: $(ready)  ## VERSION=n ENV=production [REASON=why]: put a version into an environment
	@mlops promote $(or $(VERSION),challenger) --to $(ENV) $(model) $(reason)

rollback: $(ready)  ## ENV=production [REASON=why]: take it back to what it served before
	@mlops rollback $(ENV) $(model) $(reason)

status: $(ready)  ## what serves where
	@mlops status $(model)

monitor: $(ready)  ## how production fares on the newest data, and whether to train again
	@mlops monitor $(model)

stop: $(ready)  ## end the endpoints
	@mlops stop $(model)

report: $(ready)  ## RUN=n: open the page about a run
	@mlops report $(RUN) --open

ui: $(ready)  ## MLflow's pages about all runs and models
	@mlops ui

.PHONY: check test bench format clean lock
check: $(ready)  ## lint, types and quick tests, in under a minute
	@ruff check . && ruff format --check . && mypy && mlops check && pytest -n 2 -m "not slow"

test: $(ready)  ## every test
	@pytest -n 2

bench: $(ready)  ## the measurements of docs/benchmarks.md, in your machine's numbers
	@python -m benchmarks

format: $(ready)  ## let ruff put the code in order
	@ruff check --fix-only --exit-zero . && ruff format .

clean:  ## end the endpoints, then remove .venv and all state in .mlops
	@[ ! -x .venv/bin/mlops ] || mlops stop || true
	@rm -rf .venv .mlops .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(ready)  ## resolve requirements.lock anew, after a change of pyproject.toml or src/mlops/requirements.in
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
	  pyproject.toml src/mlops/requirements.in -o requirements.lock

-include project.mk
