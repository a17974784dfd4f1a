# RDR Live. `make` alone lists the targets.
# Everything is installed into .venv beside this file; nothing outside it is touched.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-blender lint clean graphics-hint
.DELETE_ON_ERROR:

BIN := .venv/bin
LIVE := .venv/.live
DEVELOP := .venv/.develop
# For tests and training. Pinned and installed first, or a later step may bring another one. Where pip knows no build for
# the CPU this brings some gigabytes of CUDA packages: make test TORCH=/path/to/a/cpu/wheel.whl
TORCH ?= torch==2.13.0
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
RDR_DATA ?= $(abspath $(wildcard ../shared/data))
export RDR_DATA

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(LIVE) graphics-hint ## install what is missing and show the tracker on a clip, no camera needed (ARGS="--help")
	$(BIN)/rdr demo $(ARGS)

test: lint graphics-hint ## lint, types, layers, then every test (ARGS="tests/rdr_core -x")
	$(BIN)/python -m pytest $(ARGS)
	$(if $(ARGS),,$(BIN)/python tests/blender/run.py --if-possible)

# Two Blenders as Python packages, each in an environment of its own beside .venv: a GB each, two minutes the first time.
test-blender: $(DEVELOP) ## build the add-on and test it in real Blenders, 4.2 and 5.2 (ARGS="tests/blender -x")
	$(BIN)/python tests/blender/run.py $(ARGS)

lint: $(DEVELOP) ## style, types and layers only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean: ## remove caches and build products; keeps .venv
	rm -rf build dist out *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*/*' -prune -exec rm -rf {} +

# What a user needs: no torch.
$(LIVE): pyproject.toml
	@test -n "$(PYTHON)" || { echo "RDR Live needs Python 3.11, 3.12 or 3.13, and none was found on the PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Setting up .venv: a minute or two the first time"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet -e '.[preview]'
	@touch $@

# What a developer needs besides.
$(DEVELOP): $(LIVE)
	@echo "Adding torch and the development tools: some minutes and about 2 GB the first time"
	@$(BIN)/python -m pip install --quiet "$(TORCH)"
	@$(BIN)/python -m pip install --quiet -e '.[train,preview,usd,vmc,web,cluster,rerun,dev]'
	@touch $@

graphics-hint: $(LIVE)
	@test "$$(uname -s)" != Linux || $(BIN)/python -c \
		'import ctypes; [ctypes.CDLL(name) for name in ("libEGL.so.1", "libGL.so.1", "libGLESv2.so.2")]' 2>/dev/null || \
		echo "Hint: OpenGL libraries are missing; on Debian or Ubuntu: sudo apt install libegl1 libgl1 libgles2" >&2
