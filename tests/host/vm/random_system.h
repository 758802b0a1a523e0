// SPDX-License-Identifier: MIT
// What a guest does when it is not random: orderly steps of a system.
#pragma once

#include "vmm/util/types.h"

struct random_guest;
struct vcpu_core;

// Makes the next exit of those with which a system sets its interrupts and timers up.
void random_system_set_up(struct vcpu_core *core, struct random_guest *guest);
// Sends the next byte to the serial line as soon as that has room, as a driver does: an exit looks
// whether there is room, the next one sends. Returns true if a byte was sent: `*byte`.
bool random_system_say(struct vcpu_core *core, struct random_guest *guest, uint8_t *byte);
