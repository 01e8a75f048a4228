# test: the fast path, in less than two minutes on two cores. It omits internal/faults
# and most of the examples. lint: formatting, linters and phrases.
# all: all checks that must pass before a merge. It installs missing programs, such as the
# browser and the servers, with Debian's apt-get.

GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: test lint all

test:
	go vet ./... ./examples/...
	go test $$(go list ./... | grep -v /internal/faults) ./examples/readme ./examples/mounting ./examples/action

lint:
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt would change: $$files"; exit 1; }
	GOWORK=off go run $(GOLANGCI) run ./...
	cd examples && GOWORK=off go run $(GOLANGCI) run --config ../.golangci.yml ./...
	git ls-files | go run .ci/hits/main.go -fail .ci/words

all:
	bash .ci/run
