# Everything a developer or CI does. `make help` lists the targets.

SHELL := /bin/bash
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# One static binary, the same for tests, the demo and images: it runs in an empty image.
export CARGO_BUILD_TARGET := $(HOST)
export RUSTFLAGS := -C target-feature=+crt-static
BIN := target/$(HOST)/debug
CLUSTER := tests/cluster/env/cluster

.PHONY: help
help: ## List the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: tools ## Build the programs.
	cargo build --locked --workspace --bins

.PHONY: tools
tools:
	@tests/tools.sh

.PHONY: fmt
fmt: ## Format the code.
	cargo fmt --all

.PHONY: lint
lint: tools ## Check format and lints.
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: deny
deny: ## Check licences, bans and sources of all dependencies (installs cargo-deny when it is missing).
	command -v cargo-deny >/dev/null || env -u RUSTFLAGS -u CARGO_BUILD_TARGET cargo install cargo-deny --locked
	cargo deny check bans licenses sources

.PHONY: crds
crds: build ## Generate crds/ and the CRD chart from the types.
	mkdir -p crds
	$(BIN)/rollcall crds --output crds
	charts/sync-crds.sh

.PHONY: test
test: lint test-unit test-scenarios test-scim test-packaging test-cluster ## Run all tests, installing what they need.

.PHONY: test-unit
test-unit: tools ## Levels 1 and 2: pure code, and the controllers against an in-process API server.
	cargo test --locked --workspace --lib --bins --test behaviour --test selftest

.PHONY: test-scenarios
test-scenarios: tools ## Level 3: whole runs against the vendor emulators.
	cargo test --locked --workspace --test scenarios

.PHONY: test-scim
test-scim: build ## SCIM against software nobody here wrote: a compliance suite for our emulator, a server for our client.
	crates/emulators/scim_compliance.sh $(BIN)/rollcall-emulator
	crates/emulators/scim_foreign.sh $(BIN)

.PHONY: test-packaging
test-packaging: cluster-up ## The charts: lint, schema, names, rights.
	eval "$$($(CLUSTER) env)" && tests/cluster/packaging/check.sh

.PHONY: test-cluster
test-cluster: build ## Level 4: the charts on a real cluster (KUBECONFIG, or one started here).
	tests/cluster/run.sh

.PHONY: demo
demo: build ## See it work: a cluster, two systems, 200 people, three runs.
	tests/cluster/demo.sh

.PHONY: cluster-up
cluster-up: ## Start a real Kubernetes on this machine (Debian, root).
	$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## Stop it and remove all of it.
	$(CLUSTER) down

.PHONY: clean
clean: ## Remove what was built here.
	cargo clean
