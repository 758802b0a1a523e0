// SPDX-License-Identifier: MIT
// Single steps for a debugger. With the monitor trap flag (SDM Vol. 3C 26.5.2) the guest exits
// behind one instruction or behind the delivery of one event, and sees nothing of it.
//
// A processor without that flag makes the step by RFLAGS.TF. Then the trap exits, and so does each
// exception of the instruction, so that none pushes TF. An event is delivered without TF: an
// interrupt to the own CPU and the preemption timer end the run behind its delivery.
//
// An instruction that exits is executed by Husk, and a trap would come behind the next one. So the
// run ends with its exit, and a changed RIP says that the instruction is done.
#include "arch/vmx/vmx_debug.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_blocking.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/vmx/vmx_state.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// The shadow of STI holds no trap back. With that of MOV SS and TF, an entry insists on a pending
// trap (27.3.1.5), which comes behind the next instruction.
static void set_tf(struct vmx_step *step)
{
    uint64_t rflags = vmcs_read(GUEST_RFLAGS);
    step->sets_tf = true;
    step->own_tf = rflags & RFLAGS_TF;
    step->own_pending = vmx_blocking_traps();
    vmcs_write(GUEST_RFLAGS, rflags | RFLAGS_TF);
    vmx_blocking_set(vmx_blocking() & ~(uint32_t)SHADOW_STI);
    if (vmx_blocking() & SHADOW_MOV_SS) {
        vmx_blocking_add_trap(DR6_BS);
    }
    vmcs_write32(EXCEPTION_BITMAP, VMX_EXCEPTIONS | EXCEPTIONS_OF_INSTRUCTIONS | BIT(VECTOR_PF));
}

static void set_own_tf(const struct vmx_step *step)
{
    uint64_t rflags = vmcs_read(GUEST_RFLAGS) & ~(uint64_t)RFLAGS_TF;
    vmcs_write(GUEST_RFLAGS, rflags | step->own_tf);
}

static void end_tf(struct vmx_step *step)
{
    step->sets_tf = false;
    vmcs_write32(EXCEPTION_BITMAP, VMX_EXCEPTIONS);
}

bool vmx_debug_exception(struct vcpu_core *vcpu, uint8_t vector, uint64_t *causes)
{
    struct vmx_step *step = &vcpu->backend->step;
    if (vector == VECTOR_PF) { // the exit has not set CR2 (28.1)
        vmx_set_register(vcpu, REG_CR2, vmcs_read(VM_EXIT_QUALIFICATION));
    }
    if (vector != VECTOR_DB) {
        return false;
    }
    step->trapped = !(*causes & DR6_BD);
    if (!step->trapped || !step->loads_flags) {
        set_own_tf(step);
    }
    end_tf(step);
    *causes &= step->own_tf ? ~0ULL : ~(uint64_t)DR6_BS;
    return !*causes;
}

static void end_step(struct vcpu_core *vcpu)
{
    struct vmx_step *step = &vcpu->backend->step;
    vmx_controls_set_monitor_trap(vcpu, false);
    if (step->sets_tf) { // the exit came before the instruction was done, or instead of it
        set_own_tf(step);
        vmx_blocking_set_traps(step->own_pending);
        end_tf(step);
    }
}

static void step_by_trap(struct vcpu_core *vcpu, enum step kind)
{
    struct vmx_step *step = &vcpu->backend->step;
    step->loads_flags = kind == STEP_LOADS_FLAGS;
    if (vmx_event_waits() || vmx_blocking_trap_waits()) {
        vcpu->deadline_ns = 0;
        apic_send_fixed(cpu_this()->apic_id, VECTOR_NUDGE);
    } else if (kind != STEP_EXITS) {
        set_tf(step);
    }
}

void vmx_debug_step(struct vcpu_core *vcpu, enum step kind)
{
    struct vmx_step *step = &vcpu->backend->step;
    if (kind == STEP_NONE) {
        end_step(vcpu);
        return;
    }
    step->trapped = false;
    step->rip = vmcs_read(GUEST_RIP);
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
    if (vmx_capability()->primary & PRIMARY_MONITOR_TRAP) {
        vmx_controls_set_monitor_trap(vcpu, true);
    } else {
        step_by_trap(vcpu, kind);
    }
}

bool vmx_debug_stepped(const struct vcpu_core *vcpu)
{
    const struct vmx_step *step = &vcpu->backend->step;
    return step->trapped || vmcs_read(GUEST_RIP) != step->rip;
}
