# `make demo` and `make test` are all a newcomer needs: they make the environment and bring the servers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_FLAGS ?= -n auto --maxprocesses 4 --dist loadfile
# Test files are compiled once and not by each process of each run, also where the shell says otherwise.
KEPT := PYTHONDONTWRITEBYTECODE=

.PHONY: demo test fast check lint types floors format bench lock clean wheel

demo: $(READY)  ## the whole engine on a built-in shop, then an inbox page (Ctrl-C ends)
	$(BIN)/rekindle demo $(DEMO_FLAGS)

test: $(READY)  ## every test this machine can run
	$(KEPT) $(BIN)/python -m pytest $(TEST_FLAGS)

fast: $(READY)  ## the unit tests only; loops of the extra `fast` run uncompiled, for compiling them takes longer
	$(KEPT) NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -m "not servers and not browser and not shared and not slow" $(TEST_FLAGS)

check: lint types floors  ## what must hold before a change lands
	$(MAKE) test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

floors: $(READY)
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measures the speeds in benchmarks/README.md
	$(BIN)/python -m benchmarks

wheel: $(READY)
	$(BIN)/python -m hatchling build

lock: $(READY)  ## refreshes requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-header --no-emit-index-url --no-annotate -q -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer, or say make PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Rekindle needs Python 3.11 or newer; say make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || { echo "Making the environment in $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what Rekindle needs (a minute or two the first time) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
