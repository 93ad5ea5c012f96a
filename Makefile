# Every target brings what it needs into a virtual environment of its own, .venv, once; a second call installs nothing.
#
#   make PYTHON=python3.12 test     another interpreter (3.11 or newer) for a new .venv
#   make WORKERS=1 test             fewer test processes; never more than WORKERS
#   make PYTHON_GPU=python3 gpu     a Python that has all packages already, without .venv and without network
#   make WHEELS=DIR wheels          fill a folder for a machine without network, with Python PYTHON_VERSION (3.12)
#   make WHEELS=DIR gpu             take packages that PYTHON lacks from that folder, without .venv and without network
#   make OPTIONS="..." gpu          options of `python -m benchmarks.on_gpu`; of `benchmarks.wheels` for wheels

PYTHON ?= python3
WORKERS ?= 4
PYTHON_VERSION ?= 3.12

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable
SOURCES := pyproject.toml constraints.txt

# Stamps: touched once the step has succeeded.
MADE := $(VENV)/.made
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
DOCS := $(VENV)/.docs
ENGINE := $(VENV)/.engine

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench notebooks gpu wheels docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-9s %s\n", $$1, $$2 }'

demo: $(CORE) ## run the example scenario
	$(BIN)/simgpu run scenarios/resnet50-two-slices.yaml

test: $(ENGINE) ## run the tests, without the slow ones and those that need a GPU
	$(BIN)/python -m pytest -q -n auto --maxprocesses $(WORKERS) --dist worksteal -m "not slow and not gpu"

test-all: $(ENGINE) ## run the slow tests too
	$(BIN)/python -m pytest -q -n auto --maxprocesses $(WORKERS) --dist worksteal -m "not gpu"

lint: $(DEV) ## check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict simgpu
	$(BIN)/lint-imports --no-logo

bench: $(ENGINE) ## run the benchmarks
	$(BIN)/python -m benchmarks

notebooks: $(DEV) ## run the notebooks and keep what they show
	$(BIN)/python -m tests.notebooks

# PYTHON_GPU names a Python that has all that is needed, but for what is in WHEELS.
OWN := $(or $(PYTHON_GPU),$(if $(WHEELS),$(PYTHON)))

gpu: $(if $(OWN),,$(DEV)) ## test, calibrate, validate on a GPU; else rehearse
	@$(or $(OWN),$(BIN)/python) -m benchmarks.on_gpu $(if $(WHEELS),--wheels $(WHEELS)) $(OPTIONS)

wheels: $(MADE) ## fetch what `make gpu` needs on a machine without network
	@$(BIN)/python -m benchmarks.wheels $(or $(WHEELS),build/wheels) --python-version $(PYTHON_VERSION) $(OPTIONS)

docs: $(DOCS) ## build the documentation into build/docs
	$(BIN)/python -m sphinx --quiet -b html docs build/docs
	@echo "docs: open build/docs/index.html"

clean: ## remove caches and builds; .venv stays (remove it by hand to start afresh)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(MADE):
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) here; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = "%d.%d.%d" % sys.version_info[:3]; sys.exit(0 if sys.version_info >= (3, 11) else \
	"make: $(PYTHON) is Python " + v + "; simgpu needs 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(CORE): $(SOURCES) | $(MADE)
	$(INSTALL) .
	@touch $@

$(DEV): $(SOURCES) | $(MADE)
	$(INSTALL) ".[dev]"
	@touch $@ $(CORE)

# Machine code for the compiled engine, made once, and not by each of the test processes.
$(ENGINE): $(wildcard simgpu/simulation/*.py simgpu/simulation/*/*.py) | $(DEV)
	$(BIN)/python -m simgpu.simulation.compiled
	@touch $@

$(DOCS): $(SOURCES) | $(MADE)
	$(INSTALL) ".[docs]"
	@touch $@ $(CORE)
