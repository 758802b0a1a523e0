// SPDX-License-Identifier: MIT
// Writes a guest's general registers and flags the way instructions do.
#include "vmm/emulate/emulate_registers.h"

#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

void emulator_set(struct emulator *emulator, struct register_operand reg, unsigned width,
                  uint64_t value)
{
    struct vcpu_core *vcpu = emulator->vcpu;
    unsigned shift = reg.high_byte ? 8 : 0;
    value = low_bytes(value, width);
    if (width < 4) {
        uint64_t mask = low_bytes(UINT64_MAX, width) << shift;
        value = (gpr_whole(vcpu, emulator->ops, reg.number) & ~mask) | value << shift;
    }
    if (reg.number == GPR_RSP) {
        emulator->ops->set_register(vcpu, REG_RSP, value);
    } else {
        vcpu->registers.gpr[reg.number] = value;
    }
}

void emulator_set_flags(struct emulator *emulator, uint64_t rflags)
{
    emulator->paging.rflags = rflags;
    emulator->ops->set_register(emulator->vcpu, REG_RFLAGS, rflags);
}
