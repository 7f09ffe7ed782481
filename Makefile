# charnn: `make demo` and `make test` need nothing but Python 3.11+ and make.

PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 4
TEXT ?= corpora/tinyshakespeare.txt

.PHONY: help demo test lint typecheck bench clean

help:  ## say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

demo: .venv/installed  ## set up, fetch Shakespeare, train for MINUTES (4), write a sample
	$(BIN)/charnn train shakespeare --minutes $(MINUTES)
	$(BIN)/charnn sample --prompt "ROMEO:" --length 600

test: .venv/installed-dev lint typecheck  ## set up, check style and types, run the tests
	$(BIN)/python -m pytest

lint: .venv/installed-dev  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/installed-dev  ## check types
	$(BIN)/mypy

bench: .venv/installed-bench  ## measure what the README claims, on TEXT, beside PyTorch and flax (an hour and a half)
	@test -f "$(TEXT)" || { echo "make bench needs a text, such as tinyshakespeare: make bench TEXT=path/to/text"; exit 2; }
	$(BIN)/python tests/benchmarks/prepare_memory.py
	$(BIN)/python tests/benchmarks/initialisation.py $(TEXT)
	$(BIN)/python tests/benchmarks/quality.py $(TEXT) 3 10
	$(BIN)/python tests/benchmarks/start_up.py $(TEXT)
	$(BIN)/python tests/benchmarks/training_step.py
	$(BIN)/python tests/benchmarks/sampling.py
	$(BIN)/python tests/benchmarks/step_memory.py
	$(BIN)/python tests/benchmarks/time_to_quality.py $(TEXT)

clean:  ## remove the environment; texts and runs stay
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "charnn needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/installed

.venv/installed-bench: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@ .venv/installed
