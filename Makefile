# test: the fast path, in less than two minutes on two cores: without the faults of
# internal/faults and without most of the examples. lint: what a linter finds.
# all: everything that must hold before a change lands; it installs Debian's
# browser and servers with apt-get where they are missing.

GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: test lint all

test:
	go vet ./... ./examples/...
	go test $$(go list ./... | grep -v /internal/faults) ./examples/readme ./examples/mounting ./examples/action

lint:
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt would change: $$files"; exit 1; }
	GOWORK=off go run $(GOLANGCI) run ./...
	cd examples && GOWORK=off go run $(GOLANGCI) run --config ../.golangci.yml ./...
	git ls-files | go run .ci/hits/main.go .ci/words

all:
	bash .ci/run
