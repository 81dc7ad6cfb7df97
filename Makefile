# make lab: install what is missing, build, bring up the lab and say what to try. make test: install, build, pass every test.
# make lab-down leaves nothing of the lab behind.

BUILD := build
JOBS := $(shell nproc)

# Said at once, and not after a build of minutes; and without root many a test would be skipped.
USER_ID = $(shell id -u)
NEED_ROOT := $(filter test soak bench lab,$(MAKECMDGOALS))
ifneq ($(NEED_ROOT),)
  ifneq ($(USER_ID),0)
    $(error make $(firstword $(NEED_ROOT)) needs root, for network namespaces and servers of their own user; try: sudo make $(firstword $(NEED_ROOT)))
  endif
endif

.DEFAULT_GOAL := build
.PHONY: deps build test lint sanitize simulate fuzz soak bench lab lab-down clean

deps:
	@deploy/install-deps

# CMake configures again by itself when a CMakeLists.txt has changed.
$(BUILD)/build.ninja: | deps
	@cmake --preset dev

build: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

# Tests with real clusters carry the label lab, and run side by side but for those that measure, which run alone. See CONTRIBUTING.md
# to run a single one.
test: build
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure

SOURCES = $(shell git ls-files '*.cc' '*.h')
# What is shipped, joined into one file for every sixteen, so that clang-tidy reads the libraries' headers once for all of them.
TIDY_SOURCES = $(shell grep -oE '"file": "[^"]*/build/(common|services|cli)/[^"]*"' $(BUILD)/compile_commands.json | cut -d'"' -f4)

# Formatting of every file, and the checks of .clang-tidy on what is shipped.
lint: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS) --target minder_proto_grpc
	@clang-format --dry-run -Werror $(SOURCES)
	@echo "clang-format: $(words $(SOURCES)) files are well formatted; clang-tidy ..."
	@printf '%s\n' $(TIDY_SOURCES) | xargs -P $(JOBS) -n 1 clang-tidy -p $(BUILD) --quiet --checks=-bugprone-suspicious-include 2>/dev/null
	@echo "clang-tidy: nothing found"

# The unit tests under ASan and UBSan; the loop, the core and the correspondence, which are free of gRPC, under TSan.
SLOW_TESTS = scenario_test minderctl_test
TSAN_TESTS = base_test correspondence_test decide_test authorise_test node_drain_test plan_backends_test
sanitize: deps
	@cmake --preset asan > /dev/null && cmake --build --preset asan --target unit_tests -j $(JOBS)
	@printf '%s\n' $(SLOW_TESTS) $$(cd $(BUILD)/asan/bin && ls *_test) | awk '!seen[$$0]++' | \
	  xargs -P $(JOBS) -I {} sh -c 't=$(BUILD)/asan/bin/{}; $$t --gtest_brief=1 > $$t.log 2>&1 && echo {} || { tail -n 100 $$t.log; exit 255; }'
	@cmake --preset tsan > /dev/null && cmake --build --preset tsan --target $(TSAN_TESTS) -j $(JOBS)
	@for t in $(TSAN_TESTS); do $(BUILD)/tsan/bin/$$t --gtest_brief=1 || exit 1; done

# Each fuzzer for SECONDS, from the kept corpus on; another SEED, other inputs. What is new goes to build/fuzz/corpus, and what fails to build/fuzz/NAME-crash-….
SECONDS = 10
FUZZ := $(BUILD)/fuzz
fuzz: deps
	@cmake --preset asan > /dev/null && cmake --build --preset asan --target minder-fuzz -j $(JOBS)
	@for t in $(notdir $(wildcard tests/fuzz/corpus/*)); do mkdir -p $(FUZZ)/corpus/$$t; \
	  MINDER_FUZZ=$$t $(BUILD)/asan/bin/minder-fuzz -seed=$(or $(SEED),1) -max_total_time=$(SECONDS) -max_len=8192 -entropic=0 -timeout=5 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/$$t- $(FUZZ)/corpus/$$t tests/fuzz/corpus/$$t > $(FUZZ)/$$t.log 2>&1 || { grep -m1 "^$$t: " $(FUZZ)/$$t.log; tail -n 20 $(FUZZ)/$$t.log; exit 1; }; \
	  echo "$$t: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(FUZZ)/$$t.log) inputs, nothing wrong"; done

# The seeded simulator; SEEDS=… for more, FIRST=… for others. A seed that fails prints how to replay it.
SEEDS = 2000
FIRST = 1
simulate: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS) --target simulate
	@$(BUILD)/bin/simulate --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS)

# Faults that a seed chooses on a real cluster, for SECONDS; SEED=… plays one again.
soak: SECONDS = 600
soak: build
	@$(BUILD)/bin/minder-soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# Measures against plain Galera and plain HAProxy in the same run; build/bench/results.json.
bench: build
	@$(BUILD)/bin/minder-bench

lab: build
	@$(BUILD)/bin/minder-lab up

lab-down:
	@if [ -x $(BUILD)/bin/minder-lab ]; then $(BUILD)/bin/minder-lab down; fi

clean: lab-down
	@rm -rf $(BUILD)
