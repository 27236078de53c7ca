# Every entry point of the project: `make help`.
VENV ?= .venv
BIN := $(VENV)/bin
PROTO := dragonfly_task_operator/protos_gen
PYTHON ?= python3
# Test files that run at once: most of their time is waiting. Each has a control plane of its own (0.4 GB).
WORKERS ?= 3
ALONE := tests/faults/test_many_objects.py
AT_ONCE = -n $(WORKERS) --dist loadfile
MAKE_VENV = $(PYTHON) -m venv $(VENV) || { echo "no virtual environment can be made: install python3-venv (apt-get install python3-venv)" >&2; exit 1; }
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --no-config

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-faults test-faults-long test-real bench bench-check dragonfly-client pictures lint types generate krew sbom image-check lock controlplane tools

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

venv: $(VENV)/.made ## the Python environment, from the lock file

# What the operator itself needs, without the tools: enough for the demo's first step.
$(VENV)/.runs: requirements.lock
	@$(MAKE_VENV)
	$(BIN)/pip install -q --no-compile --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.made: requirements-dev.lock pyproject.toml
	@$(MAKE_VENV)
	$(BIN)/pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@# Where the environment keeps Python from writing byte code, each of hundreds of processes would compile it anew.
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib operator hack tests benchmarks
	@touch $(VENV)/.runs $@

controlplane: venv ## etcd, kube-apiserver and kubectl: found, or built into the cache folder
	$(BIN)/python -m hack.controlplane build

tools: venv ## helm and promtool, which tests use: built into the cache folder
	$(BIN)/python -m hack.controlplane tools

demo: $(VENV)/.runs ## search and delete on a simulated cluster, first by exec, then in Kubernetes; KEEP=1 leaves it running
	@PYTHONPATH=operator $(BIN)/python -m hack.demo.first
	@$(MAKE) --no-print-directory controlplane
	@$(BIN)/python -m hack.demo $(if $(KEEP),--keep)

test: controlplane tools ## unit and integration tests, the latter on a real API server and the simulated Dragonfly
	$(BIN)/pytest $(AT_ONCE) --ignore=tests/faults --cov --cov-report=term:skip-covered

test-faults: controlplane ## whatever can go wrong with peers, schedulers, the API server and the operator, against what must hold
	$(BIN)/pytest $(AT_ONCE) tests/faults --hypothesis-profile=faults --ignore=$(ALONE)
	@# A thousand objects: beside others on two cores, the API server leaves the operator unanswered for a minute, and it ends, as it should.
	$(BIN)/pytest $(ALONE) --hypothesis-profile=faults

test-faults-long: controlplane ## random days for an hour or so: users' actions and faults in any order, new ones every time
	$(BIN)/pytest tests/faults/test_random_days.py --hypothesis-profile=faults-long

test-real: ## conformance and end-to-end tests on Dragonfly's own programs, in the folder that DRAGONFLY_BIN_DIR names
ifdef DRAGONFLY_BIN_DIR
	@$(MAKE) --no-print-directory controlplane
	$(BIN)/pytest -m real tests/conformance tests/e2e
else
	@echo "NOT TESTED ON A REAL DRAGONFLY: DRAGONFLY_BIN_DIR names no folder with dfdaemon and dfget (make dragonfly-client builds them)" >&2
endif

dragonfly-client: venv ## dfdaemon and dfget for test-real, built into the cache folder (half an hour, once)
	$(BIN)/python -m hack.dragonfly_client

pictures: controlplane ## the pictures of docs/console.md, anew (needs chromium on the PATH)
	KEEP_PICTURES=1 $(BIN)/pytest -q tests/console/test_pictures.py

bench: controlplane ## the operator beside bare loops of Go and grpc.aio; ROWS=search,… or all, REFERENCE=1 to keep it; 2 quiet cores
	$(BIN)/python -m benchmarks $(if $(ROWS),--rows $(ROWS)) $(if $(REFERENCE),--reference)

bench-check: controlplane ## the same, and fails on ratios worse than the reference's by more than the noise
	$(BIN)/python -m benchmarks --check $(if $(ROWS),--rows $(ROWS))

lint: venv ## ruff, and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: venv ## mypy, strict
	$(BIN)/mypy

generate: venv ## the CRDs, Python from protos/, Grafana's dashboards, the version, and what is repeated elsewhere
	$(BIN)/python -m grpc_tools.protoc -I$(PROTO)=protos --python_out=operator --pyi_out=operator \
		$(PROTO)/common.proto $(PROTO)/scheduler.proto $(PROTO)/dfdaemon.proto
	$(BIN)/python -m hack.write_crds crds
	$(BIN)/python -m hack.write_version
	$(BIN)/python -m hack.write_argocd
	$(BIN)/python -m hack.dashboards
	$(BIN)/python -m hack.write_chart

krew: venv ## an archive and a manifest for `kubectl krew install`, into dist/; URI=https://… HOMEPAGE=https://…
	$(BIN)/python -m hack.krew --uri "$(URI)" --homepage "$(HOMEPAGE)"

sbom: venv ## the bill of materials of the image, as CycloneDX, into dist/
	$(BIN)/python -m hack.sbom

image-check: controlplane ## the image's layers without Docker, run as its user on a read-only root (Linux, root); PYTHON=python3.13
	$(BIN)/python -m hack.image --python "$(PYTHON)"

lock: venv ## the lock files, anew (needs uv in the environment)
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group build -o requirements-build.lock
	$(LOCK) pyproject.toml --group dev -o requirements-dev.lock
