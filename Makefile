# Surefoot: set-up and the commands that people type. Every target does all its own set-up and does
# nothing twice. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help quickstart test extras test-extras check warmstart bubblewrap clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart   set up, train the embedded policy for some minutes, write a report"
	@echo "make test         set up, run the tests"
	@echo "make check        format, lint, types, import contracts, size ceilings"
	@echo "make warmstart    make the embedded policy again from nothing (about an hour)"

# The stamp is newer than what it was made from, so a second run installs nothing.
$(BIN)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Surefoot needs Python 3.11 or newer; install it, or say make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made; on Debian type: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,test]'
	@touch $@

bubblewrap:
	@scripts/bubblewrap

quickstart: bubblewrap $(BIN)/.installed
	$(BIN)/surefoot train examples/first/config.toml

test: bubblewrap $(BIN)/.installed
	$(BIN)/python -m pytest

# The extras: what lints needs, and real tokenizers for the token laws.
$(BIN)/.extras: $(BIN)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lint,tokenizers]'
	@touch $@

extras: $(BIN)/.extras

test-extras: $(BIN)/.extras
	PATH="$(abspath $(BIN)):$$PATH" scripts/check
	$(BIN)/python -m pytest tests/laws/test_tokens_are_never_guessed.py

check: $(BIN)/.extras
	PATH="$(abspath $(BIN)):$$PATH" scripts/check

warmstart: bubblewrap $(BIN)/.installed
	cd examples/first && $(abspath $(BIN))/python -m warmstart ../../build/warmstart

clean:
	rm -rf $(VENV) build
