// SPDX-License-Identifier: MIT
// Offsets of C structures for the assembly of arch/vmx. This file is compiled but never linked.
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define OFFSET(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))

void offsets(void);

void offsets(void)
{
    OFFSET(VCPU_ENTRY_RSP, offsetof(struct vcpu_core, entry_rsp));
    OFFSET(VCPU_WORK, offsetof(struct vcpu_core, work));
    OFFSET(WORK_EVENTS_ALONE, WORK_EVENTS);
    OFFSET(VCPU_EXITS_LEFT, offsetof(struct vcpu_core, exits_left));
    OFFSET(VCPU_REGISTERS_SIZE, sizeof(struct guest_registers));
    static_assert(offsetof(struct vcpu_core, registers) == 0, "vmx_exit pushes into them");
}
