# Everything a person or CI does with this project. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Debian 12's own Python: the one that the package runs on.
PYTHON := /usr/bin/python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := splynx_stripe tests tools bench packaging

# The tests need no colours and leave no caches beside the code.
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock tools/system-packages
	@tools/system-packages
	@echo "Setting up $(VENV) with the locked libraries (about a minute, 400 MB) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock 2>&1 | grep -v -e DEPRECATION -e 'neither a file nor a directory' || true
	@$(BIN)/python -c 'import stripe, sqlalchemy, playwright, systemd'
	@$(BIN)/python -m tools.axe_core >/dev/null
	@touch $@

.PHONY: setup
setup: $(READY) ## Installs what is missing: Debian packages and a .venv with locked libraries.

.PHONY: demo
demo: $(READY) ## Starts a small ISP, a small Stripe and the daemon, prints the links; until Ctrl-C.
	@$(BIN)/python -m splynx_stripe demo

.PHONY: smoke
smoke: $(READY) ## The demo without a person: pays four ways over HTTP, checks Splynx's books.
	@$(BIN)/python -m splynx_stripe demo --smoke

.PHONY: test
test: check ## All tests on both databases, browser tests included, after the gates.
	@$(BIN)/python tools/run_tests.py

.PHONY: test-browser
test-browser: $(READY) ## The pages in Chromium, phone and desktop; screenshots in artefacts/screenshots.
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup tests/browser

.PHONY: check
check: $(READY) ## The gates: ruff, mypy, import-linter, the tidy test.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types lint imports tidy

.PHONY: lint
lint: $(READY) ## Formatting and lint rules.
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)

.PHONY: types
types: $(READY) ## Types, strictly, tests included.
	@$(BIN)/mypy $(filter-out packaging,$(CODE)) packaging/bundled.py packaging/manual.py
	@cd packaging/install-test && MYPYPATH=../.. ../../$(BIN)/mypy --config-file ../../pyproject.toml run.py

.PHONY: imports
imports: $(READY) ## Imports point inwards.
	@$(BIN)/lint-imports pyproject.toml | tail -n 4

.PHONY: tidy
tidy: $(READY) ## Sizes, docstrings and forbidden words.
	@$(BIN)/python -m pytest -q tests/architecture

.PHONY: simulate
simulate: $(READY) ## Histories with faults, checked against 14 promises. SEEDS=n SEED=x|fresh FAULT=n JOBS=2 ONE=1
	@$(BIN)/python -m tests.simulation.run --seeds $(or $(SEEDS),2000) --jobs $(or $(JOBS),2) \
	  $(if $(SEED),--seed $(SEED)) $(if $(FAULT),--fault $(FAULT)) $(if $(ONE),--one)

.PHONY: sabotage
sabotage: $(READY) ## Deliberate bugs, each of which the simulation must find (some minutes).
	@$(BIN)/python -m tests.simulation.sabotage

.PHONY: bench
bench: $(READY) ## Benchmarks as ratios in one run; writes docs/performance.md.
	@$(BIN)/python -m bench

.PHONY: bench-charge
bench-charge: $(READY) ## A charge run of ITEMS (1000) against Stripe's rate and latency; last line: the figures and ok or missed.
	@$(BIN)/python -m bench.charges --items $(or $(ITEMS),1000)

.PHONY: kill-runs
kill-runs: $(READY) ## kill -9, KILLS (20) times in a charge run of ITEMS (1000); ledgers as if undisturbed.
	@KILL_RUN_ITEMS=$(or $(ITEMS),1000) KILL_RUN_KILLS=$(or $(KILLS),20) \
	  $(BIN)/python -m pytest -q tests/acceptance/test_killed_charge_runs.py

.PHONY: bench-peers
bench-peers: $(READY) ## The same against dj-stripe and stripe-sync-engine, in environments of their own.
	@$(BIN)/python -m bench.peers

.PHONY: deb
deb: ## Builds the Debian packages into dist/ (a minute; two the first time).
	@packaging/deb.sh

.PHONY: repo
repo: deb ## Makes a signed apt repository of them and says what users type.
	@packaging/repo.sh

.PHONY: lint-deb
lint-deb: deb ## Lets lintian judge the packages; errors fail.
	@packaging/lint.sh

.PHONY: piuparts
piuparts: deb ## Installs, removes and purges them in a bare Debian, looks for leftovers.
	@packaging/piuparts.sh

.PHONY: deb-twice
deb-twice: ## Shows that two builds have the same checksum.
	@packaging/reproducible.sh

.PHONY: install-test
install-test: $(READY) ## Installs the package in a booted Debian 12 and uses it there (4 minutes, root).
	@$(BIN)/python packaging/install-test/run.py

.PHONY: autopkgtest
autopkgtest: $(READY) ## Only the package's own tests (debian/tests), in such a container.
	@$(BIN)/python packaging/install-test/run.py --steps install,autopkgtest

.PHONY: fmt
fmt: $(READY) ## Formats the code and mends what can be mended.
	@$(BIN)/ruff format --quiet $(CODE)
	@$(BIN)/ruff check --quiet --fix $(CODE)

.PHONY: docs
docs: $(READY) ## Writes the generated reference pages anew.
	@$(BIN)/python -m tools.settings_reference

.PHONY: messages
messages: $(READY) ## Collects the texts of the pages into web/locale, says what is not translated.
	@$(BIN)/python -m tools.messages

.PHONY: lock
lock: ## Pins the libraries anew (needs uv); review the difference.
	@for name in requirements requirements-dev; do \
	  uv pip compile --quiet $$name.in --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	    --python-version 3.11 --python-platform x86_64-manylinux_2_28 --output-file $$name.lock; \
	done

.PHONY: clean
clean: ## Removes the environment and all caches.
	rm -rf $(VENV) .cache artefacts
