# Everything this project can do with one word. What is missing on the machine is installed first
# (scripts/install-deps; nothing happens when nothing is missing). Needs the Swift 6.3 toolchain.

SWIFT := swift
RELEASE := $(SWIFT) build -c release
SOURCES := Package.swift Sources Tests

.PHONY: help demo build test lint format bench bench-worker simulate chaos sanitize model-cache \
    model dist clean install-deps

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## everything at once: publish, work, query, print; needs nothing running
	.build/release/readstates demo

build: install-deps ## the release executable, .build/release/readstates
	$(RELEASE) --product readstates

# One run after the other: the tests of one run share a few threads, and tests that compute for a
# minute would keep members of a Kafka group from polling for as long.
test: lint build ## format check, builds, all tests; with KAFKA_HOME=DIR also against a real Kafka
	$(SWIFT) build --build-tests
	@status=0; \
	for tests in "--skip (KafkaLog|Simulator|Scenario)Tests" "--filter KafkaLogTests" \
	    "--filter SimulatorTests" "--filter ScenarioTests"; do \
	    READSTATES_BINARY="$(CURDIR)/.build/release/readstates" \
	        $(SWIFT) test --skip-build --disable-xctest $$tests || status=1; \
	done; \
	$(MAKE) --no-print-directory chaos MINUTES=1 || status=1; exit $$status

lint: install-deps ## check the format of all Swift files
	$(SWIFT) format lint --strict --recursive $(SOURCES)

format: ## rewrite all Swift files in the house format
	$(SWIFT) format --in-place --recursive $(SOURCES)

bench: install-deps ## benchmarks of the cache beside its baselines; ARGS=... goes to it
	$(RELEASE) --product readstates-bench
	.build/release/readstates-bench $(ARGS)

# Every figure beside that of a bare reader of the same topic, in the same run.
bench-worker: build ## the worker process beside a bare reader of the topic; ARGS="resident tenth"
	$(RELEASE) --product readstates-bench-worker
	READSTATES_BINARY="$(CURDIR)/.build/release/readstates" \
	    .build/release/readstates-bench-worker $(ARGS)

SEEDS ?= 1000
simulate: install-deps ## random faults against the engine: SEEDS=n of them, or ARGS="--seed N"
	$(RELEASE) --product readstates-simulate
	.build/release/readstates-simulate $(if $(ARGS),$(ARGS),--seeds $(SEEDS))

MINUTES ?= 1
chaos: build ## hurt real servers and workers, compare all states: MINUTES=n, again with SEED=n
	$(SWIFT) build --product readstates-chaos
	READSTATES_BINARY="$(CURDIR)/.build/release/readstates" .build/debug/readstates-chaos \
	    --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

# All unsafe code under the address sanitizer: the cache's, where leaks are looked for too, then that
# of decoders and connections (there without: reading a file with Foundation leaks). The cache,
# mailboxes, logger, HTTP and metrics under the thread sanitizer. That one ends with a fault of its
# own where threads are started by thrd_create, as librdkafka's are, and does not see the standard
# library's mutexes, whose owners it is told to skip.
sanitize: install-deps ## tests under the address and the thread sanitizer; minutes, and two builds
	$(SWIFT) build --build-tests --sanitize=address --scratch-path .build/address
	$(SWIFT) test --skip-build --disable-xctest --sanitize=address --scratch-path .build/address \
	    --filter ReadStateCoreTests
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --skip-build --disable-xctest --sanitize=address \
	    --scratch-path .build/address --filter "(ReadStateWire|RedisLink|KafkaLog)Tests"
	$(SWIFT) build --build-tests --sanitize=thread --scratch-path .build/thread
	TSAN_OPTIONS="suppressions=$(CURDIR)/scripts/thread-sanitizer-suppressions" \
	    $(SWIFT) test --skip-build --disable-xctest --sanitize=thread \
	    --scratch-path .build/thread --filter ReadStateCoreTests --filter \
	    "ReadStateServiceTests.(Threads|HttpServer|OperatorPages|Logging|Histogram|Exposition)Tests"

# Optimized, since checking everything after each step takes 40 times as long without, but with the
# assertions that a release leaves out. The seeds follow SEED.
STEPS ?= 5000000
CHECKED := --scratch-path .build/checked -c release -Xswiftc -enable-testing \
    -Xswiftc -assert-config -Xswiftc Debug
model-cache: install-deps ## the cache beside its model: all of both compared after each of STEPS=n
	$(SWIFT) build --build-tests $(CHECKED)
	READSTATES_MODEL_STEPS=$(STEPS) $(if $(SEED),READSTATES_MODEL_SEED=$(SEED)) \
	    $(SWIFT) test --skip-build --disable-xctest $(CHECKED) --filter CacheModelTests

model: install-deps ## model-check the commit protocol; TLA2TOOLS=JAR, BOUNDS=quick|claims|full, BUG="no fence"
	@scripts/model

dist: install-deps ## dist/readstates.tar.gz: executable without need of a toolchain, unit, settings
	@scripts/dist

install-deps: ## Debian packages that the build and the tests need, where they are missing
	@scripts/install-deps

clean: ## forget all build results
	rm -rf .build dist
