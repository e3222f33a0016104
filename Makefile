# MaxRay: `make help` lists what there is. Everything is installed into .venv in this checkout.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?= var
ONLY ?=
CALLS ?=
DAY ?=
SEED ?= 1
SPEED ?= 600
UNITS ?= 22
POLICY ?= priority
# With compiled modules kept, as Python does unless it is told not to: each of the many programs that
# tests and benchmarks start would make them anew, which takes a shard as long as all else it does.
PYTHON_KEPT := PYTHONDONTWRITEBYTECODE= $(BIN)/python
# Without plugins that other packages bring along and no test uses, a second and more at each start.
PYTEST := $(PYTHON_KEPT) -m pytest -p no:anyio -p no:faker
# Packages are taken from wherever pip is set up to take them; their hashes are in the lock files.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install run test test-unit test-web test-integration test-acceptance check bench chaos lock audit-dependencies docs clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Set up .venv with the locked dependencies (quick when nothing changed)

$(VENV)/.installed: requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MaxRay needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## Start everything with a demo city: embedded servers, shards, web, crews. Ctrl-C ends it
	@$(BIN)/maxray up --demo --port $(PORT) --data $(DATA)

test: install ## Run the whole test suite against real servers: its parts at once, each shown at its end
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target \
		test-web test-integration test-acceptance test-unit

test-unit:
	@$(PYTEST) -p no:schemathesis tests/unit tests/chaos

# These mostly wait: for servers to start, to be killed and to come back.
test-web:
	@$(PYTEST) tests/integration/web

test-integration:
	@$(PYTEST) -p no:schemathesis tests/integration --ignore=tests/integration/web

test-acceptance:
	@$(PYTEST) -p no:schemathesis tests/acceptance

check: install ## Lint, types, import contracts, generated files: what CI checks before the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install ## Measure what DESIGN §8 promises: make bench ONLY=B1,B6
	@$(PYTHON_KEPT) -m tests.benchmarks $(if $(ONLY),--only $(ONLY))

# 22 units are few enough that calls wait for one, and `priority` is the policy that promises an
# order: so every rule has something to hold.
chaos: install ## Play a day while processes are killed, and check the journal: make chaos CALLS=export.csv
	@test -n "$(CALLS)" || { echo "make chaos CALLS=FILE, a DataSF export of fire department calls"; exit 2; }
	@$(PYTHON_KEPT) -m tests.chaos --calls $(CALLS) --seed $(SEED) --speed $(SPEED) --units $(UNITS) \
		--policy $(POLICY) $(if $(DAY),--day $(DAY)) --web 0.15 --redis 0.15 --postgres 0.1

lock: $(BIN)/uv ## Resolve the dependencies anew into the lock files
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --universal \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --universal \
		--extra dev --extra bench -c requirements.lock pyproject.toml -o requirements-dev.lock

$(BIN)/uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install uv

# With an environment of its own, for it is no part of ours. --strict: what it could not look up is a
# failure; without it a run that reached nothing ends with "No known vulnerabilities found".
audit-dependencies: $(VENV)/audit/bin/pip-audit ## Ask the advisory service about every locked package
	@for lock in requirements.lock requirements-dev.lock; do \
		echo "$$lock:" && $< --strict --require-hashes --disable-pip -r $$lock || exit 1; \
	done

$(VENV)/audit/bin/pip-audit:
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit

docs: install ## Write the generated documents (state diagrams, settings, channels, access)
	@$(BIN)/python -m actors.domain.diagrams docs/states
	@$(BIN)/python -m config.reference docs/deploy.md
	@$(BIN)/python -m web.channels.reference docs/channels.md
	@$(BIN)/python -m web.access.reference docs/access.md

clean: ## Remove the environment and all data
	rm -rf $(VENV) var
