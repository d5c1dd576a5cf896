# Everything below works on a fresh Debian with Python >= 3.11 and make; nothing needs installing by hand.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench docs lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup: $(STAMP) ## make .venv with everything the project needs

$(STAMP): requirements.lock requirements-compiler.lock pyproject.toml scripts/setup
	@sh scripts/setup $(VENV)
	@touch $@

demo: setup ## the whole story on this machine: load, score, migration, promotion (artefacts in demo-out/)
	$(BIN)/outgrow demo --out demo-out

test: setup ## all tests
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

lint: setup ## ruff, mypy --strict, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd examples/python-shop && MYPYPATH=../.. ../../$(BIN)/mypy --config-file ../../pyproject.toml shop __main__.py
	$(BIN)/lint-imports

bench: setup ## side-by-side measurements, printed as ratios
	for file in bench/*.py; do $(BIN)/python -P $$file || exit 1; done

docs: setup ## write what the documentation shows from what the commands print
	$(BIN)/python scripts/docs.py

lock: setup ## pin and hash every dependency again
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile requirements-monitor.in --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --quiet --output-file requirements-monitor.lock
	echo ziglang | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --output-file requirements-compiler.lock

clean: ## remove what the targets made
	rm -rf $(VENV) demo-out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name node_modules -type d -prune -exec rm -rf {} +
