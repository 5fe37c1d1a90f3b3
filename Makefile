# Every target makes what it needs in environments of its own; only Python 3.11, pip and make are wanted.
PYTHON ?= python3
VENV := .venv/bin
# With a GPU: an environment of its own, or any python given here that has CuPy and pytest.
GPU_PYTHON ?= .venv-gpu/bin/python
GPU_INSTALLED := $(if $(filter .venv-gpu/%,$(GPU_PYTHON)),.venv-gpu/installed)
# What touches NumPy, pydantic, catalogue and confection, without what takes long.
LOWEST := backend configs declaring_errors describing engine nonfinite schedules slips surface trajectories
SOURCES := $(shell find thincopt setup.py -name '*.py' -o -name '*.c' -o -name '*.h' -o -name '*.cuh')

.PHONY: demo build test exhaustive soak lowest lint types sanitize cuda test-gpu peers record stubs notebook bench bench-gpu visit-gpu docs browse clean

demo: .venv-demo/installed
	.venv-demo/bin/python examples/digits/train.py

build: .venv/installed
	$(VENV)/python -c 'import thincopt; print(thincopt.info())'

test: .venv/installed
	$(VENV)/python -m pytest $(ARGS)

# Every combination in every size, of which `make test` runs a sample.
exhaustive: .venv/installed
	$(VENV)/python -m pytest --exhaustive $(ARGS)

# The model fuzzer with fresh seeds: SECONDS=600, or SEED=7 to see one again.
soak: .venv/installed
	$(VENV)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# The lowest versions that setup.cfg allows.
lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest $(LOWEST:%=tests/test_%.py)

lint: .venv/installed
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

types: .venv/installed
	$(VENV)/mypy

sanitize: .venv/installed
	$(VENV)/python tests/sanitize.py

cuda: .venv-cuda/installed
	.venv-cuda/bin/python -m pytest tests/cuda

test-gpu: $(GPU_INSTALLED)
	THINCOPT_REQUIRE_GPU=1 $(GPU_PYTHON) -m pytest tests/gpu

peers: .venv-peers/installed
	.venv-peers/bin/python -m pytest tests/peers $(ARGS)

record: .venv/installed
	$(VENV)/python -m tests.test_trajectories
	$(VENV)/python -m tests.test_schedules $(if $(SCHEDULE),'$(SCHEDULE)')

stubs: .venv/installed
	$(VENV)/python -m thincopt.surface.stubs

notebook: .venv-notebook/installed
	PATH="$(CURDIR)/.venv-notebook/bin:$$PATH" .venv-notebook/bin/jupyter-execute examples/notebook.ipynb

bench: .venv-peers/installed
	.venv-peers/bin/python -m benchmarks $(ARGS)

bench-gpu: $(GPU_INSTALLED)
	$(GPU_PYTHON) -m benchmarks.gpu $(ARGS)

visit-gpu: $(GPU_INSTALLED)
	PYTHON=$(GPU_PYTHON) sh benchmarks/gpu/visit.sh $(or $(OUT),build/visit)

docs: .venv-docs/installed
	.venv-docs/bin/python -m sphinx -b html -n -W --keep-going -q website build/docs
	@echo "The pages are there: open build/docs/index.html"

browse: docs
	.venv-docs/bin/python website/browse.py

# Each is as old as the sources were when it was begun: what is changed meanwhile counts as newer.
.venv/installed: setup.cfg pyproject.toml $(SOURCES)
	test -d .venv || $(PYTHON) -m venv .venv
	touch $@.begun
	$(VENV)/python -m pip install --quiet --editable '.[test,lint]'
	mv $@.begun $@

.venv-lowest/installed: setup.cfg pyproject.toml tests/lowest.py $(SOURCES)
	test -d .venv-lowest || $(PYTHON) -m venv .venv-lowest
	touch $@.begun
	.venv-lowest/bin/python tests/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --editable '.[test]' --constraint .venv-lowest/constraints.txt
	mv $@.begun $@

.venv-%/installed: setup.cfg pyproject.toml $(SOURCES)
	test -d .venv-$* || $(PYTHON) -m venv .venv-$*
	touch $@.begun
	.venv-$*/bin/python -m pip install --quiet --editable '.[$*]'
	mv $@.begun $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find thincopt -name '*.so' -delete
