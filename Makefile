# make run    set up what is missing, build, and hold a contest on http://127.0.0.1:8080
# make test   set up what is missing, and run every test, Kafka and S3 included
# make soak   faults on real parts, then simulated ones for MINUTES, then bugs that are planted to be found; ONLY=faults|simulation|plant
# make fuzz   feed FILES damaged and hostile files to the transcoder; SEED
# make bench  set up what is missing, and measure against bare handlers; ONLY=votes|visible|pages|boards|rebuild|memory|overload|transcode
# make lint   formatting, clippy, and licences and advisories where cargo-deny is installed

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench build run test soak soak-faults soak-simulation soak-plant fuzz bench lint clean-dev

# A Rust that scripts/setup.sh has just installed is not on the caller's PATH yet.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

DATA_DIR ?= .anb

help:
	@echo 'make run        set up what is missing, build, and serve on http://127.0.0.1:8080'
	@echo 'make test       set up what is missing, and run every test, Kafka and S3 included'
	@echo 'make soak       faults on real parts (ROUNDS, 6), simulated faults (MINUTES, 30), planted bugs (ONLY=faults|simulation|plant)'
	@echo 'make fuzz       feed FILES (2000) damaged and hostile files to the transcoder'
	@echo 'make bench      measure it against bare handlers (ONLY=votes|visible|pages|million|streams|boards|rebuild|memory|overload|transcode)'
	@echo 'make lint       formatting, clippy, licences and advisories'
	@echo 'make build      build the release binary: target/release/anb'
	@echo 'make clean-dev  delete the data of make run ($(DATA_DIR))'

setup:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

setup-bench:
	@scripts/setup.sh bench

build: setup
	@cargo build --release --locked

# Settings may be kept in .env (see .env.example).
run: build
	@set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec target/release/anb dev

test: setup-test
	@cargo run --quiet --locked --package test-services -- run cargo test --quiet --locked --workspace

# As long as one likes: ROUNDS of 36 faults on real parts, MINUTES of seeds, then every planted bug,
# each of which must be found.
soak: setup-test $(addprefix soak-,$(or $(ONLY),faults simulation plant))

soak-faults: setup-test
	@cargo run --quiet --locked --package test-services -- run \
	  cargo test --quiet --locked --package anb --test faults -- --ignored --nocapture many_rounds_of_faults_break_no_promise

soak-simulation:
	@cargo run --quiet --locked --package simulation -- --minutes $(or $(MINUTES),30)

soak-plant:
	@scripts/plant.sh

# The same files for the same SEED; a case that is printed can be had alone with FUZZ_CASE. A long run
# has FILES=20000.
fuzz: setup-test
	@FUZZ_SEED=$(or $(SEED),$$RANDOM) FUZZ_FILES=$(or $(FILES),2000) \
	  cargo run --quiet --locked --package test-services -- run \
	  cargo test --quiet --locked --package transcoder --test fuzz

# The binary is the one that `make build` makes: other packages would change the features of its crates.
bench: setup-bench build
	@cargo build --quiet --release --locked --package bench --package test-services
	@target/release/test-services run target/release/bench $(ONLY)

lint: setup
	@cargo fmt --all -- --check
	@cargo clippy --quiet --locked --workspace --all-targets
	@cargo test --quiet --locked --package lints
	@if cargo deny --version >/dev/null 2>&1; then \
	  cargo deny --log-level error check; \
	else \
	  echo 'lint: cargo-deny is not installed (cargo install cargo-deny --locked), so licences and advisories were not checked'; \
	fi

clean-dev:
	@scripts/clean-dev.sh '$(DATA_DIR)'
