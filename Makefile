# Everything is behind plain scripts and go commands; run `make` to see the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build unit test lint fmt test-cron test-long chaos chaos-targets soak fuzz fuzz-api vuln bench bench-docs bench-api bench-api-docs bench-micro bench-lambda lambda localstack-up localstack-down clean

FUZZTIME ?= 2m
BENCH_ARGS ?=
BENCH_BUILD ?=
CHAOS_ARGS ?=
SOAK ?= 1h

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## everything: lint, all suites with LocalStack, fuzzing, the README's commands
	scripts/test

test-cron: ## whole years of 110,000 random cron expressions, and LocalStack creates the schedules of each: half an hour
	scripts/test-cron

test-long: test-cron ## the same, then schedulers killed for five minutes
	CORE_TEST_LONG=1 go test -count=1 -timeout 15m -v -run TestSchedulersAreKilled ./cli

unit: ## what needs no service, with the race detector; says which suites it left out
	"$$(scripts/tool gotestsum)" --format pkgname -- -race -shuffle=on ./...

build: ## the core command, in bin/
	go build -o bin/ ./cmd/...

fmt: ## format the Go code
	"$$(scripts/tool golangci-lint)" fmt

lint: ## golangci-lint and shellcheck
	scripts/lint

chaos: ## processes killed, requests failed, disks filled: five seeds, 25 minutes; CHAOS_ARGS for others, see bin/chaos --help
	go build -o bin/chaos ./internal/chaos/run
	bin/chaos $(CHAOS_ARGS)

chaos-targets: ## clean shutdowns, recovery after kill -9, malformed messages: what docs/reliability.md has figures of
	go build -o bin/chaos ./internal/chaos/run
	bin/chaos --jobs 10000 --duration 90s shutdowns
	bin/chaos recovery
	bin/chaos --jobs 10000 malformed

soak: ## a steady rate with restarts for SOAK (1h), and whether memory, goroutines or files grow; on Linux
	go build -o bin/chaos ./internal/chaos/run
	bin/chaos --duration $(SOAK) soak

fuzz: ## every fuzz target for FUZZTIME (2m)
	scripts/fuzz $(FUZZTIME)

fuzz-api: ## schemathesis against the HTTP API of core dev, a minute
	scripts/fuzz-api

vuln: ## known vulnerabilities; needs the network, so make test leaves it out
	"$$(scripts/tool govulncheck)" ./...

bench: ## this toolkit beside others, 12 minutes; BENCH_ARGS=--quick for one, BENCH_BUILD=-race for the race detector
	go -C bench build $(BENCH_BUILD) -o ../bin/bench .
	bin/bench $(BENCH_ARGS)

bench-docs: ## the same, and its tables into docs/performance.md
	go -C bench build $(BENCH_BUILD) -o ../bin/bench .
	bin/bench --docs docs/performance.md $(BENCH_ARGS)

bench-api: ## the HTTP API under load, a minute; BENCH_ARGS=--profile=DIR for profiles
	go -C bench build $(BENCH_BUILD) -o ../bin/bench .
	bin/bench api $(BENCH_ARGS)

bench-api-docs: ## the same, and its tables into docs/performance.md
	go -C bench build $(BENCH_BUILD) -o ../bin/bench .
	bin/bench api --docs docs/performance.md $(BENCH_ARGS)

bench-micro: ## executor, envelope, batcher and worker, ten times each, for benchstat
	go test -run '^$$' -bench . -benchmem -count=10 ./tasks ./internal/batch ./sqsqueue

bench-lambda: ## a Lambda function's start and what the handler adds to a batch
	go test -run '^$$' -bench 'Init|Batch' -benchmem -count=5 ./lambdaworker ./examples/reports/cmd/lambda

lambda: ## the example as a Lambda function, for arm64 and amd64, in dist/
	scripts/lambda dist

localstack-up: ## start LocalStack on port 4566; prints the environment to set
	localstack/up

localstack-down: ## stop it
	localstack/down

clean: ## remove what is built; the caches outside the repository stay
	rm -rf bin dist
	go clean -testcache
