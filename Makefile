# Every target does all of its own set-up: a virtual environment in .venv with the locked dependencies.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev

export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help demo test faults bench check format docs up lock clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | while IFS=$$'\t' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: $(RUNTIME) ## Run the whole pipeline end to end on a small world on this machine and print the report
	@$(BIN)/meterhouse demo $(ARGS)

test: $(DEV) ## Run all tests (ARGS="-k name" narrows them)
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

faults: $(DEV) ## Inject every fault there is a number for, and print what became of it (ARGS="--seeds 20", "12 13", "--write")
	@$(BIN)/python -m tests.faults $(ARGS)

bench: $(DEV) ## Measure on this machine: the endpoint, the SDK, loading, pulling, growth, real time into the marts, pricing, alerts, the console's pages
	@$(BIN)/python -m bench.gateway
	@$(BIN)/python -m bench.sdk
	@$(BIN)/python -m bench.loading
	@$(BIN)/python -m bench.pulling
	@$(BIN)/python -m bench.growth
	@$(BIN)/python -m bench.real_time
	@$(BIN)/python -m bench.pricing
	@$(BIN)/python -m bench.alerts
	@$(BIN)/python -m bench.console

check: $(DEV) ## Format, lint, types and the arrows between packages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy
	@cd sdk && ../$(BIN)/python -m mypy --python-version 3.9
	@$(BIN)/lint-imports

format: $(DEV) ## Format the code and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(RUNTIME) ## Write docs/marts-columns.md from the descriptions beside the models
	@$(BIN)/python -m meterhouse.marts_page

up: $(RUNTIME) ## Start the Dagster web UI and daemon on this checkout
	@$(BIN)/meterhouse up $(ARGS)

lock: $(DEV) ## Resolve pyproject.toml anew into the two requirements locks
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 --extra build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@echo 'duckdb==1.5.5' | $(BIN)/uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 - -o requirements-bi-client.lock

clean: ## Remove the virtual environment and what the demo left (never a real installation)
	rm -rf $(VENV)
	@test ! -e .meterhouse/demo.txt || rm -rf .meterhouse

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Meterhouse needs Python 3.11 or newer: install it (Debian: apt-get install python3 python3-venv), then run make again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Meterhouse needs Python 3.11 or newer, but $(PYTHON) is older: set PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Could not make a virtual environment: on Debian run apt-get install python3-venv, then run make again." >&2; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml sdk/pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) (the first time takes a few minutes) ..."
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e . -e sdk
	@touch $@

$(DEV): requirements-dev.lock requirements-bi-client.lock $(RUNTIME)
	@echo "Adding the development tools ..."
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --require-hashes --upgrade --target $(VENV)/bi-client -r requirements-bi-client.lock
	@touch $@
