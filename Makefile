# Works with GNU make 3.81 (macOS) and later, and any POSIX shell. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# TORCH_INDEX=URL: one more package index, for PyTorch; empty, PyTorch's default build. Unset, lib/app/torch_index.py
# takes the build for processors where there is no graphics card, and says so.
INDEX = $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
ifeq ($(origin TORCH_INDEX),undefined)
INDEX = $$($(BIN)/python lib/app/torch_index.py)
endif
PIP_INSTALL = $(BIN)/python -m pip install $(INDEX) -c constraints.txt

# The promised Pythons; 3.11.2 is Debian 12's own. Versions are chosen by uv, which resolves for machines other than ours.
PYTHONS = 3.11.0 3.11.2 3.12 3.13 3.14
UV = _build/uv/bin/uv
RESOLVE = $(UV) pip compile --quiet --no-header --no-annotate --all-extras pyproject.toml

# PARAMS="name=value name=value": parameters for every notebook that knows them. The shell, not make, quotes them.
PARAMS ?=
export PARAMS
PARAMETERS = $(if $(PARAMS),--parameters "$$PARAMS")

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help install first lab book notebooks check test test-slurm student slides bench times rehearsal verdicts miniatures serve screenshots
.PHONY: constraints resolve clean clean-all

help: ## this list
	@echo "Brains and networks: an executable companion"
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  make book PARAMS="world=flat seed=1"     notebooks with other parameters'
	@echo "  make book OFFLINE=1                      do not try to fetch 10 MB of measured data"
	@echo "  make book TORCH_INDEX=URL                take PyTorch from this index; empty, its default build"
	@echo "  make book PYTHON=python3.12              make .venv with another Python"

install: $(VENV)/.book ## pinned versions of all that the book needs, into .venv

first: ## install, compute Figure 1, and open it in a browser: the way to begin
	@echo 'Step 1 of 2: install what the book needs into $(VENV). The first time this takes some minutes.'
	@$(MAKE) --no-print-directory install
	@echo 'Step 2 of 2: compute Figure 1, in about a minute. Its page will be notebooks/fig1_alexnet.html'
	@$(BIN)/python -m lib run fig1_alexnet --open

# A double-click opens a .py file as a notebook, here and for nobody else on this machine. LAB: more options of JupyterLab.
lab: $(VENV)/.lab ## open the notebooks in JupyterLab, where you can change and run them
	@JUPYTER_CONFIG_DIR=$(VENV)/etc/jupyter $(BIN)/jupytext-config set-default-viewer python
	$(BIN)/jupyter lab --notebook-dir=. $(LAB) notebooks/fig1_alexnet.py

book: notebooks ## execute the notebooks that changed and build the book
	$(BIN)/jupyter-book build . -n -W --keep-going --all -q

notebooks: $(VENV)/.book ## execute the notebooks that changed
	$(if $(OFFLINE),,$(BIN)/python -m lib fetch --small 20)
	$(BIN)/python -m lib run --all $(PARAMETERS)

check: $(VENV)/.test ## style, types, imports and quick tests: what a change must pass first; two to four minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check lib tests benchmarks book
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"
	$(BIN)/python tests/house/lines.py

test: check book ## `make check`, then build the book and run the slow tests
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

student: $(VENV)/.book ## notebooks without their solutions, into _build/student
	$(BIN)/python -m lib student _build/student

slides: $(VENV)/.book ## every figure as SVG, 16:9, and as PDF, into _build/slides; half an hour
	$(BIN)/python -m lib slides _build/slides $(PARAMETERS)

test-slurm: $(VENV)/.test ## a sweep through a real SLURM on this machine: root, Debian's packages
	tests/slurm.sh $(BIN)/python $(SLURM_TEST)

bench: $(VENV)/.bench ## time the solvers side by side with their peers
	$(BIN)/python -m benchmarks

times: $(VENV)/.book ## time install, first figure, book, check, test and edits in a fresh clone; an hour
	$(BIN)/python -m benchmarks.times

rehearsal: $(VENV)/.book ## one NSD participant in size: time and memory by phase
	$(BIN)/python -m benchmarks.rehearsal

verdicts: $(VENV)/.book ## how often each claim holds over forty seeds, and power; many hours, and goes on where it was
	$(BIN)/python -m benchmarks.verdicts encoding
	$(BIN)/python -m benchmarks.verdicts decoding
	$(BIN)/python -m benchmarks.verdicts power --seeds 10
	$(BIN)/python -m benchmarks.verdicts calibration
	$(BIN)/python -m benchmarks.verdicts photographs

miniatures: $(VENV)/.book ## train the small networks again
	$(BIN)/python -m lib miniatures

serve: ## show the built book at http://localhost:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

screenshots: $(VENV)/.test ## a picture of every page: desktop and phone, light and dark
	$(BIN)/python tests/browser.py _build/screenshots

constraints: $(UV) ## choose the newest versions that fit every promised Python, and write constraints.txt
	$(RESOLVE) --upgrade --universal --python-version 3.11.0 -o _build/versions.txt
	echo '# Exact versions for every promised Python. Do not edit: `make constraints` renews them.' > constraints.txt
	@# PyTorch itself names the versions of the graphics card libraries that belong to it.
	grep -viE '^(nvidia|cuda|triton)' _build/versions.txt >> constraints.txt

resolve: $(UV) ## check that constraints.txt has a solution for every promised Python; nothing is installed
	@for python in $(PYTHONS); do for machine in x86_64 aarch64; do \
	  $(RESOLVE) -c constraints.txt --python-version $$python --python-platform $$machine-unknown-linux-gnu \
	    -o _build/versions.txt && echo "Python $$python on $$machine: resolved" || exit 1; \
	done; done

$(UV):
	$(PYTHON) -m venv _build/uv
	_build/uv/bin/python -m pip install --quiet uv

clean: ## remove what was executed and built
	rm -rf _build book/_thumbnails notebooks/*.ipynb notebooks/.*.ipynb notebooks/*.html
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find lib tests book -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## remove .venv too
	rm -rf $(VENV) *.egg-info

# The target is pip: where a system cannot make whole environments, the next run must try again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'This needs Python 3.11 or later. If you have it by another name: make book PYTHON=python3.12' >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.book: $(BIN)/pip pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[book]'
	@touch $@

$(VENV)/.lab: $(BIN)/pip pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[lab]'
	@touch $@ $(VENV)/.book

$(VENV)/.test: $(BIN)/pip pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.book $(VENV)/.lab

$(VENV)/.bench: $(BIN)/pip pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[bench]'
	@touch $@ $(VENV)/.book
