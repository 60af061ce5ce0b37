# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# The stamp is newer than what it was made from: nothing is installed twice.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Wirewatch needs Python 3.11 or newer; say PYTHON=/path/to/python3.x"; exit 78; }
	@echo "[1/3] making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "[2/3] upgrading pip"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "[3/3] installing the pinned dependencies"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
		--editable '.[dev]' | sed -u -n -E 's/^Collecting ([A-Za-z0-9_.-]+).*/      \1/p; s/^Installing .*/      installing/p'
	@$(BIN)/wirewatch --help > /dev/null
	@touch $(READY)
	@echo "ready: $(BIN)/wirewatch"

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(READY) ## make .venv and install the pinned dependencies
	@true

.PHONY: demo
demo: $(READY) ## the whole system on a sample newsroom, live, until Ctrl-C
	@$(BIN)/wirewatch demo

.PHONY: run
run: $(READY) ## the main job on config/sources.yaml, data under var/
	@$(BIN)/wirewatch run

.PHONY: test
test: $(READY) ## all tests, on real servers
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest # hundreds of processes import the same files

.PHONY: soak
soak: $(READY) ## 10,000 articles under 110 faults, and the longer proofs: nothing lost, nothing twice (30 minutes)
	@$(BIN)/wirewatch chaos --seed 1 --seconds 610 --every-s 5.5 --articles 10000
	@$(BIN)/python -m pytest tests/soak

.PHONY: check
check: $(READY) ## format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

.PHONY: format
format: $(READY) ## put every file into its standard form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(READY) ## articles per second per core, beside a bare trafilatura loop
	@$(BIN)/python benchmarks/bench.py

.PHONY: bench-classify
bench-classify: $(READY) ## what classifying costs, and 100,000 stored articles again beside live traffic (20 minutes)
	@$(BIN)/python benchmarks/classifying.py
	@$(BIN)/python benchmarks/reclassify.py

.PHONY: bench-extract
bench-extract: $(READY) ## extraction again from 10,000 stored pages, and the cost of the process that reads pages
	@$(BIN)/python benchmarks/reextract.py --pages 10000
	@$(BIN)/python benchmarks/contained.py
	@$(BIN)/python -m pytest --full-length tests/faults/test_hostile_pages.py

.PHONY: bench-outside
bench-outside: $(READY) ## CPU a poll and a page, beside a bare httpx loop (5 minutes)
	@$(BIN)/python benchmarks/outside.py
	@$(BIN)/python -m pytest --full-length -s tests/integration/test_host_spacing.py

.PHONY: bench-delivery
bench-delivery: $(READY) ## pages of the API at 10,000 and 100,000 articles, commit to reader and to webhook, the OpenAPI document, a browser, 20 readers beside the intake (14 minutes)
	@$(BIN)/python benchmarks/delivery.py --small 10000 --articles 100000
	@$(BIN)/python -m pytest -n0 -s tests/delivery
	@$(BIN)/python benchmarks/readers.py

.PHONY: eval
eval: $(READY) ## figures of classification, extraction and feeds over ../shared/data, when it is there
	@$(BIN)/python benchmarks/evaluate.py
	@$(BIN)/python benchmarks/extraction.py
	@$(BIN)/python benchmarks/feeds.py

.PHONY: clean
clean: ## remove .venv and caches (never var/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
