# The commands of this project. Everything runs in .venv, which is made on first use and refreshed
# when the locked packages or a pyproject.toml change. Needs Python 3.11+ with venv, make and git.

VENV    ?= .venv
BENCH   ?= .venv-bench
RUN     := $(VENV)/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
CLIENTS := $(patsubst %/pyproject.toml,%,$(wildcard contrib/clients/*/pyproject.toml))
EXAMPLES := $(sort $(dir $(wildcard contrib/examples/*/*.py)))
WORKERS ?= 2
ARGS    ?=

# Where it is set, each of the many processes of a run would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up test bench lint format types docs check constraints environment clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: export RATCHET_PATH := $(or $(RATCHET_PATH),$(CURDIR)/contrib/examples)
up: $(VENV)/.installed ## start Ratchet on http://127.0.0.1:8080 with the examples
	@exec $(RUN)/ratchet up $(ARGS)

test: $(VENV)/.installed ## run the tests (ARGS="tests/unit -k name" to choose)
	$(RUN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

bench: $(VENV)/.installed $(BENCH)/.installed ## measure, side by side with the peers
	RATCHET_BENCH_PEERS=$(CURDIR)/$(BENCH)/bin/python $(RUN)/ratchet bench $(ARGS)

lint: $(VENV)/.installed ## check style, imports between rooms and changelog fragments
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/lint-imports
	$(RUN)/python -m pytest -q tests/house/test_changelog.py

format: $(VENV)/.installed ## format and mend what ruff can mend
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

types: $(VENV)/.installed ## check the types of the core, plugins, clients, examples and tests
	$(RUN)/mypy ratchet_core tests conftest.py
	MYPYPATH=$$(echo $(EXAMPLES) | tr ' ' ':') $(RUN)/mypy contrib/examples
	MYPYPATH=contrib/embedding $(RUN)/mypy contrib/embedding
	MYPYPATH=contrib/plugin-template/src $(RUN)/mypy contrib/plugin-template
	@set -e; for plugin in $(PLUGINS) $(CLIENTS); do echo "mypy $$plugin"; \
	    MYPYPATH=$$plugin/src:$$plugin/tests $(RUN)/mypy $$plugin/src $$plugin/tests; done

docs: $(VENV)/.installed ## check the pages: links, commands, examples
	$(RUN)/python -m pytest -q -m docs $(ARGS)

check: lint types test ## everything that must be green before a change lands

environment: $(VENV)/.installed ## make .venv and nothing else

$(VENV)/.installed: constraints.txt pyproject.toml $(PLUGINS:=/pyproject.toml) $(CLIENTS:=/pyproject.toml) tools/environment.sh
	@tools/environment.sh $(VENV)

$(BENCH)/.installed: constraints-bench.txt | $(VENV)/.installed
	@$(RUN)/python -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --require-hashes -r constraints-bench.txt
	@touch $@

# Newest versions that fit pyproject.toml, for every platform and Python, with hashes. Keeps the
# pins that still fit; ARGS=--upgrade takes newer ones. Needs uv (https://docs.astral.sh/uv/).
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --custom-compile-command "make constraints" --no-emit-index-url $(ARGS)
constraints: ## lock constraints*.txt anew (ARGS=--upgrade)
	@command -v uv >/dev/null || { echo "make constraints needs uv: pip install uv" >&2; exit 1; }
	printf -- '-e ./%s\n' . $(PLUGINS) $(CLIENTS) | $(COMPILE) --group dev --group build \
	    --no-emit-package ratchet-core $(addprefix --no-emit-package ,$(notdir $(PLUGINS))) \
	    --no-emit-package ratchet-client \
	    -o constraints.txt -
	$(COMPILE) --group bench -o constraints-bench.txt
	$(COMPILE) --group js2py -o constraints-js2py.txt

clean: ## remove the environments and what tools left (your data in .ratchet stays)
	rm -rf $(VENV) $(BENCH) build dist *.egg-info plugins/*/src/*.egg-info contrib/clients/*/src/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
