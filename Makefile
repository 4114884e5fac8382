# The verbs (ours). Your own go into project.mk. GitHub Actions and Azure Pipelines call these and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PYTHONPATH PYTHONHOME

# Values reach the recipes as shell variables, never as text of a command, and make reads nothing into them: a reason, a column or a
# password's ${NAME} may hold any sign.
ENV ?= production
RUN ?= latest
given := MODEL VERSION ENV RUN REASON SET ROWS FROM ONLY DATA TARGET NAME TASK TIME GROUP DROP KEEP KEY METRIC POSITIVE TEST_SHARE DAY_FIRST WHAT_IF LOCATION
$(foreach name,$(given),$(eval override $(name) := $$(value $(name))))
export $(given)
model = $${MODEL:+--model "$$MODEL"}
reason = $${REASON:+--reason "$$REASON"}
settings = $${SET:+--set "$$SET"}
ready := .venv/.ready
tools := .venv/tools/.ready
scan := .venv/scan/.ready
tables := .venv/tables/.ready
compile := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade

.PHONY: help
help:  ## print the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  With several models: MODEL=name. More: .venv/bin/mlops --help"

$(ready): requirements.lock pyproject.toml src/mlops/setup.sh
	@src/mlops/setup.sh

$(tools): src/mlops/audit.lock | $(ready)
	@uv venv --quiet --clear --python .venv/bin/python .venv/tools
	@uv pip sync --quiet --python .venv/tools/bin/python --require-hashes --link-mode "$${UV_LINK_MODE:-hardlink}" src/mlops/audit.lock
	@touch $@

$(scan): src/mlops/scan.lock | $(ready)
	@uv venv --quiet --clear --python .venv/bin/python .venv/scan
	@uv pip sync --quiet --python .venv/scan/bin/python --require-hashes --link-mode "$${UV_LINK_MODE:-hardlink}" $<
	@touch $@

$(tables): benchmarks/adoptions/tables.lock | $(ready)
	@uv venv --quiet --clear --python .venv/bin/python .venv/tables
	@uv pip sync --quiet --python .venv/tables/bin/python --require-hashes --link-mode "$${UV_LINK_MODE:-hardlink}" $<
	@touch $@

.PHONY: setup
setup: $(ready)  ## make .venv from the lock file (every verb does so when it must)

.PHONY: adopt
adopt: $(ready)  ## DATA=file-or-url TARGET=column [NAME= TASK= TIME= GROUP= DROP=a,b KEEP= KEY= METRIC= POSITIVE= TEST_SHARE= DAY_FIRST=1 YES=1 DRY=1]: your own data in the example's place
	@set -f; more=(); each() { local IFS=,; for word in $$2; do more+=("$$1" "$$word"); done; }; \
	  each --drop "$$DROP"; each --keep "$$KEEP"; each --key "$$KEY"; \
	  mlops adopt "$$DATA" --target "$$TARGET" $${NAME:+--name "$$NAME"} $${TASK:+--task "$$TASK"} $${TIME:+--time "$$TIME"} \
	  $${GROUP:+--group "$$GROUP"} $${METRIC:+--metric "$$METRIC"} $${POSITIVE:+--positive "$$POSITIVE"} $${TEST_SHARE:+--test-share "$$TEST_SHARE"} \
	  $${DAY_FIRST:+--day-first "$$DAY_FIRST"} $${YES:+--yes} $${DRY:+--dry-run} "$${more[@]}"

.PHONY: data run plan try comment train promote rollback score status monitor stop report ui
run: $(ready)  ## from raw data to the production endpoint
	@mlops deliver $(model) $(settings)

data: $(ready)  ## fetch what lies elsewhere, verify the digests, hold the data against their contract
	@mlops data refresh $(model)

plan: $(ready)  ## what this branch asks of CI, and why not more
	@mlops plan

try: $(ready)  ## [ROWS=all]: what this branch does to the model; nothing is registered
	@mlops try $(model) $${ROWS:+--rows "$$ROWS"}

comment: $(ready)  ## [FROM=folder]: tell the pull request what was found
	@mlops comment "$$FROM"

train: $(ready)  ## [SET=inputs.name=value]: train, gate and register: no endpoint is touched
	@mlops deliver $(model) --to registry $(settings)

promote: $(ready)  ## VERSION=n ENV=production [REASON=why]: put a version into an environment
	@mlops promote "$${VERSION:-challenger}" --to "$$ENV" $(model) $(reason)

rollback: $(ready)  ## ENV=production [VERSION=n] [REASON=why]: take it, or only this one, back to what it served before
	@mlops rollback "$$ENV" $${VERSION:+--from "$$VERSION"} $(model) $(reason)

score: $(ready)  ## ENV=production [SET=inputs.name=value]: score rows in a batch with the version that serves there
	@mlops score "$$ENV" $(model) $(settings)

status: $(ready)  ## what serves where
	@mlops status $(model)

monitor: $(ready)  ## how production fares on the newest data, and whether to train again
	@mlops monitor $(model)

stop: $(ready)  ## end the endpoints
	@mlops stop $(model)

report: $(ready)  ## RUN=n: open the page about a run
	@mlops report "$$RUN" --open

ui: $(ready)  ## MLflow's pages about all runs and models
	@mlops ui

.PHONY: check pages test e2e audit bench adoptions faults format clean lock
check: $(ready)  ## lint, types and quick tests, in about a minute
	@ruff check . && ruff format --check . && mlops check
	@$(MAKE) -j2 types quick

.PHONY: types quick
types: $(ready)
	@mypy

quick: $(ready)
	@pytest -n 2 -m "not slow"

pages: $(ready)  ## links, verbs and names on every page, in seconds
	@pytest tests/contract/test_layout.py

test: $(ready) $(tools) $(scan)  ## every test, but for those of `make e2e`
	@pytest -n 2 -m "not e2e"

e2e: $(ready) $(tools) $(scan)  ## whole ways, minutes each: deliveries, adoptions, jobs and endpoints on Azure, GitHub's workflows and Azure's pipelines
	@pytest -n 2 -m e2e

audit: $(tools)  ## [BASE=commit]: secrets, workflows, known weaknesses and licences of packages
	@mlops audit

bench: $(ready)  ## [ONLY=names]: the measurements of docs/benchmarks.md, in your machine's numbers
	@python -m benchmarks $${ONLY:-}

adoptions: $(ready) $(tables)  ## [ONLY=names]: some sixty public tables, each adopted and taken to production, for docs/adopt.md
	@python -m benchmarks.adoptions $${ONLY:-}

faults: $(ready)  ## faults of data against the contracts, and against other tools: many minutes, writes docs/faults.md
	@python -m tests.contract.faults

format: $(ready)  ## let ruff put the code in order
	@ruff check --fix-only --exit-zero . && ruff format .

clean:  ## end the endpoints, then remove .venv and all state in .mlops
	@[ ! -x .venv/bin/mlops ] || mlops stop --all || true
	@rm -rf .venv .mlops .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(ready)  ## resolve requirements.lock and the locks of tools and tables anew, after a change of what they are made from
	@$(compile) pyproject.toml src/mlops/requirements.in -o requirements.lock
	@$(compile) src/mlops/audit.in -o src/mlops/audit.lock
	@$(compile) src/mlops/scan.in -o src/mlops/scan.lock
	@$(compile) --no-deps benchmarks/adoptions/tables.in -o benchmarks/adoptions/tables.lock

.PHONY: infra infra-destroy azure-acceptance
infra: $(ready)  ## ENV=staging [WHAT_IF=yes] [LOCATION=region]: an environment's resources on Azure: what would change, then asks
	@case "$$WHAT_IF" in ''|no) only= ;; *) only=--what-if ;; esac; mlops infra "$$ENV" $$only $${LOCATION:+--location "$$LOCATION"}

infra-destroy: $(ready)  ## ENV=staging: what the end of them would lose; asks for the name
	@mlops infra-destroy "$$ENV"

azure-acceptance: $(ready)  ## ENV=staging: small jobs on the workspace of environments/staging.yml, and a report to send in
	@python -m mlops.azure.acceptance "$$ENV"

.PHONY: doctor rules upgrade release provenance
doctor: $(ready)  ## [FORK=1]: what is wrong with this machine, or with the fork on its server
	@mlops doctor $${FORK:+--ci}

rules: $(ready)  ## [APPLY=1]: branch rules and environments on GitHub, as .github/rules.yml has them
	@mlops rules $${APPLY:+--apply}

provenance: $(ready) $(tools)  ## [VERSION=n]: where a model version came from, into dist/, with its bill of materials
	@mlops provenance "$${VERSION:-champion}" $(model) --sbom

upgrade: $(ready)  ## [TO=v1.2.0] [FROM=address] [DRY=1]: bring what is ours to a newer release of the template
	@mlops upgrade $${TO:+--to "$$TO"} $${FROM:+--from "$$FROM"} $${DRY:+--dry-run}

release: $(ready) $(tools)  ## VERSION=1.2.0 [DRY=1] [PUSH=1]: changelog, package, SBOM, provenance, tag
	@mlops release "$${VERSION:-}" $${DRY:+--dry-run} $${PUSH:+--push}

-include project.mk
