// SPDX-License-Identifier: MIT
// Lets a vCPU make a single step while its VM is paused.
//
// Interrupts wait, so that a step does not end in the handler of each tick. Only a vCPU that is
// halted takes one, and the step then ends at the first instruction of its handler.
#include "vmm/debug/gdb/gdb_step.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/debug/gdb/gdb_step_trap.h"
#include "vmm/devices/lapic.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_events.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_life.h"

#define STEP_NS 300000

// The guest has ended its VM, or asks for its reset.
static bool has_ended(const struct vm *vm)
{
    return vm_get_state(vm) != VM_PAUSED || __atomic_load_n(&vm->reset_requested, __ATOMIC_RELAXED);
}

// A processor that serves the APIC delivers what is requested there by itself. VT-x takes another
// word for what that is, until vcpu_apic_publish tells the truth again. Otherwise the shadow of STI
// holds interrupts back for one instruction. It cannot be set beside that of MOV SS, and with
// RFLAGS.TF set an entry would insist on a trap (SDM Vol. 3C 27.3.1.5).
static bool hold_interrupts(struct vcpu *vcpu)
{
    uint64_t rflags = vcpu_register(vcpu, REG_RFLAGS);
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    vcpu->ops->request_interrupt_window(&vcpu->core, false);
    if (!vcpu_apic_served(vcpu)) {
        return false;
    }
    lapic_refresh(&vcpu->lapic);
    vcpu->ops->apic->set_interrupt_status(&vcpu->core, 0,
                                          (uint8_t)lapic_highest(&vcpu->lapic, LAPIC_IN_SERVICE));
    if (!(rflags & RFLAGS_IF) || (rflags & RFLAGS_TF) || (shadow & (SHADOW_STI | SHADOW_MOV_SS)) ||
        vcpu_register(vcpu, REG_EVENT_WAITING)) {
        return false;
    }
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, shadow | SHADOW_STI);
    return true;
}

// The vCPU has been halted, and takes what ends the halt. An interrupt that the processor would
// deliver by itself is injected too, so that the step ends behind its delivery.
static void take_event(struct vcpu *vcpu)
{
    vcpu_deliver_events(vcpu);
    int vector = lapic_pending(&vcpu->lapic);
    if (vcpu_apic_served(vcpu) && vector >= 0 && (vcpu_register(vcpu, REG_RFLAGS) & RFLAGS_IF) &&
        !vcpu_register(vcpu, REG_EVENT_WAITING)) {
        struct event interrupt = {.type = EVENT_INTERRUPT, .vector = (uint8_t)vector};
        lapic_accept(&vcpu->lapic, (unsigned)vector);
        (void)vcpu->ops->inject(&vcpu->core, &interrupt); // succeeds: no other event waits
    }
}

// What holds interrupts back must not stay: the guest may do something else first.
static void end_hold(struct vcpu *vcpu)
{
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, shadow & ~(uint64_t)SHADOW_STI);
}

static bool has_work(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->core.work, __ATOMIC_RELAXED) & ~(uint32_t)WORK_ENTRY;
}

// Runs the vCPU to its next exit. Returns whether the step is done.
static bool run(struct vcpu *vcpu, enum step step, uint64_t end_ns)
{
    vcpu->core.deadline_ns = end_ns;
    vcpu->core.run_end_ns = end_ns;
    vcpu_set_register(vcpu, REG_STEP, step);
    if (!has_work(vcpu)) {
        vcpu->ops->run(&vcpu->core);
    }
    vcpu_set_register(vcpu, REG_STEP, STEP_NONE);
    return vcpu_register(vcpu, REG_STEP);
}

static bool run_instruction(struct vcpu *vcpu, uint64_t end_ns)
{
    struct gdb_step_trap trap;
    if (vcpu->features & FEATURE_STEP_EXACT) {
        return run(vcpu, STEP_INSTRUCTION, end_ns);
    }
    enum step step = gdb_step_trap_begin(&trap, vcpu);
    bool done = run(vcpu, step, end_ns);
    gdb_step_trap_end(&trap, vcpu, done);
    return done;
}

static bool try_step(struct vcpu *vcpu, bool woken, uint64_t end_ns)
{
    __atomic_store_n(&vcpu->core.work, 0, __ATOMIC_SEQ_CST);
    vcpu_mail_take(vcpu);
    if (vcpu->waits_for_startup) {
        return false;
    }
    if (woken) {
        take_event(vcpu);
    }
    bool held = hold_interrupts(vcpu);
    bool done = run_instruction(vcpu, end_ns);
    if (held && !done) {
        end_hold(vcpu);
    }
    return done;
}

enum gdb_step gdb_step(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    if (!(vcpu->features & FEATURE_STEP) || has_ended(vm)) {
        return GDB_STEP_IMPOSSIBLE;
    }
    vm_let_clock_run(vm);
    vcpu_set_register(vcpu, REG_TSC_OFFSET, vm->tsc_offset + vcpu->tsc_adjust);
    uint64_t end_ns = vcpu->host->now_ns() + STEP_NS;
    bool woken = vcpu->halted;
    bool done = false;
    while (!done && !has_ended(vm) && vcpu->host->now_ns() < end_ns) {
        done = vcpu_runnable(vcpu) && try_step(vcpu, woken, end_ns);
    }
    vcpu_post_work(vcpu, WORK_EVENTS | WORK_TIMERS); // what came meanwhile waits for a longer run
    vm_stop_clock(vm);
    return done || has_ended(vm) ? GDB_STEP_DONE : GDB_STEP_WAITS;
}
