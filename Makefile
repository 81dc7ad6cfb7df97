# make lab: install what is missing, build, bring up the lab and say what to try. make test: install, build, pass every test.
# make lab-down leaves nothing of the lab behind.

BUILD := build
JOBS := $(shell nproc)

.DEFAULT_GOAL := build
.PHONY: deps build test lab lab-down clean

deps:
	@deploy/install-deps

# CMake configures again by itself when a CMakeLists.txt has changed.
$(BUILD)/build.ninja: | deps
	@cmake --preset dev

build: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

# Tests with real servers carry the label lab and run one at a time; see CONTRIBUTING.md to run a single one.
test: build
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure

lab: build
	@$(BUILD)/bin/minder-lab up
	@$(BUILD)/bin/minder-lab hints

lab-down:
	@if [ -x $(BUILD)/bin/minder-lab ]; then $(BUILD)/bin/minder-lab down; fi

clean: lab-down
	@rm -rf $(BUILD)
