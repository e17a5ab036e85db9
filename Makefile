# Two targets suffice on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The lists are complete, so nothing is looked up; what is imported gets compiled then.
INSTALL := install --quiet --no-compile --no-deps

.PHONY: help audit sbom run test test-faults test-real try-real setup setup-dev dev check lint types lock bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: setup ## Set up, then play a merchant's days against the sandbox and compare the hub with the truth
	$(BIN)/orderhub demo

test: setup-dev ## Set up, then run every test that needs no real shop
	$(BIN)/python -m pytest -m "not real and not faults" -n $(or $(WORKERS),3) --dist worksteal $(ARGS)

test-faults: setup-dev ## Kill, starve and attack the hub at a sample of points; at POINTS=300, or at all with ALL=1
	$(if $(ALL),ORDERHUB_FAULTS=all) $(if $(POINTS),ORDERHUB_POINTS=$(POINTS)) \
	$(BIN)/python -m pytest -m faults tests/faults -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder $(ARGS)

test-real: setup-dev ## Install and start a real shop and a real WMS on loopback, and run the hub between them
	$(BIN)/python -m pytest -m real tests/real $(ARGS)

try-real: setup-dev ## Start a real shop and a real WMS on loopback with a hub.yaml for them, and say what to do next
	$(BIN)/python -m tests.real.try_out

setup: $(VENV)/.runtime $(VENV)/.solver ## Build .venv with what the hub needs to run

setup-dev: $(VENV)/.dev $(VENV)/.solver ## Build .venv with what tests, linters and benchmarks need too

dev: setup ## Open the Dagster UI with the sandbox beside it and the schedules running
	$(BIN)/orderhub dev

check: lint types ## Linters and type check

lint: setup-dev ## Ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## Mypy, strict
	$(BIN)/mypy

audit: setup-dev ## Known holes and licences of the dependencies
	$(BIN)/python -m tools.audit --online

sbom: setup $(VENV)-sbom/.installed ## Write sbom.json, what is installed (CycloneDX)
	$(VENV)-sbom/bin/cyclonedx-py environment --output-format JSON -o sbom.json $(BIN)/python

lock: setup-dev ## Compile requirements/*.in into pinned, hashed requirements/*.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header -c requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header -c requirements/dev.txt requirements/cluster.in -o requirements/cluster.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-header requirements/sbom.in -o requirements/sbom.txt

bench: setup-dev ## Every benchmark, one JSON line each
	$(BIN)/python benchmarks/ingest.py --orders 20000 --json
	$(BIN)/python benchmarks/replay.py --orders 100000 --json
	$(BIN)/python -m benchmarks.stock --json
	$(BIN)/python benchmarks/routing.py --json
	$(BIN)/python benchmarks/rolling.py --orders 1000 --waves 20 --cut-off 5 --tight 1.1 1.5 --seeds 1 2 3 --json
	$(BIN)/python benchmarks/concurrency.py --json
	$(BIN)/python benchmarks/soak.py --json

clean: ## Remove what running left behind, but not .venv
	rm -rf .orderhub .pytest_cache .mypy_cache .ruff_cache .hypothesis analytics/dbt/target analytics/dbt/logs

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt pyproject.toml
	$(PIP) $(INSTALL) --require-hashes -r requirements/runtime.txt
	$(PIP) $(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.solver: $(VENV)/.runtime $(wildcard warehouse_routing/solver/*.py)
	$(BIN)/python -c "from warehouse_routing.solver import make_ready; make_ready()"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	$(PIP) $(INSTALL) --require-hashes -r requirements/dev.txt
	$(PIP) check
	@touch $@

$(VENV)-sbom/.installed: requirements/sbom.txt
	$(PYTHON) -m venv $(VENV)-sbom
	$(VENV)-sbom/bin/python -m pip --disable-pip-version-check --no-input $(INSTALL) --require-hashes -r requirements/sbom.txt
	@touch $@
