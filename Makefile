# Set-up, tests and demonstrations. Everything happens in .venv/ of this checkout; needs Python >= 3.11 (with venv), make
# and g++.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export TF_CPP_MIN_LOG_LEVEL := 3
export TF_ENABLE_ONEDNN_OPTS := 0
export CUDA_VISIBLE_DEVICES :=
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-all lint bench docs tables clean system system-tests

demo: $(STAMP)
	$(BIN)/fpga-ml demo

test: $(STAMP) system-tests
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

test-all: $(STAMP) system-tests
	EVERY_SIMULATOR=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# All of docs/benchmarks.md; some of it with `make bench PARTS="rtl estimate"`. `bench-NAME` is scripts/bench_NAME.py.
PARTS ?= rtl hgq estimate folds csim library streams tiny celeste survey
bench: $(addprefix bench-,$(PARTS))
bench-%: $(STAMP)
	$(BIN)/python scripts/bench_$*.py

docs: $(STAMP) system-tests
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

tables: $(STAMP)
	$(BIN)/python scripts/update_tables.py
	$(BIN)/python scripts/update_report_types.py

$(STAMP): pyproject.toml constraints.txt fpga_ml/toolchain/beside.py | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/fpga-ml doctor --install hgq2
	@touch $@

system:
	@bash scripts/system_packages.sh

system-tests:
	@bash scripts/system_packages.sh tests

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
