// SPDX-License-Identifier: MIT
// A vCPU's life: created, started as the loader says, run slice by slice.
#include "vmm/vcpu.h"

#include "arch/x86/registers.h"
#include "vmm/load.h"
#include "vmm/pc.h"

// ---- What its local APIC tells it ----

static void apic_send_ipi(struct lapic_output *output, const struct apic_message *message)
{
    // To another vCPU: this VM has none. What the sender itself gets, the model has delivered.
    (void)output;
    (void)message;
}

static void apic_eoi(struct lapic_output *output, uint8_t vector)
{
    ioapic_eoi(&container_of(output, struct vcpu, lapic_output)->vm->pc->ioapic, vector);
}

static void apic_nmi(struct lapic_output *output)
{
    struct vcpu *vcpu = container_of(output, struct vcpu, lapic_output);
    vcpu->nmi_pending = true;
    vcpu_post_work(vcpu, WORK_EVENTS);
}

static void apic_init(struct lapic_output *output)
{
    // An INIT to the only CPU starts it anew, as on a PC whose firmware finds no other state.
    vm_request_reset(container_of(output, struct vcpu, lapic_output)->vm);
}

static void apic_startup(struct lapic_output *output, uint8_t vector)
{
    // A CPU that runs ignores a SIPI (SDM Vol. 3A 9.4.4.2).
    (void)output;
    (void)vector;
}

// ---- Creation ----

static void build_cpuid(struct vcpu *vcpu)
{
    struct cpuid_identity identity = {
        .apic_id = vcpu->index, .vcpus = vcpu->vm->config.vcpus, .features = vcpu->ops->features()};
    cpuid_table_build(&vcpu->cpuid, vcpu->host, &identity);
    vcpu->core.cr4_allowed = cpuid_table_cr4_allowed(&vcpu->cpuid);
    vcpu->core.cr4_watched = CR4_OSXSAVE | CR4_PKE; // CPUID shows them
}

static void init_lapic(struct vcpu *vcpu)
{
    vcpu->lapic_output = (struct lapic_output){.send_ipi = apic_send_ipi,
                                               .eoi = apic_eoi,
                                               .nmi = apic_nmi,
                                               .init = apic_init,
                                               .startup = apic_startup};
    lapic_init(&vcpu->lapic, &vcpu->lapic_output, vcpu->index, vcpu->index == 0,
               cpuid_table_physical_bits(&vcpu->cpuid));
    lapic_set_virtual_wire(&vcpu->lapic); // as the firmware that there is not would leave it
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
    vcpu->core.nested = vm->nested;
    vcpu->core.host_cr3 = vm->space.cr3;
    build_cpuid(vcpu);
    init_lapic(vcpu);
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

// Hidden parts of the segment registers: present, DPL 0, accessed.
#define ATTRIBUTES_REAL 0x0093   // read/write data, 16 bits
#define ATTRIBUTES_DATA 0xc093   // read/write data, 32 bits, pages
#define ATTRIBUTES_CODE32 0xc09b // execute/read code, 32 bits, pages
#define ATTRIBUTES_CODE64 0xa09b // execute/read code, 64 bits, pages
#define ATTRIBUTES_TSS 0x008b    // busy TSS
#define LIMIT_REAL 0xffffU
#define LIMIT_FLAT 0xffffffffU
#define SELECTOR_FLAT_CODE 0x08
#define SELECTOR_FLAT_DATA 0x10

static void set_segments(struct vcpu *vcpu, const struct load_result *start)
{
    enum start_mode mode = start->mode;
    bool has_gdt = start->gdt_bytes != 0;
    struct segment data = {0, ATTRIBUTES_REAL, LIMIT_REAL, 0};
    struct segment code = data;
    if (mode != START_REAL) {
        data = (struct segment){has_gdt ? start->data_selector : SELECTOR_FLAT_DATA,
                                ATTRIBUTES_DATA, LIMIT_FLAT, 0};
        code = (struct segment){has_gdt ? start->code_selector : SELECTOR_FLAT_CODE,
                                mode == START_LONG ? ATTRIBUTES_CODE64 : ATTRIBUTES_CODE32,
                                LIMIT_FLAT, 0};
    }
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        vcpu->ops->set_segment(&vcpu->core, i, i == SEGMENT_CS ? &code : &data);
    }
    const struct segment unusable = {0, SEGMENT_UNUSABLE, 0, 0};
    const struct segment tss = {0, ATTRIBUTES_TSS, LIMIT_REAL, 0};
    const struct segment table = {0, 0, LIMIT_REAL, 0};
    const struct segment gdt = {0, 0, start->gdt_bytes - 1U, start->gdt};
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_LDTR, &unusable);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_TR, &tss);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_GDTR, has_gdt ? &gdt : &table);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_IDTR, &table);
}

#define PAT_RESET 0x0007040600070406ULL // SDM Vol. 3A 12.12.4

static void set_control_registers(struct vcpu *vcpu, const struct load_result *start)
{
    bool long_mode = start->mode == START_LONG;
    uint64_t cr0 = CR0_ET;
    if (start->mode != START_REAL) {
        cr0 |= CR0_PE;
    }
    if (long_mode) {
        cr0 |= CR0_PG;
    }
    uint64_t cr4 = long_mode ? CR4_PAE : 0;
    vcpu_set_register(vcpu, REG_EFER, long_mode ? EFER_LME | EFER_LMA : 0);
    vcpu_set_register(vcpu, REG_CR0, cr0);
    vcpu_set_register(vcpu, REG_CR3, start->cr3);
    vcpu_set_register(vcpu, REG_CR4, cr4);
    cpuid_table_set_cr4(&vcpu->cpuid, cr4);
    vcpu_set_register(vcpu, REG_PAT, PAT_RESET);
}

void vcpu_start_at(struct vcpu *vcpu, const struct load_result *start)
{
    set_segments(vcpu, start);
    set_control_registers(vcpu, start);
    vcpu_set_register(vcpu, REG_SYSENTER_CS, 0);
    vcpu_set_register(vcpu, REG_SYSENTER_ESP, 0);
    vcpu_set_register(vcpu, REG_SYSENTER_EIP, 0);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED);
    vcpu_set_register(vcpu, REG_RIP, start->entry);
    vcpu_set_register(vcpu, REG_RSP, start->stack);
    vcpu_set_register(vcpu, REG_TSC_OFFSET, -vcpu->host->tsc());
    uint64_t *gpr = vcpu->core.registers.gpr;
    gpr[GPR_RAX] = start->rax;
    gpr[GPR_RBX] = start->rbx;
    gpr[GPR_RDX] = start->rdx;
    gpr[GPR_RSI] = start->rsi;
    gpr[GPR_RDI] = start->rdi;
}

// ---- Faults ----

enum exit_action vcpu_inject(struct vcpu *vcpu, const struct event *event)
{
    if (vcpu->ops->inject(&vcpu->core, event)) {
        return RETRY;
    }
    vm_end(vcpu->vm, true, "exception %u while another event was being delivered, RIP 0x%llx",
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

static bool extint_pending(const struct vcpu *vcpu)
{
    return pic_pending(&vcpu->vm->pc->pic) && lapic_accepts_extint(&vcpu->lapic);
}

static bool interrupt_pending(const struct vcpu *vcpu)
{
    return extint_pending(vcpu) || lapic_pending(&vcpu->lapic) >= 0;
}

// The vector of the interrupt that is pending, taken from its controller.
static uint8_t acknowledge_interrupt(struct vcpu *vcpu)
{
    if (extint_pending(vcpu)) {
        return pic_acknowledge(&vcpu->vm->pc->pic);
    }
    uint8_t vector = (uint8_t)lapic_pending(&vcpu->lapic);
    lapic_accept(&vcpu->lapic, vector);
    return vector;
}

static void deliver_nmi(struct vcpu *vcpu, uint64_t shadow)
{
    struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    if (vcpu->nmi_pending && shadow == 0 && vcpu->ops->inject(&vcpu->core, &nmi)) {
        vcpu->nmi_pending = false;
    }
}

static void deliver_events(struct vcpu *vcpu)
{
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    deliver_nmi(vcpu, shadow);
    bool open = (vcpu_register(vcpu, REG_RFLAGS) & RFLAGS_IF) &&
                !(shadow & (SHADOW_STI | SHADOW_MOV_SS)) && !vcpu_register(vcpu, REG_EVENT_WAITING);
    if (open && interrupt_pending(vcpu)) {
        struct event interrupt = {.type = EVENT_INTERRUPT, .vector = acknowledge_interrupt(vcpu)};
        (void)vcpu->ops->inject(&vcpu->core, &interrupt); // nothing else waits: it is taken
    }
    vcpu->ops->request_interrupt_window(&vcpu->core, interrupt_pending(vcpu));
}

static void advance_devices(struct vcpu *vcpu)
{
    uint64_t now_ns = pc_now_ns(vcpu->vm->pc);
    pc_advance(vcpu->vm->pc, now_ns);
    lapic_advance(&vcpu->lapic, now_ns);
}

bool vcpu_write_lapic(struct vcpu *vcpu, unsigned reg, uint64_t value)
{
    struct lapic *lapic = &vcpu->lapic;
    uint64_t due_ns = lapic_next_event_ns(lapic);
    bool legal = lapic_write(lapic, reg, value, pc_now_ns(vcpu->vm->pc));
    if (lapic_has_requests(lapic) || pic_pending(&vcpu->vm->pc->pic)) {
        vcpu_post_work(vcpu, WORK_EVENTS);
    }
    if (lapic_next_event_ns(lapic) != due_ns) {
        vcpu_timer_set(vcpu, lapic_next_event_ns(lapic));
    }
    return legal;
}

void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (due_ns < vcpu->core.deadline_ns - vcpu->vm->clock_base_ns) {
        vcpu_post_work(vcpu, WORK_TIMERS);
    }
}

// ---- Running ----

// However soon a device wants something, the guest gets this long first. A timer that is set to a
// higher rate than exits can keep would otherwise leave no time for any instruction of the guest.
#define RUN_NS_MIN 20000

bool vcpu_runnable(struct vcpu *vcpu)
{
    if (vcpu->halted) {
        advance_devices(vcpu);
        vcpu->halted = !interrupt_pending(vcpu) && !vcpu->nmi_pending;
    }
    return !vcpu->halted;
}

uint64_t vcpu_next_event_ns(const struct vcpu *vcpu)
{
    const struct pc *pc = vcpu->vm->pc;
    uint64_t next = MIN(pc_next_event_ns(pc, pc_now_ns(pc)), lapic_next_event_ns(&vcpu->lapic));
    return next < NEVER_NS - vcpu->vm->clock_base_ns ? next + vcpu->vm->clock_base_ns : NEVER_NS;
}

static void look_at_devices(struct vcpu *vcpu)
{
    advance_devices(vcpu);
    vcpu->next_event_ns = MAX(vcpu_next_event_ns(vcpu), vcpu->host->now_ns() + RUN_NS_MIN);
}

void vcpu_run(struct vcpu *vcpu, uint64_t slice_end_ns)
{
    vcpu_post_work(vcpu, WORK_TIMERS); // time has passed, something may have been typed
    while (vm_wants_to_run(vcpu->vm) && vcpu_runnable(vcpu)) {
        uint32_t work = __atomic_exchange_n(&vcpu->core.work, 0, __ATOMIC_ACQUIRE);
        uint64_t now_ns = vcpu->host->now_ns();
        if ((work & (WORK_HOST | WORK_STOP)) || now_ns >= slice_end_ns) {
            break;
        }
        vcpu->ops->load_vcpu(&vcpu->core);
        if ((work & WORK_TIMERS) || now_ns >= vcpu->next_event_ns) {
            look_at_devices(vcpu);
        }
        deliver_events(vcpu);
        vcpu->core.deadline_ns = MIN(slice_end_ns, vcpu->next_event_ns);
        vcpu->ops->run(&vcpu->core);
    }
}
