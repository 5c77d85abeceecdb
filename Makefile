# Every target sets up what it needs into .venv, once; `make setup` after a change of pyproject.toml or constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What to run, and with what: make run ARGS="+sweep=dimension scale=smoke"
ARGS ?= +sweep=phase_plane
TESTS ?=
SCALE ?= laptop
CHROMIUM ?= chromium
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
FIGURES := $(sort $(patsubst experiments/%.py,%,$(wildcard experiments/fig*.py)))
# Most of the tests' time is compilation: what one process has compiled the others, and the next run, need not.
TEST := JAX_PLATFORMS=cpu JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.pytest_cache/jax $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: $(FIGURES) figures figures-only gallery docs help setup run test test-slow test-reliability test-browser test-install claims proofs lint format types bench bench-gpu clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo 'fig01 ...     one figure of the $(words $(FIGURES)); SCALE=smoke | laptop | gpu'

setup: $(STAMP) ## create .venv and install everything, once

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; use: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(STAMP) ## sweep the phase plane, or ARGS="..." (see `python -m sparsesim.run --help`)
	$(BIN)/python -m sparsesim.run $(ARGS)

figures: $(STAMP) ## draw all figures into figures/, with a table of verdicts; SCALE=smoke | laptop | gpu
	$(BIN)/python -m experiments scale=$(SCALE)

figures-only: $(STAMP) ## draw them again from stored data, without simulating
	$(BIN)/python -m experiments --figures-only

gallery: $(STAMP) ## put docs/gallery.md together from the figures that are drawn
	$(BIN)/python -m sparsesim.gallery figures docs/gallery.md --require $(FIGURES)

docs: $(STAMP) ## run what the pages tell to run, and build them into build/docs; a warning or a dead link is an error
	$(TEST) --numprocesses auto -m docs tests/docs
	rm -rf build/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d build/doctrees docs build/docs
	@echo build/docs/index.html

$(FIGURES): $(STAMP) # one of them, such as make fig07
	$(BIN)/python -m experiments $@ scale=$(SCALE)

test: $(STAMP) ## run the tests, or TESTS="tests/theory -k frontier"
	$(TEST) --numprocesses auto $(TESTS)

test-slow: $(STAMP) ## run the tests that take minutes
	$(TEST) -m slow $(TESTS)

test-reliability: $(STAMP) ## kill, fill disks, damage files, fuzz and soak, some minutes; prints its counts
	$(TEST) --numprocesses auto -rP -m 'slow or not slow' tests/reliability tests/test_job.py tests/test_cluster.py tests/test_fuzz.py

test-browser: $(STAMP) ## test the page of a run in headless Chromium, which it installs by apt-get where there is none
	@command -v $(CHROMIUM) >/dev/null || { command -v apt-get >/dev/null && $(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -qq -y --no-install-recommends chromium; } || \
		{ echo "no $(CHROMIUM) here, and apt-get could not install it; give one as CHROMIUM=/path/to/it"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	CHROMIUM=$(CHROMIUM) $(TEST) -m browser tests/report $(TESTS)

test-install: $(STAMP) ## install wheel and sdist into empty environments, and use them from elsewhere
	$(TEST) -m slow tests/test_install.py

claims: $(STAMP) ## judge every claim of the paper and of later work, and write docs/claims.md; SCALE=smoke judges only
	$(BIN)/python -m sparsesim.claims --json build/claims.json $(if $(filter smoke,$(SCALE)),--scale smoke,--page docs/claims.md)

proofs: $(STAMP) ## prove the theory's formulas in exact arithmetic
	$(BIN)/python -m sparsesim.theory.symbolic

lint: $(STAMP) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP) ## check types
	$(BIN)/pyright

bench: $(STAMP) ## measure the engines side by side; results in benchmarks/
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.page

bench-gpu: ## the same on a GPU, with PYTHON=... that has jax for it, optax and xarray; no .venv
	$(PYTHON) -m benchmarks --device gpu

clean: ## remove .venv, caches and build products; results in runs/ stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
