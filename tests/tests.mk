# SPDX-License-Identifier: MIT
# Set-up, emulator runs, checks and tests: what `make run` and `make test` are made of.

# Each tool leaves its counts here, as `passed failed skipped` in a file of its name.
RESULTS     := $(BUILD)/results
# One run of pytest for each part. Its plugins lie in tests/tools; $(1) names the part.
pytest = exec env PYTHONPATH=tests/tools PYTHONDONTWRITEBYTECODE=1 HUSK_BUILD=$(abspath $(BUILD)) \
         $(PYTHON) -m pytest -c tests/pytest.ini --rootdir=. -p results \
         --counts=$(RESULTS)/$(1) --junit-xml=$(RESULTS)/$(1).xml

.PHONY: setup
setup: ## install what is missing to build, run and test Husk
	@sh tests/tools/setup

# ---- Emulators ----
.PHONY: run debug gdb
$(BUILD)/nested_probe.bin: tests/tools/nested_probe.asm
	$(Q)mkdir -p $(@D) && $(NASM) -f bin -Werror $< -o $@

ISO ?= $(BUILD)/husk.iso
run: ## boot Husk here: this terminal is its console (EMU CPUS MEM ISO)
	@sh tests/tools/setup build run
	@$(MAKE) $(if $(V),,-s) $(BUILD)/husk.iso $(BUILD)/nested_probe.bin
	@exec $(PYTHON) tests/tools/run.py --iso $(ISO) --probe $(BUILD)/nested_probe.bin \
	    --emulator "$(EMU)" --cpus $(CPUS) --memory $(MEM)

# Here QEMU has its gdb server's socket.
DEBUG := $(BUILD)/debug
debug: $(BUILD)/husk.iso ## start QEMU stopped, with its gdb server waiting for make gdb
	@mkdir -p $(DEBUG)
	@exec $(PYTHON) tests/tools/run.py --iso $< --debug $(DEBUG) --cpus $(CPUS) --memory $(MEM)

# No prerequisite: what make debug runs must not be linked anew under its feet.
gdb: ## attach gdb, with symbols, to make debug (GDB_ARGS)
	@gdb -q $(BUILD)/husk.elf -ex "target remote $(DEBUG)/gdb" -ex "hbreak kernel_main" \
	    $(GDB_ARGS)

# ---- Host tests ----
include tests/host/tests.mk

.PHONY: images unit coverage fuzz
images: ## fetch Debian's images for the tests: kernel, busybox, e2fsck, ...
	@$(PYTHON) tests/tools/fetch_images.py --build $(BUILD)

# With T, test_NAME and its build for ThreadSanitizer. make says it if there is none of that name.
unit: programs = $(if $(T),$(or $(filter %/test_$(T) %/test_$(T).tsan,$(UNIT_PROGRAMS)), \
                                $(BUILD)/host/test_$(T)),$(UNIT_PROGRAMS))
unit: host-files ## run the unit tests on this machine (T=NAME runs only test_NAME)
	@$(MAKE) $(if $(V),,-s) $(programs)
	@$(call pytest,unit) -p host_programs $(if $(T),-v,-q) $(programs)

coverage: host-files ## say which lines the unit tests run
	@$(MAKE) $(if $(V),,-s) $(COVERED)
	@$(PYTHON) tests/tools/coverage.py --objects $(BUILD)/coverage $(COVERED)

fuzz: host-files ## fuzz each parser for FUZZ_SECONDS (T=NAME runs only fuzz_NAME)
	@$(MAKE) $(if $(V),,-s) $(if $(T),$(BUILD)/fuzz/fuzz_$(T),$(FUZZ_PROGRAMS))
	@$(call pytest,fuzz) -p host_programs -v --fuzz-seconds=$(FUZZ_SECONDS) \
	    $(if $(T),$(BUILD)/fuzz/fuzz_$(T),$(FUZZ_PROGRAMS))

# ---- Checks ----
# Code that only tells a person what happened, or that only a debugger needs: check_image.py has a
# limit of its own for it. Without a debugger nothing writes REG_STEP, so arch/*/*_debug.c are idle.
DEBUG_OBJECTS := $(filter $(BUILD)/obj/vmm/debug/%,$(KERNEL_OBJECTS)) \
                 $(patsubst %,$(BUILD)/obj/%.o,$(wildcard arch/*/*_check*.c arch/*/*_debug.c))
.PHONY: check check-layers check-headers check-includes check-image compile-commands
check: $(BUILD)/husk.elf compile-commands ## run clang-format, clang-tidy, cppcheck, our own
	@$(PYTHON) tests/tools/check.py --results $(RESULTS)/check --cc "$(CC)" \
	    --cflags="$(KERNEL_CFLAGS)" --image $< --guests "$(GUEST_FILES)" \
	    --debug "$(DEBUG_OBJECTS)"

# Each file once: what host tests compile too is here as the kernel compiles it.
compile-commands: ## write how each file is compiled, for clangd, clang-tidy and editors
	@$(PYTHON) tests/tools/compile_commands.py --output compile_commands.json \
	    --group "$(CROSS)gcc $(KERNEL_CFLAGS)" $(KERNEL_C) $(KERNEL_OFFSETS) \
	    --group "$(CROSS)gcc $(GUEST_CFLAGS)" $(wildcard guests/*/*.c) \
	    --group "$(HOST_CC) $(HOST_CFLAGS)" $(UNIT_SOURCES) $(HOST_SHARED) \
	    --group "$(FUZZ_CC) $(FUZZ_CFLAGS)" $(FUZZ_SOURCES)

check-layers: ## check that includes go only the allowed way (design: Layout)
	@$(PYTHON) tests/tools/check_layers.py

check-headers: ## compile each header alone
	@$(PYTHON) tests/tools/check_headers.py --cc "$(CC)" --cflags="$(KERNEL_CFLAGS)"

check-includes: ## check that each file includes what it uses (FIX=1 mends it)
	@$(PYTHON) tests/tools/check_includes.py --cflags="$(KERNEL_CFLAGS)" $(if $(FIX),--fix)

check-image: $(BUILD)/husk.elf ## check how large Husk is, without the guests that are linked in
	@$(PYTHON) tests/tools/check_image.py --image $< --debug "$(DEBUG_OBJECTS)" $(GUEST_FILES)

# ---- Whole boots ----
.PHONY: system long nested bench test
system: ## boot Husk, talk to it (T=WORDS as pytest -k)
long: ## the longest system tests: Linux, memtest86+, and then nested
system long: $(BUILD)/husk.iso $(BUILD)/nested_probe.bin
	@$(call pytest,$@) -n 2 -v --durations=8 -m "$(if $(filter long,$@),,not )long" \
	    $(if $(T),-k "$(T)") tests/system
	$(if $(filter long,$@),$(if $(T),,@$(MAKE) nested))

# One machine at a time: the emulators are slow enough alone.
nested: $(BUILD)/husk.iso ## Husk inside Linux/KVM, in emulators (T=WORDS as pytest -k)
	@$(call pytest,nested) -v --durations=8 $(if $(T),-k "$(T)") tests/nested

# What bench_linux.py boots instead of a shell, and its counter for QEMU.
$(BUILD)/first_line: tests/tools/first_line.asm
	$(Q)mkdir -p $(@D) && $(NASM) -f bin -Werror $< -o $@
$(BUILD)/count_plugin.so: tests/tools/count_plugin.c
	$(Q)mkdir -p $(@D) && $(HOST_CC) -std=c17 -O2 $(WARNINGS) -shared -fPIC -fvisibility=hidden \
	    $< -o $@

bench: $(BUILD)/husk.iso $(BUILD)/first_line $(BUILD)/count_plugin.so ## measure what costs time
	@$(PYTHON) tests/tools/bench.py --build $(BUILD)
	@$(PYTHON) tests/tools/bench_fairness.py --build $(BUILD) --strict
	@$(PYTHON) tests/tools/bench_latency.py --build $(BUILD) --strict
	@$(PYTHON) tests/tools/bench_traffic.py --build $(BUILD) --strict
	@$(PYTHON) tests/tools/bench_linux.py --build $(BUILD)

test: ## run everything: checks, unit tests, short fuzzing, whole boots
	@sh tests/tools/setup
	@$(PYTHON) tests/tools/test_all.py --results $(RESULTS)
