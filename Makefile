# `make demo` and `make test` set up everything they need; `make help` lists the targets.
PYTHON ?= python3.11
VENV_PYTHON := .venv/bin/python

.PHONY: help demo test test-fast lint assets extension bench clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z./-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z./-]+):.*  ## /  make \1\t/' | expand -t 22

demo: assets  ## a photo becomes a rigged skeleton in its body: out/demo/
	$(VENV_PYTHON) -m osteon demo

test: assets  ## lint and all tests
	$(VENV_PYTHON) -m pytest --durations=10

test-fast: assets  ## the tests that take seconds
	$(VENV_PYTHON) -m pytest -m "not slow"

lint: .venv/installed  ## ruff and mypy; part of the tests too
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy

assets: assets/.built  ## the open bodies and landmark models, built into assets/
extension: assets  ## the Blender extension for this platform: dist/*.zip
	$(VENV_PYTHON) -m tools.extension $(OPTIONS)

bench: assets  ## speed and accuracy, one table
	$(VENV_PYTHON) -m benchmarks

clean:  ## removes what was built; keeps .venv and downloads
	rm -rf assets dist out
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# The environment, exactly as locked. The second install maps the root to the package `osteon`.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "Osteon is built with Python 3.11, Blender's own, and '$(PYTHON)' is not that: install it (with its venv" \
	       "module), or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --requirement requirements.lock
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

assets/.built: NOTICE tools/assets.py $(wildcard core/learning/skel/*.py core/learning/skel/learned/*.npz core/anatomy/*.py) \
               core/bodies/skel_file.py | .venv/installed
	$(VENV_PYTHON) -m tools.assets
	@touch $@
