# `make help` lists the targets. Each sets up what is missing first.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench setup-lint services build run test soak soak-faults soak-simulation soak-plant fuzz bench lint prepare-sql clean-dev

# scripts/setup.sh may have just installed Rust, which is not on the caller's PATH yet.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
# Builds check SQL statements against .sqlx/ and need no database.
export SQLX_OFFLINE := true

DATA_DIR ?= .anb
# From a build of the whole workspace: built alone, the same crates would have other features and be compiled once more.
SERVICES := $(or $(CARGO_TARGET_DIR),target)/debug/test-services

help:
	@echo 'make run          build, and serve a contest on http://127.0.0.1:8080'
	@echo 'make test         run every test, with PostgreSQL, Kafka and S3'
	@echo 'make soak         inject faults (ROUNDS, 6), simulate faults (MINUTES, 30), find planted bugs; ONLY=faults|simulation|plant'
	@echo 'make fuzz         feed FILES (2000) corrupt and hostile files to the transcoder; SEED'
	@echo 'make bench        measure against baselines; ONLY=votes|visible|pages|million|streams|boards|rebuild|memory|overload|transcode'
	@echo 'make lint         check formatting, clippy, imports, prose, SQL, licences and advisories'
	@echo 'make prepare-sql  update .sqlx/ after a change of a statement or a migration'
	@echo 'make build        build the release binary: target/release/anb'
	@echo 'make clean-dev    delete the data of make run ($(DATA_DIR))'

setup:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

setup-bench:
	@scripts/setup.sh bench

setup-lint:
	@scripts/setup.sh lint

services:
	@cargo build --quiet --locked --workspace --all-targets

build: setup
	@cargo build --release --locked

# .env may hold settings (see .env.example).
run: build
	@set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec target/release/anb dev

test: setup-test services
	@$(SERVICES) run cargo test --quiet --locked --workspace

# ROUNDS of 39 faults on real services, MINUTES of simulated seeds, then every planted bug.
soak: setup-test $(addprefix soak-,$(or $(ONLY),faults simulation plant))

soak-faults: setup-test services
	@$(SERVICES) run cargo test --quiet --locked --package anb --test faults -- --ignored --nocapture a_long_storm

soak-simulation:
	@cargo run --quiet --locked --package simulation -- --minutes $(or $(MINUTES),30)

soak-plant:
	@scripts/plant.sh

# The same SEED gives the same files. FUZZ_CASE runs a printed case alone.
fuzz: setup-test services
	@FUZZ_SEED=$(or $(SEED),$$RANDOM) FUZZ_FILES=$(or $(FILES),2000) \
	  $(SERVICES) run cargo test --quiet --locked --package transcoder --test fuzz

# `make build` builds the binary alone: other packages would change the features of its crates.
bench: setup-bench build
	@cargo build --quiet --release --locked --package bench --package test-services
	@target/release/test-services run target/release/bench $(ONLY)

lint: setup-lint
	@cargo fmt --all -- --check
	@cargo clippy --quiet --locked --workspace --all-targets
	@$(MAKE) --no-print-directory services
	@cargo test --quiet --locked --package lints
	@$(SERVICES) with-database cargo sqlx prepare --check --workspace -- --quiet --locked --workspace --all-targets
	@if cargo deny --version >/dev/null 2>&1; then \
	  cargo deny --log-level error check; \
	else \
	  echo 'lint: cargo-deny is not installed (cargo install cargo-deny --locked), so licences and advisories were not checked'; \
	fi

# Uses test-services as built last: its crates may not compile while .sqlx/ lacks a statement.
prepare-sql: setup-lint
	@test -x $(SERVICES) || $(MAKE) --no-print-directory services
	@$(SERVICES) with-database bash -c 'cargo sqlx migrate run --ignore-missing --source infra/migrations && cargo sqlx prepare --workspace -- --quiet --locked --workspace --all-targets'

clean-dev:
	@scripts/clean-dev.sh '$(DATA_DIR)'
