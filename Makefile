# Every target makes what it needs in environments of its own; only Python 3.11, pip and make are wanted.
PYTHON ?= python3
VENV := .venv/bin
SOURCES := $(shell find thincopt setup.py -name '*.py' -o -name '*.c' -o -name '*.h')

.PHONY: test lint types sanitize peers bench clean

test: .venv/installed
	$(VENV)/python -m pytest

lint: .venv/installed
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

types: .venv/installed
	$(VENV)/mypy

sanitize: .venv/installed
	$(VENV)/python tests/sanitize.py

peers: .venv-peers/installed
	.venv-peers/bin/python -m pytest tests/peers

bench: .venv-peers/installed
	.venv-peers/bin/python -m benchmarks

.venv/installed: setup.cfg pyproject.toml $(SOURCES)
	test -d .venv || $(PYTHON) -m venv .venv
	$(VENV)/python -m pip install --quiet --editable '.[test,lint]'
	touch $@

.venv-peers/installed: setup.cfg pyproject.toml $(SOURCES)
	test -d .venv-peers || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --editable '.[peers]'
	touch $@

clean:
	rm -rf .venv .venv-peers build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find thincopt -name '*.so' -delete
