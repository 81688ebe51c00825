# Prelude: detector and generator, two phases of a Cloud Native Buildpacks lifecycle. `make` lists the targets.
SHELL := /bin/sh
GO ?= go
FUZZTIME ?= 10s
VERSION ?= $(shell git describe --tags --match 'v*' --abbrev=0 2>/dev/null | sed 's/^v//')
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
STAMP := github.com/cnb-prelude/prelude/cmd
LDFLAGS := -s -w -X $(STAMP).Version=$(or $(VERSION),0.0.0) -X $(STAMP).Commit=$(COMMIT)
ENTRYPOINT := examples/extensions/samples_entrypoint/1.1.0/bin

.PHONY: help build examples demo test unit acceptance release peers race lint vulncheck fuzz bench compare long platforms soak docs dist image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: examples ## bin/detector and bin/generator, static, with version and commit
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./cmd/detector ./cmd/generator

examples: ## the one example extension that is compiled
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o $(ENTRYPOINT)/generate ./examples/src/entrypoint
	cp $(ENTRYPOINT)/generate $(ENTRYPOINT)/detect

demo: build ## resolve and generate examples/, and show what came out
	@sh examples/demo.sh

test: unit acceptance release ## unit tests, acceptance tests, tests of the release tools; make long has those that take long

unit: ## unit tests
	$(GO) test $$($(GO) list ./... | grep -v /acceptance)

acceptance: ## the built executables, end to end, as a user without privileges
	$(GO) test -count=1 -parallel 4 $$($(GO) list ./acceptance/... | grep -v -e /soak -e /extend -e /platforms)

release: ## the tools that make releases
	cd tools && $(GO) test -count=1 ./...

# What tests with programs of others need. Tests without it are skipped and say why, unless CI=true.
peers:
	@tools/need.sh buildah busybox skopeo chromium chromedriver dockerd docker-registry || [ "$${CI:-}" != true ]

# Where tests have more to do then (testhelpers.Long). The race detector finds nothing in packages that start no goroutine, and makes
# their searches ten times slower.
LONGER = $$(grep -rlE '(testhelpers\.(Long|OnlyLong|Peers)|docker\.Need)\(' --include='*_test.go' --exclude-dir=tekton $(1) | xargs -n 1 dirname | sort -u)
PURE := /phase/resolve|/phase/explain|/internal/|prelude/buildpack$$
# tools/tekton is made of Tekton, kpack and Kubernetes: without cgo, all of it is compiled once, and lint has vet look at it.
long: export PRELUDE_LONG := 1
long: peers gcc ## tests that take minutes for a reason: the race detector, every scenario with a report, images extended by both engines, containers and pods, releases for all architectures
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -v -E '/acceptance|$(PURE)')
	$(GO) test -count=1 -parallel 4 -timeout 20m $(call LONGER,./acceptance ./phase ./testhelpers)
	cd tools && $(GO) test -count=1 -timeout 20m $(call LONGER,.)
	cd tools/otlp && $(GO) test -count=1 .
	cd tools/tekton && CGO_ENABLED=0 $(GO) test -vet=off -count=1 -timeout 30m .

soak: ## what platforms, disks and modules may do to the executables, a few hundred times (SOAK=short: a minute)
	SOAK=$(or $(SOAK),full) $(GO) test -v -count=1 -timeout 10m -run TestSoak ./acceptance/soak

race: ## the acceptance scripts with executables that have the race detector on
	PRELUDE_RACE=1 CGO_ENABLED=1 $(GO) test -count=1 -timeout 20m -run TestScripts ./acceptance

lint: shellcheck ## gofmt, go vet, staticcheck, shellcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	cd tools && $(GO) vet ./...
	cd tools/otlp && $(GO) vet .
	cd tools/tekton && CGO_ENABLED=0 $(GO) vet .
	cd tools && $(GO) build -o bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	tools/bin/staticcheck ./...
	cd tools && bin/staticcheck ./...
	tools/scripts.sh | xargs shellcheck

vulncheck: ## known vulnerabilities in what the executables are made of; needs the network, so it is no part of lint
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

fuzz: ## every fuzz target for FUZZTIME (default 10s)
	@tools/fuzz.sh $(FUZZTIME)

bench: ## whole processes beside others that do the same (PEER_DETECTOR: another detector, too), inputs that grow, then the packages' own benchmarks
	$(GO) run ./acceptance/bench $(BENCH)
	$(GO) run ./acceptance/bench -bounds
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 0.2s ./phase/resolve ./buildpack/dockerfile ./internal/tomlconfig

compare: ## beside PEER_DETECTOR=<another detector>, on random orders, or on your own: ORDER= BUILDPACKS= EXTENSIONS= APP=
	@$(GO) run ./acceptance/compare $(COMPARE)

# A platform's test is called TestPlatform… if it is not in acceptance/platforms.
platforms docs: export PRELUDE_LONG := 1
platforms: export PACK := $(abspath $(PACK))
platforms: export LIFECYCLE := $(abspath $(LIFECYCLE))
platforms: peers ## pack and the phases of a lifecycle with our detector: PACK=<pack> LIFECYCLE=<archive, .tgz>
	$(GO) test -count=1 -v -timeout 30m ./acceptance/platforms
	$(GO) test -count=1 -v ./acceptance/containers
	@cd tools && found=$$(grep -rl '^func TestPlatform' --include='*_test.go' . | xargs -r -n 1 dirname | sort -u) && \
	if [ -n "$$found" ]; then $(GO) test -count=1 -v -timeout 30m -run '^TestPlatform' $$found; fi

docs: peers ## the picture of a report in docs/images, from the examples
	PICTURE=$(CURDIR)/docs/images/report.png $(GO) test -count=1 -run TestPicture ./acceptance/report

dist: ## the release, below dist/: an archive for each architecture (ARCHES=amd64,arm64: for these), and checksums
	cd tools && $(GO) run ./dist -version '$(or $(VERSION),0.0.0)' -commit '$(COMMIT)' $(ARCHES:%=-arch %)

image: dist ## dist/image: the release as an OCI layout with an image for each architecture
	cd tools && $(GO) run ./image -version '$(or $(VERSION),0.0.0)' -commit '$(COMMIT)' $(ARCHES:%=-arch %)

clean: ## remove what the other targets made
	rm -rf bin dist tools/bin $(ENTRYPOINT)

# Debian packages: installed where that is possible, else named.
.PHONY: gcc shellcheck
gcc shellcheck:
	@tools/need.sh $@
