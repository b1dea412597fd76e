# make lab · make test · make test-all · make notebooks · make slides · make bench      (needs Python 3.11 or newer, nothing else)
#   make lab ARGS="--no-browser --port 8899"   passes options on to JupyterLab
#   make notebooks NB=01                       executes one notebook only

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
            $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
UV := UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=180 $(BIN)/uv
STAMP := .venv/.installed

.PHONY: help install lab test test-all lint format notebooks slides bench lock clean

help:
	@echo "make lab         install once, then open JupyterLab on notebook 00"
	@echo "make test        lint, tests, and each lecture notebook run again"
	@echo "make test-all    that, and evidence notebooks, other labs, every explorer and deck in a browser, the gate"
	@echo "make notebooks   execute the notebooks and store them (NB=01 for one)"
	@echo "make slides      decks for a lecture from the stored notebooks, in slides/ (NB=01 for one)"
	@echo "make bench       measure rendering and training; prints a table, writes bench.json"
	@echo "make lint, make format, make lock, make clean"

install: $(STAMP)

# Done once, and again when the lock or pyproject.toml changes.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Inside ConvNets needs Python 3.11 or newer$(if $(PYTHON),; $(PYTHON) is older or missing,; this machine seems to have none). Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make a virtual environment (ensurepip is missing): on Debian and Ubuntu run 'sudo apt install python3-venv' and try again."; exit 1; }
	@echo "Installing into .venv (once; about 6 GB on Linux) ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	@$(UV) pip install --quiet --python $(BIN)/python -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

lab: install
	@$(BIN)/python tools/lab.py $(ARGS)

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

test: install lint
	$(PYTEST) -m "not slow" $(ARGS)

test-all: test
	$(PYTEST) -m slow $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: install
	$(BIN)/python tools/run_notebooks.py $(NB)

slides: install
	@$(BIN)/python tools/slides.py $(NB)

bench: install
	$(BIN)/python tools/bench.py $(ARGS)

# Needs the network. Works without .venv being complete: only uv has to be there.
lock:
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(UV) pip compile --quiet --universal --upgrade --python-version 3.11 --extra test --extra dev --no-emit-index-url \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:
	rm -rf build dist slides *.egg-info .pytest_cache .ruff_cache bench.json
	find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print0 | xargs -0 rm -rf
