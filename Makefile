# Two commands need nothing but Python >= 3.11, git and make: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8787

.PHONY: run test test-all lint bench lock clean

run: .venv/.run-ready
	$(BIN)/marginbook serve --demo --port $(PORT)

test: .venv/.test-ready
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-all: .venv/.test-ready lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "evm or chromium or long"

lint: .venv/.test-ready
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy

bench: .venv/.test-ready
	$(BIN)/marginbook bench

lock: .venv/bin/uv
	$(BIN)/uv lock

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "marginbook needs Python 3.11 or later: set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.6"

.venv/.run-ready: .venv/bin/uv pyproject.toml uv.lock
	$(BIN)/uv sync --quiet --frozen --inexact --no-dev --extra serve --extra frames
	@touch $@

.venv/.test-ready: .venv/bin/uv pyproject.toml uv.lock
	$(BIN)/uv sync --quiet --frozen --inexact --all-extras --group dev
	@touch $@ .venv/.run-ready

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
