# Everything is behind plain scripts and go commands; run `make` to see the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build unit test lint fmt fuzz vuln localstack-up localstack-down clean

FUZZTIME ?= 2m

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## everything: lint, all suites with LocalStack, fuzzing, the README's commands
	scripts/test

unit: ## what needs no service, with the race detector; says which suites it left out
	"$$(scripts/tool gotestsum)" --format pkgname -- -race -shuffle=on ./...

build: ## the core command, in bin/
	go build -o bin/ ./cmd/...

fmt: ## format the Go code
	"$$(scripts/tool golangci-lint)" fmt

lint: ## golangci-lint and shellcheck
	scripts/lint

fuzz: ## every fuzz target for FUZZTIME (2m)
	scripts/fuzz $(FUZZTIME)

vuln: ## known vulnerabilities; needs the network, so make test leaves it out
	"$$(scripts/tool govulncheck)" ./...

localstack-up: ## start LocalStack on port 4566; prints the environment to set
	localstack/up

localstack-down: ## stop it
	localstack/down

clean: ## remove what is built; the caches outside the repository stay
	rm -rf bin dist
	go clean -testcache
