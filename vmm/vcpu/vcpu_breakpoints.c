// SPDX-License-Identifier: MIT
// Finds out whether the guest has breakpoints without a look at each exit: the guest's first access
// to a debug register exits. From then on, each access that Husk carries out looks at DR7. The
// first look that finds no breakpoint switched on waits for the next exit of that kind.
#include "vmm/vcpu/vcpu_breakpoints.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/emulate/breakpoints.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"

// A move that is remembered would be repeated without a look.
enum exit_action vcpu_debug_register_exit(struct vcpu *vcpu)
{
    vcpu->uses_breakpoints = true;
    emulator_forget(&vcpu->emulator_cache);
    return RETRY;
}

bool vcpu_breakpoints_read(struct vcpu *vcpu, struct breakpoints *breakpoints)
{
    breakpoints->dr7 = vcpu_register(vcpu, REG_DR7);
    if ((breakpoints->dr7 & DR7_ENABLES) == 0) {
        vcpu->uses_breakpoints = false;
        vcpu_set_register(vcpu, REG_DEBUG_EXIT, 1);
        return false;
    }
    for (unsigned i = 0; i < BREAKPOINTS; i++) {
        breakpoints->address[i] = vcpu_register(vcpu, REG_DR0 + i);
    }
    breakpoints->debugging_extensions = vcpu_register(vcpu, REG_CR4) & CR4_DE;
    return true;
}

void vcpu_breakpoints_at_port(struct vcpu *vcpu, const struct exit_io *io)
{
    struct breakpoints breakpoints;
    if (!vcpu_breakpoints_read(vcpu, &breakpoints)) {
        return;
    }
    uint64_t met = breakpoints_met(&breakpoints, BREAKPOINT_PORT, io->port, io->width);
    if (met != 0) {
        vcpu_set_register(vcpu, REG_TRAP, met);
    }
}
