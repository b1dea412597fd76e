# make lab · make test · make test-all · make notebooks · make slides · make site · make bench      (needs Python 3.11 or newer, nothing else)
#   make lab ARGS="--no-browser --port 8899"   passes options on to JupyterLab
#   make lab TORCH=cpu                         installs a torch without CUDA: 2 GB in place of 6
#   make notebooks NB=01                       executes one notebook only

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
            $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
UV := UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=180 $(BIN)/python -m uv
INSTALL = $(PYTHON) tools/install.py $(if $(TORCH),--torch $(TORCH))

.PHONY: help python install tools lab progress update test test-all lint format notebooks slides site bench lock clean

help:
	@echo "make lab         install once, then open JupyterLab on your copy of notebook 00, in work/"
	@echo "make update      the newest version of the course; beside notebooks you have changed, never over them"
	@echo "make progress    how far your exercises have come, on one page: work/progress.html"
	@echo "make test        lint, tests, and each lecture notebook run again"
	@echo "make test-all    that, and evidence notebooks, other labs, every explorer and deck in a browser, the gate"
	@echo "make notebooks   execute the notebooks and store them (NB=01 for one)"
	@echo "make slides      decks for a lecture from the stored notebooks, in slides/ (NB=01 for one)"
	@echo "make site        the notebooks as web pages, in site/ (REPO=owner/name adds buttons for Colab and Binder)"
	@echo "make bench       measure rendering and training; prints a table, writes bench.json"
	@echo "make lint, make format, make lock, make clean"

python:
	@test -n "$(PYTHON)" || { \
	  echo "Inside ConvNets needs Python 3.11 or newer; this machine seems to have none. Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }

# The course; and with what tests and developers need. Done once, and again when the lock or the folder changes.
install: python
	@$(INSTALL)

tools: python
	@$(INSTALL) --tools

lab: install
	@$(BIN)/python tools/lab.py $(ARGS)

progress:
	@$(BIN)/python tools/progress.py $(FOLDERS)

# A clone gets the newest version first; in a downloaded archive put the new one over the old.
update:
	@test ! -d .git || git pull --quiet --ff-only
	@$(MAKE) --no-print-directory install
	@$(BIN)/python tools/student.py --update

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

test: tools lint
	$(PYTEST) -m "not slow" $(ARGS)

test-all: test
	$(PYTEST) -m slow $(ARGS)

lint: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: tools
	$(BIN)/python tools/run_notebooks.py $(NB)

slides: tools
	@$(BIN)/python tools/slides.py $(NB)

site: tools
	@$(BIN)/python tools/site.py $(REPO)

bench: tools
	$(BIN)/python tools/bench.py $(ARGS)

# Needs the network.
lock: tools
	$(UV) pip compile --quiet --universal --upgrade --python-version 3.11 --extra test --extra dev --no-emit-index-url \
	  --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:
	rm -rf build dist slides site *.egg-info .pytest_cache .ruff_cache bench.json
	find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print0 | xargs -0 rm -rf
