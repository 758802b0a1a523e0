# SPDX-License-Identifier: MIT
# Builds Husk, boots it and tests it. `make help` lists what can be asked for.

# ---- Settings: make NAME=value ----
BUILD        ?= build
EMU          ?=
CPUS         ?= 4
MEM          ?= 1024
FUZZ_SECONDS ?= 20

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# ---- Tools ----
# The first of these compilers that makes x86-64 code: the bare-metal cross compiler, the machine's
# own, a Linux cross compiler. Its prefix names the binutils too.
targets_x86_64 = $(filter x86_64%,$(shell $(1)gcc -dumpmachine 2>/dev/null))
ifndef CROSS
CROSS := $(strip $(if $(call targets_x86_64,x86_64-elf-),x86_64-elf-, \
                 $(if $(call targets_x86_64,),,x86_64-linux-gnu-)))
endif
CC      := $(CROSS)gcc
LD      := $(CROSS)ld
AR      := $(CROSS)ar
OBJCOPY := $(CROSS)objcopy
NASM    := nasm
IASL    := iasl
PYTHON  := /usr/bin/python3 -B
# Where this make is quiet: one word and a file name for each step. V=1 shows the commands.
Q := $(if $(V),,@)
say = @printf '  %-7s %s\n' $(1) $(2)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 \
            -Wimplicit-fallthrough

# Debug information names the sources relative to this folder: the same bytes wherever it lies.
SAME_PATHS := -ffile-prefix-map=$(CURDIR)=.

# ---- The kernel ----
KERNEL_FOLDERS := boot drivers $(addprefix arch/,x86 vmx svm) vmm \
                  $(addprefix vmm/,board config console debug debug/gdb devices devices/virtio \
                                   disk emulate load memory monitor net util vcpu vm)
KERNEL_CFLAGS  := -std=c17 -O2 -g $(SAME_PATHS) -ffreestanding -fno-pic -fno-pie \
                  -mcmodel=kernel -mno-red-zone \
                  -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector \
                  -fno-asynchronous-unwind-tables -I. $(WARNINGS)
# GCC's own flags, which the checks' clang does not know: without vector registers nothing on the
# stack wants 16 bytes, and no array more than its elements do. Nor are functions and targets of
# jumps padded, which would be 12 KiB.
KERNEL_CC      := $(CC) -mpreferred-stack-boundary=3 -malign-data=abi \
                  -falign-functions=1 -falign-jumps=1 -falign-loops=1
# What no exit of a guest goes through, or only rare ones as those of the RTC and the keyboard, is
# built small rather than fast: check_image.py has the limit for the whole.
KERNEL_SMALL   := boot/% drivers/% \
                  $(filter-out %/apic.c %/interrupts.c %/live_state.c %/time.c, \
                               $(wildcard arch/x86/*.c)) \
                  $(addprefix arch/,svm/npt.c svm/npt_space.c svm/svm_avic.c svm/svm_capability.c \
                                    svm/svm_check.c svm/svm_debug.c svm/svm_explain.c \
                                    svm/svm_flags.c svm/svm_nmi.c svm/svm_probe.c \
                                    svm/svm_segment.c svm/svm_step.c svm/svm_vcpu.c vmx/ept.c \
                                    vmx/vmcs_access.c vmx/vmx_bitmaps.c vmx/vmx_capability% \
                                    vmx/vmx_check% vmx/vmx_cpu.c vmx/vmx_debug.c vmx/vmx_explain.c \
                                    vmx/vmx_features.c vmx/vmx_host_state.c vmx/vmx_space.c \
                                    vmx/vmx_vcpu.c) \
                  $(addprefix vmm/,board/acpi_% board/bios_data% board/firmware% board/key_queue% \
                                   board/mp_tables% board/pc_firmware% board/pc_virtio% \
                                   board/pci_bus% config/% console/% debug/% \
                                   devices/acpi% devices/hpet% devices/i8042% devices/lapic_mode% \
                                   devices/pci_% devices/pit% devices/rtc% devices/uart% \
                                   devices/vga% \
                                   $(addprefix devices/virtio/,net_cut% net_filter% net_offload% \
                                               network_control% network_receive% \
                                               virtio_balloon% virtio_console% virtio_device% \
                                               virtio_entropy% virtio_network% virtio_pci%) \
                                   load/% memory/guest_map% monitor/% net/switch_table% \
                                   util/bitmap.c util/format.c \
                                   util/us_keyboard.c vcpu/cpuid_build% vcpu/msr_% \
                                   vcpu/paravirt% vcpu/vcpu_apic_ram% \
                                   vcpu/vcpu_create% vcpu/vcpu_start% vm/house% \
                                   vm/terminal% vm/vm.c vm/vm_balloon% vm/vm_build% vm/vm_call% \
                                   vm/vm_create% vm/vm_disks% vm/vm_hold% vm/vm_life% vm/vm_lines% \
                                   vm/vm_load% vm/vm_nets% host.c) \
                  $(addprefix vmm/emulate/,decode_vector% emulate_bits% emulate_exchange% \
                                           emulate_multiply% emulate_shift% emulate_vector%)
kernel_size     = $(if $(filter $(KERNEL_SMALL),$(1)),-Os)
# No debug information in assembly: NASM would write the folder's absolute path into it.
NASMFLAGS      := -f elf64 --reproducible -I./ -I$(BUILD)/gen/ -Werror
LDFLAGS        := -z max-page-size=4096 -z noexecstack -nostdlib

KERNEL_C       := $(filter-out %/offsets.c,$(wildcard $(KERNEL_FOLDERS:=/*.c)))
KERNEL_ASM     := $(wildcard $(KERNEL_FOLDERS:=/*.asm))
KERNEL_OFFSETS := $(wildcard $(KERNEL_FOLDERS:=/offsets.c))
OFFSETS_INC    := $(KERNEL_OFFSETS:%.c=$(BUILD)/gen/%.inc)
KERNEL_OBJECTS := $(KERNEL_C:%=$(BUILD)/obj/%.o) $(KERNEL_ASM:%=$(BUILD)/obj/%.o) \
                  $(BUILD)/gen/payloads.c.o $(BUILD)/gen/payloads.asm.o $(BUILD)/gen/dsdt.c.o

.PHONY: all
all: $(BUILD)/husk.iso ## build build/husk.elf and build/husk.iso (the default)

$(BUILD)/husk.elf: linker.ld $(KERNEL_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(KERNEL_OBJECTS)

$(BUILD)/obj/%.c.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(KERNEL_CC) $(KERNEL_CFLAGS) $(call kernel_size,$<) -MMD -MP -c $< -o $@

# NASM's dependencies are written by a run of their own: while it assembles, NASM 2.16.01 leaves out
# what is included.
$(BUILD)/obj/%.asm.o: %.asm Makefile | $(OFFSETS_INC)
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D) && $(NASM) $(NASMFLAGS) -M -MF $(@:.o=.d) -MP -MT $@ $<
	$(Q)$(NASM) $(NASMFLAGS) $< -o $@

# Offsets of C structures for NASM: FOLDER/offsets.c puts lines of `.ascii "->NAME VALUE"` into its
# assembly; NASM then says %include "FOLDER/offsets.inc".
$(BUILD)/gen/%/offsets.inc: %/offsets.c Makefile
	$(call say,OFFSETS,$<)
	$(Q)mkdir -p $(@D) && $(KERNEL_CC) $(KERNEL_CFLAGS) -MMD -MP -MT $@ -MF $(@:.inc=.d) -S $< \
	    -o $(@:.inc=.s)
	$(Q)sed -n 's/^.*"->\([A-Za-z0-9_]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\)".*$$/%define \1 \2/p' \
	    $(@:.inc=.s) > $@ && test -s $@

# The DSDT of guests: what iasl makes of it, as an array in C.
$(BUILD)/gen/dsdt.c: vmm/board/dsdt.asl Makefile
	$(call say,IASL,$<)
	$(Q)mkdir -p $(@D) && $(IASL) -we -vs -p $(@:.c=) $< > $(@:.c=.log) 2>&1 || \
	    { cat $(@:.c=.log) >&2; false; }
	$(Q){ echo '#include "vmm/board/acpi_tables.h"' && echo 'const uint8_t acpi_dsdt[] = {' && \
	    od -An -v -tx1 $(@:.c=.aml) | sed 's/ \(..\)/ 0x\1,/g' && echo '};' && \
	    echo 'const unsigned acpi_dsdt_bytes = sizeof(acpi_dsdt);'; } > $@

$(BUILD)/gen/%.c.o: $(BUILD)/gen/%.c
	$(Q)$(KERNEL_CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/gen/%.asm.o: $(BUILD)/gen/%.asm
	$(Q)$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP -MT $@ $< -o $@

include guests/guests.mk
include iso/iso.mk
include tests/tests.mk

# ---- For people ----
.PHONY: help clean
help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | \
	    awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo
	@echo "  Settings: BUILD=$(BUILD) CPUS=$(CPUS) MEM=$(MEM) EMU=qemu|bochs" \
	      "FUZZ_SECONDS=$(FUZZ_SECONDS) V=1"

clean: ## remove everything that was built
	rm -rf $(BUILD)

-include $(KERNEL_OBJECTS:.o=.d) $(OFFSETS_INC:.inc=.d)
