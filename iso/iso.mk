# SPDX-License-Identifier: MIT
# Makes the ISO: one image that boots from CD or USB, by BIOS and by UEFI.

# The symbols stay in the ISO's kernel: backtraces take their names from them.
$(BUILD)/iso/boot/husk.elf: $(BUILD)/husk.elf
	$(Q)mkdir -p $(@D) && $(OBJCOPY) --strip-debug $< $@

$(BUILD)/iso/boot/grub/grub.cfg: iso/grub.cfg
	$(Q)mkdir -p $(@D) && cp $< $@

ISO_FILES := $(BUILD)/iso/boot/husk.elf $(BUILD)/iso/boot/grub/grub.cfg

$(BUILD)/husk.iso: $(ISO_FILES) iso/iso.mk
	$(call say,ISO,$@)
	$(Q)grub-mkrescue -o $@ $(BUILD)/iso --quiet 2> $(BUILD)/grub-mkrescue.log || \
	    { cat $(BUILD)/grub-mkrescue.log; exit 1; }

.PHONY: iso
iso: $(BUILD)/husk.iso ## build the ISO image build/husk.iso
