// SPDX-License-Identifier: MIT
// The guests that are linked into the kernel. guests/payloads.sh generates the table.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm.h"

extern const struct linked_payload linked_payloads[];
extern const unsigned linked_payload_count;

// The ROM of VMs that have no firmware of their own (guests/firmware/README.md).
extern const uint8_t firmware_rom[];
extern const uint8_t firmware_rom_end[];
