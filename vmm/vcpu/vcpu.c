// SPDX-License-Identifier: MIT
// A vCPU's life: created, told of events, run slice by slice.
#include "vmm/vcpu/vcpu.h"

#include "arch/x86/registers.h"
#include "vmm/board/pc.h"
#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

// ---- Creation ----

static void build_cpuid(struct vcpu *vcpu)
{
    struct cpuid_identity identity = {
        .apic_id = vcpu->index, .vcpus = vcpu->vm->config.vcpus, .features = vcpu->features};
    cpuid_table_build(&vcpu->cpuid, vcpu->host, &identity);
    vcpu->core.cr4_allowed = cpuid_table_cr4_allowed(&vcpu->cpuid);
    vcpu->core.cr4_watched = CR4_OSXSAVE | CR4_PKE; // CPUID shows them
}

enum status vcpu_create(struct vm *vm, unsigned index, struct vcpu **result, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    struct vcpu *vcpu = host->allocate(sizeof(*vcpu));
    if (!vcpu) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for a vCPU");
    }
    vcpu->vm = vm;
    vcpu->ops = vm->vmm->ops;
    vcpu->host = host;
    vcpu->index = index;
    vcpu->features = vcpu->ops->features();
    vcpu->core.nested = vm->nested;
    vcpu->core.host_cr3 = vm->space.cr3;
    build_cpuid(vcpu);
    vcpu_apic_init(vcpu);
    msr_reset(&vcpu->msrs);
    enum status status = vcpu->ops->create_vcpu(&vcpu->core, why);
    if (status != STATUS_OK) {
        host->release(vcpu, sizeof(*vcpu));
        return status;
    }
    *result = vcpu;
    return STATUS_OK;
}

void vcpu_destroy(struct vcpu *vcpu)
{
    vcpu->ops->destroy_vcpu(&vcpu->core);
    vcpu->host->release(vcpu, sizeof(*vcpu));
}

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

// ---- Faults ----

enum exit_action vcpu_inject(struct vcpu *vcpu, const struct event *event)
{
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

// ---- Interrupts ----

// The 8259s are wired to the first vCPU.
static bool extint_pending(const struct vcpu *vcpu)
{
    return vcpu->index == 0 && pc_interrupt_waits(vcpu->vm->pc) &&
           lapic_accepts_extint(&vcpu->lapic);
}

bool vcpu_interrupt_pending(const struct vcpu *vcpu)
{
    return extint_pending(vcpu) || lapic_pending(&vcpu->lapic) >= 0;
}

// Whether an interrupt is pending that the processor does not deliver by itself.
static bool interrupt_to_inject(const struct vcpu *vcpu)
{
    return vcpu_apic_served(vcpu) ? extint_pending(vcpu) : vcpu_interrupt_pending(vcpu);
}

// The vector of the interrupt that is pending, taken from its controller.
static uint8_t acknowledge_interrupt(struct vcpu *vcpu)
{
    if (extint_pending(vcpu)) {
        return pc_acknowledge_interrupt(vcpu->vm->pc);
    }
    uint8_t vector = (uint8_t)lapic_pending(&vcpu->lapic);
    lapic_accept(&vcpu->lapic, vector);
    return vector;
}

static void deliver_nmi(struct vcpu *vcpu, uint64_t shadow)
{
    struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    if (!vcpu->nmi_pending) {
        return;
    }
    vcpu->nmi_pending = shadow != 0 || !vcpu->ops->inject(&vcpu->core, &nmi);
    if (vcpu->nmi_pending && !(shadow & SHADOW_STI)) {
        vcpu->ops->request_nmi_window(&vcpu->core);
    }
}

static void deliver_events(struct vcpu *vcpu)
{
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    deliver_nmi(vcpu, shadow);
    if (vcpu_apic_served(vcpu)) {
        vcpu_apic_publish(vcpu);
    }
    bool open = (vcpu_register(vcpu, REG_RFLAGS) & RFLAGS_IF) &&
                !(shadow & (SHADOW_STI | SHADOW_MOV_SS)) && !vcpu_register(vcpu, REG_EVENT_WAITING);
    if (open && interrupt_to_inject(vcpu)) {
        struct event interrupt = {.type = EVENT_INTERRUPT, .vector = acknowledge_interrupt(vcpu)};
        (void)vcpu->ops->inject(&vcpu->core, &interrupt); // nothing else waits: it is taken
    }
    bool nmi_behind_sti = vcpu->nmi_pending && (shadow & SHADOW_STI);
    vcpu->ops->request_interrupt_window(&vcpu->core, interrupt_to_inject(vcpu) || nmi_behind_sti);
}

// Not for a vCPU that stops to run by it: that is vcpu_run's.
void vcpu_handle_events(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    if (vcpu->halted) {
        return;
    }
    __atomic_and_fetch(&core->work, ~(uint32_t)WORK_EVENTS, __ATOMIC_SEQ_CST);
    vcpu_mail_take(vcpu);
    if (vcpu->waits_for_startup) {
        vcpu_post_work(vcpu, WORK_EVENTS);
    } else {
        deliver_events(vcpu);
    }
}

void vcpu_advance_timers(struct vcpu *vcpu)
{
    uint64_t now_ns = vm_now_ns(vcpu->vm);
    if (vcpu->index == 0) {
        pc_advance(vcpu->vm->pc, now_ns);
    }
    lapic_advance(&vcpu->lapic, now_ns);
}

void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (due_ns < vcpu->core.deadline_ns - vcpu->vm->clock_base_ns) {
        vcpu_post_work(vcpu, WORK_TIMERS);
    }
}

void vcpu_device_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (scheduler_runs_here(vcpu)) {
        vcpu_timer_set(vcpu, due_ns);
    } else {
        scheduler_notify(vcpu, WORK_TIMERS);
    }
}

// ---- Running ----

// However soon a device wants something, the guest gets this long first. A timer that is set to a
// higher rate than exits can keep would otherwise leave no time for any instruction of the guest.
#define RUN_NS_MIN 20000

uint64_t vcpu_next_event_ns(const struct vcpu *vcpu)
{
    struct pc *pc = vcpu->vm->pc;
    uint64_t next = lapic_next_event_ns(&vcpu->lapic);
    if (vcpu->index == 0) {
        next = MIN(next, pc_next_event_ns(pc, vm_now_ns(vcpu->vm)));
    }
    return next < NEVER_NS - vcpu->vm->clock_base_ns ? next + vcpu->vm->clock_base_ns : NEVER_NS;
}

static void look_at_devices(struct vcpu *vcpu)
{
    vcpu_advance_timers(vcpu);
    vcpu->next_event_ns = MAX(vcpu_next_event_ns(vcpu), vcpu->host->now_ns() + RUN_NS_MIN);
}

// The VM's clock may have been set while it was not loaded.
static void load(struct vcpu *vcpu)
{
    vcpu->ops->load_vcpu(&vcpu->core);
    vcpu_set_register(vcpu, REG_TSC_OFFSET, vcpu->vm->tsc_offset + vcpu->tsc_adjust);
}

// False: the run is over, though the slice may not be.
static bool prepare(struct vcpu *vcpu, uint64_t slice_end_ns)
{
    uint32_t work = __atomic_exchange_n(&vcpu->core.work, 0, __ATOMIC_SEQ_CST);
    uint64_t now_ns = vcpu->host->now_ns();
    if ((work & (WORK_HOST | WORK_STOP)) || now_ns >= slice_end_ns) {
        return false;
    }
    vcpu_mail_take(vcpu);
    if ((work & WORK_TIMERS) || now_ns >= vcpu->next_event_ns) {
        look_at_devices(vcpu);
    }
    return true;
}

// WORK_ENTRY is run's.
static bool has_work(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->core.work, __ATOMIC_RELAXED) & ~(uint32_t)WORK_ENTRY;
}

void vcpu_run(struct vcpu *vcpu, uint64_t slice_end_ns)
{
    vcpu_post_work(vcpu, WORK_TIMERS); // time has passed, something may have been typed
    load(vcpu);
    while (vm_wants_to_run(vcpu->vm) && vcpu_runnable(vcpu) && prepare(vcpu, slice_end_ns)) {
        if (vcpu->waits_for_startup) {
            break; // an INIT was in the mail
        }
        deliver_events(vcpu);
        vcpu->core.deadline_ns = MIN(slice_end_ns, vcpu->next_event_ns);
        vcpu_apic_take_posted(vcpu, true);
        // What its own devices have just sent is still in its mail. And nobody kicks this CPU for
        // work that it has already (scheduler_notify): the guest is entered without any.
        if (!has_work(vcpu)) {
            vcpu->ops->run(&vcpu->core);
        }
        vcpu_apic_take_posted(vcpu, false);
    }
}
