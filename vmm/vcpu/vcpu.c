// SPDX-License-Identifier: MIT
// A vCPU: its creation and release, its registers, and the faults that it gets.
#include "vmm/vcpu/vcpu.h"

#include "arch/x86/registers.h"
#include "vmm/vm/vm.h"

// ---- Registers ----

uint64_t vcpu_gpr(const struct vcpu *vcpu, unsigned gpr)
{
    return gpr == GPR_RSP ? vcpu_register(vcpu, REG_RSP) : vcpu->core.registers.gpr[gpr];
}

void vcpu_set_gpr(struct vcpu *vcpu, unsigned gpr, uint64_t value)
{
    if (gpr == GPR_RSP) {
        vcpu_set_register(vcpu, REG_RSP, value);
    } else {
        vcpu->core.registers.gpr[gpr] = value;
    }
}

bool vcpu_in_64bit_mode(const struct vcpu *vcpu)
{
    struct segment cs;
    vcpu->ops->get_segment(&vcpu->core, SEGMENT_CS, &cs);
    return (vcpu_register(vcpu, REG_EFER) & EFER_LMA) && (cs.attributes & SEGMENT_L);
}

// ---- Faults ----

// An entry that injects a fault pushes RF as RFLAGS has it (SDM Vol. 3C 27.6.1.1), so it is set
// here. The delivery clears it for the handler.
enum exit_action vcpu_inject(struct vcpu *vcpu, const struct event *event)
{
    if (!(EXCEPTIONS_NO_FAULTS & BIT(event->vector))) {
        vcpu_set_register(vcpu, REG_RFLAGS, vcpu_register(vcpu, REG_RFLAGS) | RFLAGS_RF);
    }
    if (vcpu->ops->inject(&vcpu->core, event)) {
        return RETRY;
    }
    vm_fail(vcpu->vm, "exception %u while another event was being delivered, RIP 0x%llx",
            event->vector, (unsigned long long)vcpu_register(vcpu, REG_RIP));
    return STOP;
}

enum exit_action vcpu_fault(struct vcpu *vcpu, uint8_t vector)
{
    struct event event = {.type = EVENT_EXCEPTION, .vector = vector};
    return vcpu_inject(vcpu, &event);
}

enum exit_action vcpu_fault_code(struct vcpu *vcpu, uint8_t vector, uint32_t error_code)
{
    struct event event = {.type = EVENT_EXCEPTION,
                          .vector = vector,
                          .has_error_code = true,
                          .error_code = error_code};
    return vcpu_inject(vcpu, &event);
}

enum exit_action vcpu_page_fault(struct vcpu *vcpu, uint64_t address, uint32_t error_code)
{
    vcpu_set_register(vcpu, REG_CR2, address);
    return vcpu_fault_code(vcpu, VECTOR_PF, error_code);
}

// The delivery clears DR7.GD, so that the handler can use the registers (SDM Vol. 3B 18.2.4).
enum exit_action vcpu_debug_exception(struct vcpu *vcpu, uint64_t causes)
{
    uint64_t dr6 = vcpu_register(vcpu, REG_DR6) & ~(uint64_t)DR6_BREAKPOINTS;
    vcpu_set_register(vcpu, REG_DR6, dr6 | causes);
    vcpu_set_register(vcpu, REG_DR7, vcpu_register(vcpu, REG_DR7) & ~(uint64_t)DR7_GD);
    return vcpu_fault(vcpu, VECTOR_DB);
}
