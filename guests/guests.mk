# SPDX-License-Identifier: MIT
# Builds the guests of guests/ and links them into the kernel as payloads.
#
# A folder guests/NAME/ with flat.asm is a flat binary, build/guests/NAME.bin; any other folder is a
# 64-bit ELF, build/guests/NAME.elf, of its own *.c and *.asm and those of guests/lib. The heading
# of its README.md, `# NAME: PURPOSE`, gives the line that `help start` shows.

GUEST_CFLAGS := -std=c17 -O2 -g $(SAME_PATHS) -ffreestanding -fno-pic -fno-pie -mno-red-zone \
                -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -I. \
                $(WARNINGS)

GUESTS_FLAT := $(patsubst guests/%/flat.asm,%,$(wildcard guests/*/flat.asm))
GUESTS_ELF  := $(filter-out lib firmware $(GUESTS_FLAT), \
                 $(sort $(patsubst guests/%/,%,$(dir $(wildcard guests/*/*.c guests/*/*.asm)))))
GUESTS      := $(sort $(GUESTS_FLAT) $(GUESTS_ELF))

guest_sources = $(wildcard guests/$(1)/*.c guests/$(1)/*.asm)
guest_objects = $(patsubst %,$(BUILD)/obj/%.o,$(call guest_sources,$(1)))
guest_file    = $(BUILD)/guests/$(1).$(if $(filter $(1),$(GUESTS_FLAT)),bin,elf)
GUEST_FILES   := $(foreach guest,$(GUESTS),$(call guest_file,$(guest)))
GUEST_OBJECTS := $(foreach guest,lib $(GUESTS_ELF),$(call guest_objects,$(guest)))

$(BUILD)/obj/guests/%.c.o: guests/%.c Makefile guests/guests.mk
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(foreach guest,$(GUESTS_ELF),$(eval \
    $(BUILD)/guests/$(guest).elf: $(call guest_objects,$(guest))))
# An archive, so that a guest gets only what it uses.
$(BUILD)/guests/lib.a: $(call guest_objects,lib)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcsD $@ $^
# NAME.symbols is the same with symbols, for gdb (vmm/debug/gdb/README.md).
$(BUILD)/guests/%.elf: $(BUILD)/guests/lib.a guests/lib/guest.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) $(LDFLAGS) -static -T guests/lib/guest.ld -o $(@:.elf=.symbols) \
	    $(filter %.o,$^) $(filter %.a,$^)
	$(Q)$(OBJCOPY) --strip-all $(@:.elf=.symbols) $@

$(BUILD)/guests/%.bin: guests/%/flat.asm guests/guests.mk
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D) && $(NASM) -f bin -I./ -M -MF $(@:.bin=.d) -MP -MT $@ $<
	$(Q)$(NASM) -f bin -I./ -Werror $< -o $@

# The ROM of VMs without firmware of their own (guests/firmware/README.md): no guest, but linked in.
FIRMWARE_ROM := $(BUILD)/guests/firmware.rom
$(BUILD)/gen/font.inc: guests/firmware/font.sh drivers/font.c
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && sh $^ > $@.new && mv $@.new $@
$(FIRMWARE_ROM): guests/firmware/rom.asm guests/guests.mk $(BUILD)/gen/font.inc
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D) && $(NASM) -f bin -I./ -I$(BUILD)/gen/ -M -MF $(@:.rom=.d) -MP -MT $@ $<
	$(Q)$(NASM) -f bin -I./ -I$(BUILD)/gen/ -Werror $< -o $@

# The list changes only when a guest comes or goes.
$(BUILD)/gen/guests.list: FORCE
	$(Q)mkdir -p $(@D) && echo "$(GUESTS)" | cmp -s - $@ || echo "$(GUESTS)" > $@
.PHONY: FORCE
FORCE:

$(BUILD)/gen/payloads.asm: guests/payloads.sh $(BUILD)/gen/guests.list $(GUEST_FILES) \
                           $(FIRMWARE_ROM) $(GUESTS:%=guests/%/README.md)
	$(call say,GEN,$@)
	$(Q)sh guests/payloads.sh $(@D) $(FIRMWARE_ROM) $(GUEST_FILES)
$(BUILD)/gen/payloads.c: $(BUILD)/gen/payloads.asm ;

.PHONY: guests
guests: $(GUEST_FILES) ## build the guests alone

-include $(GUEST_OBJECTS:.o=.d) $(GUESTS_FLAT:%=$(BUILD)/guests/%.d) \
         $(FIRMWARE_ROM:.rom=.d)
