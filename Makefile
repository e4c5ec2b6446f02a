# Each target sets up what it needs in .venv and is quick when nothing has changed. Needs Python 3.10-3.13, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Slicer's MRML, VTK and Qt together have crashed in two of some ten long runs ("free(): invalid pointer" between two tests;
# the cause is not known): these tests run apart, and again after a crash. A test that fails is not run again.
DRAWN := Testing/gui Testing/panel Testing/scene

.DEFAULT_GOAL := help
.PHONY: help demo test lint screenshots format clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: $(STAMP) ## plan the sample case; results go to output/demo
	@$(BIN)/spinedart demo --out output/demo

test: lint ## lint, types and all tests
	@echo "== tests (pytest)"
	@$(BIN)/python -m pytest -q $(addprefix --ignore=,$(DRAWN))
	@echo "== tests that draw with VTK and Qt (pytest; a process of their own)"
	@$(BIN)/python -m pytest -q $(DRAWN) || { \
	    status=$$?; [ $$status -gt 128 ] || exit $$status; \
	    echo "== a library crashed (status $$status); once more" >&2; $(BIN)/python -m pytest -q $(DRAWN); }

lint: $(STAMP) ## style (ruff) and types (pyright)
	@echo "== style (ruff check, ruff format --check)"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "not formatted: run 'make format'" >&2; exit 1; }
	@echo "== types (pyright)"
	@$(BIN)/pyright --pythonpath $(BIN)/python --level error

screenshots: $(STAMP) ## the panel in every step and the views, as PNG, in output/screenshots
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m Testing.gui.screenshots output/screenshots

format: $(STAMP) ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

clean: ## remove .venv, caches and results
	rm -rf $(VENV) output build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "make: '$(PYTHON)' is not Python 3.10 to 3.13: name one, as in 'make $(or $(firstword $(MAKECMDGOALS)),demo) PYTHON=python3.12'" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "make: '$(PYTHON) -m venv' does not work here: install it (Debian, Ubuntu: apt-get install python3-venv) and try again" >&2; exit 2; }
	@echo "== setting up $(VENV) (once; torch is large)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "== installing what pyproject.toml asks for"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
