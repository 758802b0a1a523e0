# SPDX-License-Identifier: MIT
# Makes the ISO: one image that boots from CD or USB, by BIOS and by UEFI.

# The symbols stay in the ISO's kernel: backtraces take their names from them.
$(BUILD)/iso/boot/husk.elf: $(BUILD)/husk.elf
	$(Q)mkdir -p $(@D) && $(OBJCOPY) --strip-debug $< $@

$(BUILD)/iso/boot/grub/grub.cfg: iso/grub.cfg
	$(Q)mkdir -p $(@D) && cp $< $@

ISO_FILES := $(BUILD)/iso/boot/husk.elf $(BUILD)/iso/boot/grub/grub.cfg

$(BUILD)/husk.iso: $(ISO_FILES) iso/image.sh iso/iso.mk
	$(call say,ISO,$@)
	$(Q)sh iso/image.sh $@ $(BUILD)/iso 2> $(BUILD)/image.log || { cat $(BUILD)/image.log; exit 1; }

.PHONY: iso
iso: $(BUILD)/husk.iso ## build the ISO image build/husk.iso
