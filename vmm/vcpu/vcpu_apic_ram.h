// SPDX-License-Identifier: MIT
// RAM under the page of a local APIC that the guest has moved there.
//
// On hardware the page hides the RAM from its own CPU only. The vCPUs of a VM share one nested page
// table. So the RAM is taken out of it, and each access there exits: the vCPU whose APIC it is gets
// the register, and all others get the RAM.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct vcpu;
struct vm;

#define NO_APIC_RAM UINT64_MAX // not a page's address

// After a change of IA32_APIC_BASE: hides the RAM under the APIC's page, and shows what was hidden
// before, if no other vCPU has its APIC there.
void vcpu_apic_hide_ram(struct vcpu *vcpu);

// Whether an APIC of the VM hides that RAM.
bool vcpu_apic_ram_is_hidden(struct vm *vm, gpa_t address);
