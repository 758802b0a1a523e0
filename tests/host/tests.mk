# SPDX-License-Identifier: MIT
# Host tests: Husk's C, built for this machine. A file of tests/host/ is one of three things:
#
#     FOLDER/test_NAME.c   a unit test: a cmocka program with a main
#     FOLDER/fuzz_NAME.c   a fuzz target (LLVMFuzzerTestOneInput) with seeds in corpus/NAME/
#     NAME.c and NAME.h    a fake or a fixture, which several of these share
#
# FOLDER has the name of the tested file's folder. A program is its own file and libhusk.a: all of
# vmm/, the files of HOST_MACHINE, the fakes and the fixtures. The linker takes from the archive the
# files that the program needs, and no others. So a test can define a function of Husk as a fake:
# the file with the real function then stays out of the program.

# The files of boot/, arch/ and drivers/ that run without privileged instructions.
HOST_MACHINE := $(addprefix boot/,boot_info boot_memory memory_map paragraph) \
                $(addprefix arch/svm/,svm_avic svm_check svm_controls svm_debug svm_decode \
                                      svm_flags \
                                      svm_host_event svm_inject svm_intercepts svm_msr_map svm_nmi \
                                      svm_segment svm_state svm_step svm_tlb) \
                $(addprefix arch/vmx/,ept vmx_bitmaps vmx_capability vmx_check_controls \
                                      vmx_check_event vmx_check_guest vmx_check_host \
                                      vmx_check_segments vmx_controls vmx_debug vmx_exit \
                                      vmx_host_event vmx_inject vmx_state) \
                $(addprefix arch/x86/,acpi_aml acpi_fadt acpi_madt acpi_parse acpi_rsdp acpi_spcr \
                                      apic_lvt clock_scale cpu_model cpuid_set errata \
                                      firmware_switch host_hole host_space host_store mailbox \
                                      machine_check_verdict \
                                      machine_memory mc146818_date nested_table rule_check smp \
                                      stated_rates \
                                      table_release tsc_sync xsave_area) \
                $(addprefix drivers/,font framebuffer glass key_ring pci_functions pci_serial \
                                     ps2_scan_codes text_screen uart16550 uart16550_registers \
                                     usb_attach usb_bus usb_descriptors usb_device usb_hub \
                                     usb_keyboard usb_port vga_text xhci_context xhci_events \
                                     xhci_operation xhci_poll xhci_probe xhci_ring xhci_start)

# A header in tests/host/instead/ takes the place of the one of Husk's with the same name, whose
# instructions only a kernel may execute.
HOST_INCLUDES := -Itests/host/instead -I.
HOST_CC       ?= gcc
HOST_AR       ?= ar
HOST_CFLAGS   := -std=c17 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer $(HOST_INCLUDES) $(WARNINGS)
TSAN_CFLAGS   := -std=c17 -g -O1 -fsanitize=thread -Wno-tsan $(HOST_INCLUDES) $(WARNINGS)
COVER_CFLAGS  := -std=c17 -g -O0 --coverage $(HOST_INCLUDES) $(WARNINGS)
FUZZ_CC       ?= clang
FUZZ_CFLAGS   := -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
                 $(HOST_INCLUDES)

UNIT_SOURCES  := $(sort $(wildcard tests/host/*/test_*.c))
FUZZ_SOURCES  := $(sort $(wildcard tests/host/*/fuzz_*.c))
# Those with threads are built a second time, with ThreadSanitizer.
TSAN_SOURCES  := $(shell grep -l '<pthread.h>' $(UNIT_SOURCES))
HOST_SHARED   := $(filter-out $(UNIT_SOURCES) $(FUZZ_SOURCES), \
                   $(wildcard tests/host/*.c tests/host/*/*.c))
HOST_ARCHIVE  := $(filter vmm/%,$(KERNEL_C)) $(BUILD)/gen/dsdt.c $(HOST_MACHINE:=.c) $(HOST_SHARED)
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/host/%,$(notdir $(UNIT_SOURCES))) \
                 $(patsubst %.c,$(BUILD)/tsan/%.tsan,$(notdir $(TSAN_SOURCES)))
COVERED       := $(patsubst %.c,$(BUILD)/coverage/%,$(notdir $(UNIT_SOURCES)))
FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/fuzz/%,$(notdir $(FUZZ_SOURCES)))

# $(call host_programs,FOLDER,COMPILER,SOURCES,SUFFIX): how to make build/FOLDER/. Each source is a
# program there, with that suffix.
define host_programs
$(BUILD)/$(1)/%.c.o: %.c Makefile tests/host/tests.mk
	$$(call say,HOSTCC,$$<)
	$$(Q)mkdir -p $$(@D) && $(2) -MMD -MP -c $$< -o $$@
$(BUILD)/$(1)/libhusk.a: $(HOST_ARCHIVE:%=$(BUILD)/$(1)/%.o)
	$$(Q)rm -f $$@ && $(HOST_AR) rcsT $$@ $$^
$(foreach source,$(3),$(eval $(BUILD)/$(1)/$(notdir $(source:.c=$(4))): \
    $(BUILD)/$(1)/$(source).o $(BUILD)/$(1)/libhusk.a))
$(patsubst %.c,$(BUILD)/$(1)/%$(4),$(notdir $(3))):
	$$(Q)$(2) -o $$@ $$^ -lcmocka
-include $(patsubst %,$(BUILD)/$(1)/%.d,$(HOST_ARCHIVE) $(3))
endef
$(eval $(call host_programs,host,$(HOST_CC) $(HOST_CFLAGS),$(UNIT_SOURCES)))
$(eval $(call host_programs,tsan,$(HOST_CC) $(TSAN_CFLAGS),$(TSAN_SOURCES),.tsan))
$(eval $(call host_programs,coverage,$(HOST_CC) $(COVER_CFLAGS),$(UNIT_SOURCES)))
$(eval $(call host_programs,fuzz,$(FUZZ_CC) $(FUZZ_CFLAGS),$(FUZZ_SOURCES)))

# No tests found is an error. So is a misspelt name: such a test would be archived and never run.
.PHONY: host-files
host-files:
	$(if $(UNIT_SOURCES),,$(error no unit tests in tests/host/))
	$(if $(FUZZ_SOURCES),,$(error no fuzz targets in tests/host/))
	$(foreach file,$(HOST_SHARED:.c=),$(if $(wildcard $(file).h),,$(error \
	    $(file).c is no test_NAME.c or fuzz_NAME.c, and no fixture with a header)))
