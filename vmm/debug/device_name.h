// SPDX-License-Identifier: MIT
// What a guest-physical address leads to, in words.
#pragma once

#include "vmm/address.h"

struct vcpu;

#define DEVICE_NAME_BYTES 64

// Writes what an access of this vCPU to the address meets: "RAM", the name of a device, or "no
// device". To be called as vm_call does.
void device_name(struct vcpu *vcpu, gpa_t address, char text[DEVICE_NAME_BYTES]);
