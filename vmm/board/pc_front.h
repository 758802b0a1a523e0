// SPDX-License-Identifier: MIT
// What a person in front of a VM's PC does.
#pragma once

#include "vmm/devices/vga.h"
#include "vmm/util/types.h"

struct pc;

// Types scan codes of set 1. Returns false, and types none, if the guest has left too many unread.
MUST_CHECK bool pc_type(struct pc *pc, const uint8_t *codes, unsigned count);
// Returns false, and does not press the button, if the guest does not listen to it.
bool pc_press_power_button(struct pc *pc);
struct vga_view pc_screen(struct pc *pc);
