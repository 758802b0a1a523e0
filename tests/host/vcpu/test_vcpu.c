// SPDX-License-Identifier: MIT
// Tests of a vCPU's life: how it starts, how interrupts reach it, when it runs and when it waits.
#include "vmm/vcpu/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/load/load.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_start.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/vm_life.h"

#define MS 1000000ULL

// ---- Starting ----

static struct segment segment_of(enum guest_segment which)
{
    struct segment segment;
    fake_backend.ops.get_segment(&fake_machine.vcpu->core, which, &segment);
    return segment;
}

static void a_boot_sector_starts_in_real_mode(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00);
    assert_int_equal(fake_machine_register(REG_CR0), CR0_ET);
    assert_int_equal(fake_machine_register(REG_CR4), 0);
    assert_int_equal(fake_machine_register(REG_EFER), 0);
    assert_int_equal(fake_machine_register(REG_RFLAGS), RFLAGS_FIXED);
    assert_int_equal(fake_machine_register(REG_PAT), 0x0007040600070406);
    assert_int_equal(fake_machine_gpr()[GPR_RDX], 0x80);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        assert_int_equal(segment_of(i).base, 0);
        assert_int_equal(segment_of(i).limit, 0xffff);
        assert_int_equal(segment_of(i).attributes, 0x93);
    }
    assert_int_equal(segment_of(SEGMENT_IDTR).limit, 0xffff);
    assert_int_equal(segment_of(SEGMENT_TR).attributes, 0x8b); // VM entry wants a busy TSS
    assert_int_equal(segment_of(SEGMENT_LDTR).attributes, SEGMENT_UNUSABLE);
}

static void protected_mode_starts_flat(void **state)
{
    struct load_result start = {
        .mode = START_PROTECTED, .entry = 0x100000, .rax = 0x2badb002, .rbx = 0x9000};
    (void)state;
    vcpu_start_at(fake_machine.vcpu, &start);
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_ET);
    assert_int_equal(fake_machine_register(REG_RIP), 0x100000);
    assert_int_equal(segment_of(SEGMENT_CS).attributes, 0xc09b);
    assert_int_equal(segment_of(SEGMENT_DS).attributes, 0xc093);
    assert_int_equal(segment_of(SEGMENT_SS).limit, UINT32_MAX);
    assert_int_equal(fake_machine_gpr()[GPR_RAX], 0x2badb002);
    assert_int_equal(fake_machine_gpr()[GPR_RBX], 0x9000);
}

static void long_mode_starts_with_the_loaders_tables(void **state)
{
    struct load_result start = {
        .mode = START_LONG, .entry = 0x200000, .stack = 0x8000, .cr3 = 0x5000, .rsi = 3, .rdi = 4};
    (void)state;
    vcpu_start_at(fake_machine.vcpu, &start);
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_PG | CR0_ET);
    assert_int_equal(fake_machine_register(REG_CR4), CR4_PAE);
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME | EFER_LMA);
    assert_int_equal(fake_machine_register(REG_CR3), 0x5000);
    assert_int_equal(fake_machine_register(REG_RSP), 0x8000);
    assert_int_equal(segment_of(SEGMENT_CS).attributes, 0xa09b);
    assert_int_equal(fake_machine_gpr()[GPR_RSI], 3);
    assert_int_equal(fake_machine_gpr()[GPR_RDI], 4);
}

static void a_loaders_gdt_comes_with_its_selectors(void **state)
{
    struct load_result start = {.mode = START_LONG,
                                .gdt = 0x11000,
                                .gdt_bytes = 0x20,
                                .code_selector = 0x10,
                                .data_selector = 0x18};
    (void)state;
    vcpu_start_at(fake_machine.vcpu, &start);
    assert_int_equal(segment_of(SEGMENT_GDTR).base, 0x11000);
    assert_int_equal(segment_of(SEGMENT_GDTR).limit, 0x1f);
    assert_int_equal(segment_of(SEGMENT_CS).selector, 0x10);
    assert_int_equal(segment_of(SEGMENT_CS).attributes, 0xa09b);
    assert_int_equal(segment_of(SEGMENT_SS).selector, 0x18);
    start.gdt_bytes = 0;
    vcpu_start_at(fake_machine.vcpu, &start);
    assert_int_equal(segment_of(SEGMENT_GDTR).limit, 0xffff);
    assert_int_equal(segment_of(SEGMENT_CS).selector, 0x08);
    assert_int_equal(segment_of(SEGMENT_DS).selector, 0x10);
}

static void the_guests_tsc_starts_at_0(void **state)
{
    (void)state;
    fake_machine_run();
    assert_int_equal(fake_machine_register(REG_TSC_OFFSET), -1000000000 * fake_host.tsc_ghz);
}

static void rsp_is_a_general_register_too(void **state)
{
    (void)state;
    vcpu_set_gpr(fake_machine.vcpu, GPR_RSP, 0x1234);
    assert_int_equal(fake_machine_register(REG_RSP), 0x1234);
    assert_int_equal(vcpu_gpr(fake_machine.vcpu, GPR_RSP), 0x1234);
    vcpu_set_gpr(fake_machine.vcpu, GPR_R15, 0x5678);
    assert_int_equal(vcpu_gpr(fake_machine.vcpu, GPR_R15), 0x5678);
}

// ---- Faults ----

static void page_faults_set_cr2(void **state)
{
    (void)state;
    assert_int_equal(vcpu_page_fault(fake_machine.vcpu, 0xdeadbeef, 6), RETRY);
    assert_int_equal(fake_machine_register(REG_CR2), 0xdeadbeef);
    assert_int_equal(fake_backend_last_event()->error_code, 6);
    assert_true(fake_machine_take_fault(VECTOR_PF));
}

static void a_second_fault_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(vcpu_fault(fake_machine.vcpu, VECTOR_UD), RETRY);
    assert_int_equal(vcpu_fault_code(fake_machine.vcpu, VECTOR_GP, 0), STOP);
    assert_string_equal(fake_machine.vm->ended.text,
                        "exception 13 while another event was being delivered, RIP 0x7c00");
    assert_true(fake_machine.vcpu->core.work & WORK_STOP);
}

// ---- Interrupts ----

static void raise_irq(unsigned irq)
{
    pic_set_line(&fake_machine.vm->pc->pic, irq, false);
    pic_set_line(&fake_machine.vm->pc->pic, irq, true);
}

static void set_flags(uint64_t flags)
{
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | flags);
}

static struct backend_vcpu *backend(void)
{
    return fake_machine.vcpu->core.backend;
}

static void assert_delivered(unsigned count, enum event_type type, uint8_t vector)
{
    assert_int_equal(fake_backend.event_count, count);
    const struct event *event = &fake_backend.events[count - 1];

    assert_int_equal(event->type, type);
    assert_int_equal(event->vector, vector);
    assert_false(event->has_error_code);
}

static void an_interrupt_of_the_8259_is_delivered(void **state)
{
    (void)state;
    fake_machine_program_pics();
    set_flags(RFLAGS_IF);
    raise_irq(4);
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x24);
    assert_false(backend()->window);
}

static void the_8259_comes_before_the_local_apic(void **state)
{
    (void)state;
    fake_machine_program_pics();
    set_flags(RFLAGS_IF);
    raise_irq(1);
    lapic_post(&fake_machine.vcpu->lapic, 0xf0, false);
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x21);
    assert_true(backend()->window); // the other one waits for IF
    set_flags(RFLAGS_IF);
    fake_machine_run();
    assert_delivered(2, EVENT_INTERRUPT, 0xf0);
    assert_int_equal(lapic_pending(&fake_machine.vcpu->lapic), -1);
    assert_false(backend()->window);
}

static void a_masked_lint0_keeps_the_8259_out(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    fake_machine_program_pics();
    set_flags(RFLAGS_IF);
    assert_true(lapic_write(lapic, LAPIC_LVT_LINT0, BIT(16), 0));
    raise_irq(1);
    fake_machine_run();
    assert_int_equal(fake_backend.event_count, 0);
    assert_false(backend()->window);
    assert_true(lapic_write(lapic, LAPIC_LVT_LINT0, APIC_EXTINT << 8, 0));
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x21);
}

static void the_priority_register_holds_back(void **state)
{
    (void)state;
    set_flags(RFLAGS_IF);
    lapic_set_cr8(&fake_machine.vcpu->lapic, 5);
    lapic_post(&fake_machine.vcpu->lapic, 0x5f, false);
    fake_machine_run();
    assert_int_equal(fake_backend.event_count, 0);
    lapic_post(&fake_machine.vcpu->lapic, 0x60, false);
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x60);
}

static void with_interrupts_off_a_window_is_asked_for(void **state)
{
    (void)state;
    lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
    fake_machine_run();
    assert_int_equal(fake_backend.event_count, 0);
    assert_true(backend()->window);
}

static void open_window(struct vcpu_core *core)
{
    core->backend->registers[REG_RFLAGS] |= RFLAGS_IF;
}

static void a_window_that_opens_delivers(void **state)
{
    static const struct fake_step script[] = {
        {.exit = {.kind = EXIT_NOTHING}, .before = open_window}};
    (void)state;
    lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
    fake_backend_play(script, 1);
    fake_machine_run();
    assert_int_equal(fake_machine.vcpu->core.exits[EXIT_INTERRUPT_WINDOW], 1);
    assert_delivered(1, EVENT_INTERRUPT, 0x40);
    assert_false(backend()->window);
}

static void a_window_nobody_needs_is_withdrawn(void **state)
{
    (void)state;
    fake_machine_program_pics();
    raise_irq(4);
    fake_machine_run();
    assert_true(backend()->window);
    fake_machine_out(0x21, 1, 0xff); // masked again
    fake_machine_run();
    assert_false(backend()->window);
    assert_int_equal(fake_backend.event_count, 0);
}

static void shadows_hold_back(void **state)
{
    static const uint64_t shadows[] = {SHADOW_STI, SHADOW_MOV_SS};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(shadows); i++) {
        set_flags(RFLAGS_IF);
        fake_machine_set_register(REG_INTERRUPT_SHADOW, shadows[i]);
        lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
        fake_machine_run();
        assert_int_equal(fake_backend.event_count, i);
        assert_true(backend()->window);
        fake_machine_set_register(REG_INTERRUPT_SHADOW, 0);
        fake_machine_run();
        assert_delivered(i + 1, EVENT_INTERRUPT, 0x40);
        lapic_eoi(&fake_machine.vcpu->lapic);
    }
}

static void an_event_that_waits_goes_first(void **state)
{
    (void)state;
    set_flags(RFLAGS_IF);
    lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
    assert_int_equal(vcpu_fault(fake_machine.vcpu, VECTOR_UD), RETRY);
    fake_machine_run();
    assert_int_equal(fake_backend.events[0].vector, VECTOR_UD);
    assert_delivered(2, EVENT_INTERRUPT, 0x40); // by the window, as the fake's #UD leaves IF
}

static void a_spurious_request_of_the_8259_is_no_interrupt(void **state)
{
    (void)state;
    fake_machine_program_pics();
    set_flags(RFLAGS_IF);
    pic_set_line(&fake_machine.vm->pc->pic, 4, true);
    fake_machine_out(0x21, 1, 0x10); // masked before it is taken
    fake_machine_run();
    assert_int_equal(fake_backend.event_count, 0);
}

// ---- NMIs ----

static void an_nmi_is_delivered_with_interrupts_off(void **state)
{
    (void)state;
    fake_machine.vcpu->nmis_pending = 1;
    fake_machine_run();
    assert_delivered(1, EVENT_NMI, VECTOR_NMI);
    assert_false(fake_machine.vcpu->nmis_pending);
}

static void an_nmi_in_an_nmi_waits(void **state)
{
    (void)state;
    fake_machine.vcpu->nmis_pending = 1;
    fake_machine_run();
    fake_machine.vcpu->nmis_pending = 1;
    fake_machine_run();
    assert_int_equal(fake_backend.event_count, 1);
    assert_true(fake_machine.vcpu->nmis_pending);
    fake_machine_set_register(REG_INTERRUPT_SHADOW, 0); // its IRET
    fake_machine_run();
    assert_delivered(2, EVENT_NMI, VECTOR_NMI);
}

static void end_nmi(struct vcpu_core *core)
{
    core->backend->registers[REG_INTERRUPT_SHADOW] = 0;
}

static void an_nmi_in_an_nmi_comes_with_its_iret(void **state)
{
    static const struct fake_step script[] = {{.exit = {.kind = EXIT_NOTHING}, .before = end_nmi}};
    (void)state;
    fake_machine.vcpu->nmis_pending = 1;
    fake_machine_run();
    fake_machine.vcpu->nmis_pending = 1;
    fake_backend_play(script, 1);
    fake_machine_run();
    assert_delivered(2, EVENT_NMI, VECTOR_NMI);
    assert_false(fake_machine.vcpu->nmis_pending);
    assert_false(backend()->nmi_window);
}

static void one_nmi_is_kept_while_nmis_are_blocked(void **state)
{
    (void)state;
    fake_machine_set_register(REG_INTERRUPT_SHADOW, SHADOW_NMI);
    for (unsigned i = 0; i < 3; i++) {
        vcpu_add_nmi(fake_machine.vcpu);
        fake_machine_run();
    }
    assert_int_equal(fake_machine.vcpu->nmis_pending, 1);
    fake_machine_set_register(REG_INTERRUPT_SHADOW, 0); // its IRET
    fake_machine_run();
    assert_delivered(1, EVENT_NMI, VECTOR_NMI);
    assert_int_equal(fake_machine.vcpu->nmis_pending, 0);
}

// The first begins at once, and the second is kept meanwhile.
static void of_three_nmis_at_once_two_are_delivered(void **state)
{
    static const struct fake_step script[] = {{.exit = {.kind = EXIT_NOTHING}, .before = end_nmi}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        vcpu_add_nmi(fake_machine.vcpu);
    }
    fake_backend_play(script, 1);
    fake_machine_run();
    assert_delivered(2, EVENT_NMI, VECTOR_NMI);
    assert_int_equal(fake_machine.vcpu->nmis_pending, 0);
}

static void an_nmi_behind_sti_comes_by_the_interrupt_window(void **state)
{
    static const struct fake_step script[] = {{.exit = {.kind = EXIT_NOTHING}, .before = end_nmi}};
    (void)state;
    set_flags(RFLAGS_IF);
    fake_machine_set_register(REG_INTERRUPT_SHADOW, SHADOW_STI);
    fake_machine.vcpu->nmis_pending = 1;
    fake_backend_play(script, 1);
    fake_machine_run();
    assert_delivered(1, EVENT_NMI, VECTOR_NMI);
    assert_false(backend()->window);
}

static void an_nmi_goes_before_an_interrupt(void **state)
{
    (void)state;
    set_flags(RFLAGS_IF);
    fake_machine.vcpu->nmis_pending = 1;
    lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
    fake_machine_run();
    assert_int_equal(fake_backend.events[0].type, EVENT_NMI);
    assert_delivered(2, EVENT_INTERRUPT, 0x40);
}

static void an_nmi_by_ipi_arrives(void **state)
{
    (void)state;
    fake_machine.vcpu->core.work = 0;
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_ICR, APIC_NMI << 8)); // to APIC ID 0
    assert_true(fake_machine.vcpu->nmis_pending);
    assert_true(fake_machine.vcpu->core.work & WORK_EVENTS);
}

static void an_init_to_itself_resets(void **state)
{
    (void)state;
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_ICR, APIC_INIT << 8 | BIT(14)));
    vcpu_mail_take(fake_machine.vcpu);
    assert_true(fake_machine.vm->reset_requested);
    assert_true(fake_machine.vcpu->core.work & WORK_STOP);
}

static void interrupts_for_others_go_nowhere(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_ICR, 3U << 18 | 0x55)); // all but itself
    assert_true(vcpu_write_lapic(vcpu, LAPIC_ICR, 3U << 18 | APIC_INIT << 8 | BIT(14)));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_ICR, 3U << 18 | APIC_STARTUP << 8 | 0x10));
    assert_int_equal(lapic_pending(&vcpu->lapic), -1);
    assert_false(fake_machine.vm->reset_requested);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_ICR, 2U << 18 | 0x55)); // all
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x55);
}

static void a_sipi_to_itself_is_ignored(void **state)
{
    (void)state;
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_ICR, APIC_STARTUP << 8 | 0x10));
    assert_false(fake_machine.vm->reset_requested);
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00);
}

static void send_startup(uint8_t vector)
{
    vcpu_mail_message(fake_machine.vcpu,
                      &(struct apic_message){.delivery = APIC_STARTUP, .vector = vector});
}

// Two other vCPUs have each sent it a SIPI before it ran.
static void the_first_sipi_counts(void **state)
{
    (void)state;
    vcpu_start_waiting(fake_machine.vcpu);
    send_startup(0x10);
    send_startup(0x20);
    vcpu_mail_take(fake_machine.vcpu);
    assert_false(fake_machine.vcpu->waits_for_startup);
    assert_int_equal(segment_of(SEGMENT_CS).base, 0x10000);
    send_startup(0x30);
    vcpu_mail_take(fake_machine.vcpu);
    assert_int_equal(segment_of(SEGMENT_CS).base, 0x10000);
}

// NMI and INIT come before the vCPU runs. If the NMI stayed, it would find the vCPU in real mode
// after the SIPI.
static void an_init_ends_an_nmi_before_it(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    vcpu_mail_message(vcpu, &(struct apic_message){.delivery = APIC_NMI});
    vcpu_mail_message(vcpu, &(struct apic_message){.delivery = APIC_INIT});
    vcpu_mail_take(vcpu);
    assert_false(vcpu->nmis_pending);
    vcpu_mail_message(vcpu, &(struct apic_message){.delivery = APIC_NMI});
    vcpu_mail_take(vcpu);
    assert_true(vcpu->nmis_pending);
}

// ---- Writes to the local APIC ----

static void only_what_matters_leaves_the_loop(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    vcpu->core.work = 0;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_TPR, 0x20));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LDR, 0x01000000));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_ESR, 0));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x40));
    assert_int_equal(vcpu->core.work, 0);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 1000)); // a timer
    assert_int_not_equal(vcpu->core.work, 0);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 0));
    vcpu->core.work = 0;
    lapic_post(&vcpu->lapic, 0x25, false);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_TPR, 0x10)); // lets it through
    assert_true(vcpu->core.work & WORK_EVENTS);
}

static void unmasking_lint0_lets_the_8259_in(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    fake_machine_program_pics();
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_LINT0, BIT(16)));
    raise_irq(3);
    vcpu->core.work = 0;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_LINT0, APIC_EXTINT << 8));
    assert_true(vcpu->core.work & WORK_EVENTS);
}

// ---- Running ----

static void a_run_ends_with_its_slice(void **state)
{
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    vcpu_run(fake_machine.vcpu, start_ns + 3 * MS);
    assert_int_equal(fake_host.now_ns, start_ns + 3 * MS);
    assert_int_equal(fake_machine.vcpu->core.deadline_ns, start_ns + 3 * MS);
    assert_int_equal(fake_backend.runs, 1);
}

static void a_run_ends_at_the_next_event_of_a_device(void **state)
{
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_TIMER, 0x33));
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_DIVIDE, 0xb)); // by 1
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_INITIAL_COUNT, 400000));
    assert_int_equal(fake_machine_next_event_ns(fake_machine.vcpu), start_ns + 400000);
    set_flags(RFLAGS_IF);
    vcpu_run(fake_machine.vcpu, start_ns + MS);
    assert_int_equal(fake_machine.vcpu->core.deadline_ns, start_ns + 400000);
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x33);
}

static void start_timer(uint32_t mode, uint32_t count)
{
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_TIMER, mode | 0x33));
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_DIVIDE, 0xb)); // by 1
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_INITIAL_COUNT, count));
    set_flags(RFLAGS_IF);
}

static void a_timer_of_the_guest_does_not_end_its_slice(void **state)
{
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    fake_host.undisturbed = true;
    start_timer(0, 400000);
    vcpu_run(fake_machine.vcpu, start_ns + MS);
    assert_int_equal(fake_backend.runs, 2);
    assert_int_equal(fake_host.now_ns, start_ns + MS);
    assert_delivered(1, EVENT_INTERRUPT, 0x33);
}

// However often its runs are ended, the guest gets 20 us between two interrupts of its timer.
static void a_fast_timer_leaves_time_for_the_guest(void **state)
{
    (void)state;
    start_timer(1U << 17, 1); // periodic, each ns
    fake_host.now_ns += 100 * 1000;
    vcpu_run(fake_machine.vcpu, fake_host.now_ns + 5000);
    assert_delivered(1, EVENT_INTERRUPT, 0x33);
    lapic_eoi(&fake_machine.vcpu->lapic);
    set_flags(RFLAGS_IF);
    for (unsigned i = 0; i < 3; i++) {
        vcpu_run(fake_machine.vcpu, fake_host.now_ns + 5000);
        assert_int_equal(fake_backend.event_count, 1);
    }
    vcpu_run(fake_machine.vcpu, fake_host.now_ns + 5000);
    assert_int_equal(fake_backend.event_count, 2);
}

#define ENTRY_NS 30000 // what an entry takes, and an exit: as inside another hypervisor

static uint64_t computed_ns;

// A guest that computes until the deadline, if the entry leaves time for that.
static void compute_behind_a_slow_entry(struct vcpu_core *core)
{
    fake_host.now_ns += ENTRY_NS;
    if (fake_host.now_ns < core->deadline_ns) {
        computed_ns += core->deadline_ns - fake_host.now_ns;
        lapic_eoi(&vcpu_of(core)->lapic);
        core->backend->registers[REG_RFLAGS] |= RFLAGS_IF;
    }
    fake_backend_compute(core);
    fake_host.now_ns += ENTRY_NS;
}

static void a_fast_timer_leaves_time_for_the_guest_where_entries_are_slow(void **state)
{
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    start_timer(1U << 17, 1); // periodic, each ns
    computed_ns = 0;
    fake_backend.guest = compute_behind_a_slow_entry;
    for (unsigned i = 0; i < 1000; i++) {
        vcpu_run(fake_machine.vcpu, fake_host.now_ns + 5 * MS);
    }
    assert_true(fake_backend.event_count > 500);
    assert_true(computed_ns > (fake_host.now_ns - start_ns) / 3);
}

#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10

static void route(unsigned pin, uint8_t vector)
{
    fake_machine_ioapic_write(IOAPIC_SELECT, 0x10 + 2 * pin);
    fake_machine_ioapic_write(IOAPIC_WINDOW, vector);
}

// Channel 0 of the PIT, mode 2, about 1 ms.
static void start_pit(void)
{
    fake_machine_out(0x43, 1, 0x34);
    fake_machine_out(0x40, 1, 0xa9);
    fake_machine_out(0x40, 1, 0x04);
}

// The interrupt must not wait for the guest's next exit.
static void an_interrupt_through_the_io_apic_is_there_when_its_timer_is_due(void **state)
{
    (void)state;
    start_pit();
    route(2, 0x51);
    set_flags(RFLAGS_IF);
    fake_host.now_ns += 5 * MS;
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x51);
    assert_int_equal(fake_backend.runs, 1);
    assert_int_equal(fake_backend.window_requests, 1); // in the first round of vcpu_run
}

static uint32_t work_at_entry;

static void look_at_work(struct vcpu_core *core)
{
    work_at_entry |= core->work;
}

// Otherwise another vCPU that sends mail would take the work for known and not kick this CPU.
static void the_guest_is_entered_without_work(void **state)
{
    static const struct fake_step script[] = {
        {.before = look_at_work, .exit = {.kind = EXIT_CPUID}}};
    (void)state;
    fake_machine_program_pics();
    set_flags(RFLAGS_IF);
    raise_irq(4);
    work_at_entry = 0;
    fake_backend_play(script, ARRAY_SIZE(script));
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x24); // the 8259s' line has fallen: that is mail
    assert_int_equal(work_at_entry, 0);
}

static void a_slice_that_is_over_does_not_run(void **state)
{
    (void)state;
    vcpu_run(fake_machine.vcpu, fake_host.now_ns);
    vcpu_run(fake_machine.vcpu, 0);
    assert_int_equal(fake_backend.runs, 0);
}

static void work_of_the_host_goes_first_once(void **state)
{
    (void)state;
    vcpu_post_work(fake_machine.vcpu, WORK_HOST);
    fake_machine_run();
    assert_int_equal(fake_backend.runs, 0);
    fake_machine_run();
    assert_int_equal(fake_backend.runs, 1);
}

static void exits_are_handled_without_leaving_the_loop(void **state)
{
    static const struct fake_step script[] = {{.exit = {.kind = EXIT_CPUID}},
                                              {.exit = {.kind = EXIT_CPUID}},
                                              {.exit = {.kind = EXIT_NOTHING}},
                                              {.exit = {.kind = EXIT_TRIPLE_FAULT}}};
    (void)state;
    fake_backend_play(script, ARRAY_SIZE(script));
    fake_machine_run();
    assert_int_equal(fake_backend.runs, 1);
    assert_int_equal(fake_machine.vcpu->core.exits[EXIT_CPUID], 2);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00 + 3 * FAKE_INSTRUCTION_BYTES);
    fake_machine_run(); // what has ended does not run
    assert_int_equal(fake_backend.runs, 1);
}

static void hlt_gives_the_cpu_away_until_an_interrupt(void **state)
{
    static const struct fake_step script[] = {{.exit = {.kind = EXIT_HLT}, .before = open_window}};
    (void)state;
    fake_machine_program_pics();
    fake_backend_play(script, 1);
    fake_machine_run();
    assert_true(fake_machine.vcpu->halted);
    assert_int_equal(fake_backend.runs, 1);
    fake_machine_run();
    assert_int_equal(fake_backend.runs, 1);
    raise_irq(0);
    assert_true(vcpu_runnable(fake_machine.vcpu));
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x20);
}

static void a_halted_cpu_wakes_by_its_timer(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x33));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 5000));
    set_flags(RFLAGS_IF);
    fake_machine_exit((struct vm_exit){.kind = EXIT_HLT});
    assert_false(vcpu_runnable(vcpu));
    fake_host.now_ns = fake_machine_next_event_ns(vcpu);
    assert_true(vcpu_runnable(vcpu));
}

// Linux sends two SIPIs to each CPU. The second may come when the CPU is already in a HLT.
static void a_sipi_that_nobody_waits_for_does_not_end_a_hlt(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    vcpu->halted = true;
    vcpu->asleep = true; // interrupts are off
    lapic_post(&vcpu->lapic, 0x51, false);
    vcpu_mail_message(vcpu, &(struct apic_message){.delivery = APIC_STARTUP, .vector = 0x10});
    assert_false(vcpu_runnable(vcpu));
    vcpu_mail_message(vcpu, &(struct apic_message){.delivery = APIC_NMI});
    assert_true(vcpu_runnable(vcpu));
}

static void a_halted_cpu_wakes_by_what_is_typed(void **state)
{
    (void)state;
    fake_machine_program_pics();
    fake_machine_out(0x3fc, 1, 0x08);
    fake_machine_out(0x3f9, 1, 0x01);
    set_flags(RFLAGS_IF);
    fake_machine_exit((struct vm_exit){.kind = EXIT_HLT});
    assert_false(vcpu_runnable(fake_machine.vcpu));
    assert_true(terminal_type(&fake_machine.vm->terminal, 'x'));
    assert_true(vcpu_runnable(fake_machine.vcpu));
    fake_machine_run();
    assert_delivered(1, EVENT_INTERRUPT, 0x24);
}

// ---- Timers that a guest sets while it runs ----

#define LATE_NS 200000 // how late a timer may be: the least run of a guest, and its exits

static uint64_t seed;
static uint64_t due_ns; // when the timer that was set last is due; NEVER_NS: it has fired
static unsigned fired;

static uint64_t random_below(uint64_t limit)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % limit;
}

// A guest that runs a little, sometimes sets the timer anew, and leaves at the deadline as hardware
// does.
static void set_timers(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    if (!(core->backend->registers[REG_RFLAGS] & RFLAGS_IF)) {
        assert_true(due_ns != NEVER_NS && fake_host.now_ns >= due_ns);
        assert_true(fake_host.now_ns - due_ns < LATE_NS);
        due_ns = NEVER_NS;
        fired++;
        lapic_eoi(&vcpu->lapic);
        core->backend->registers[REG_RFLAGS] |= RFLAGS_IF;
    }
    fake_host.now_ns += random_below(20000);
    if (fake_host.now_ns >= core->deadline_ns) {
        fake_backend_compute(core);
    } else if (random_below(8) == 0 && (due_ns == NEVER_NS || due_ns > fake_host.now_ns)) {
        uint64_t left_ns = 1 + random_below(random_below(2) ? 3000000 : 3000);

        due_ns = fake_host.now_ns + left_ns;
        assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, left_ns));
    } else {
        fake_backend_exit(core, (struct vm_exit){.kind = EXIT_NOTHING});
    }
}

static void timers_fire_in_time_whenever_they_are_set(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    seed = 1;
    fired = 0;
    due_ns = NEVER_NS;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x40));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    set_flags(RFLAGS_IF);
    fake_backend.guest = set_timers;
    for (unsigned i = 0; i < 20000; i++) {
        vcpu_run(vcpu, fake_host.now_ns + 1 + random_below(2 * MS));
    }
    assert_true(fired > 1000);
}

// A masked timer does not end a run. Unmasked, it does so in phase.
static void unmasking_a_timer_makes_it_due(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x30040));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 300000));
    vcpu_run(vcpu, start_ns + MS);
    assert_int_equal(fake_backend.window_requests, 1);
    assert_int_equal(vcpu->core.deadline_ns, start_ns + MS);
    assert_int_equal(fake_machine_next_event_ns(vcpu), NEVER_NS);
    vcpu->core.work = 0;
    vcpu->core.deadline_ns = fake_host.now_ns + MS;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x20040));
    assert_true(vcpu->core.work & WORK_TIMERS);
    assert_int_equal(fake_machine_next_event_ns(vcpu), start_ns + 1200000);
    assert_int_equal(lapic_pending(&vcpu->lapic), -1);
}

static void a_paused_vm_does_not_run(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(vm_pause(fake_machine.vm, &why), STATUS_OK);
    fake_machine_run();
    assert_int_equal(fake_backend.runs, 0);
}

static void nothing_is_due_without_timers(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_next_event_ns(fake_machine.vcpu), NEVER_NS);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_boot_sector_starts_in_real_mode),
        TEST(protected_mode_starts_flat),
        TEST(long_mode_starts_with_the_loaders_tables),
        TEST(a_loaders_gdt_comes_with_its_selectors),
        TEST(the_guests_tsc_starts_at_0),
        TEST(rsp_is_a_general_register_too),
        TEST(page_faults_set_cr2),
        TEST(a_second_fault_ends_the_vm),
        TEST(an_interrupt_of_the_8259_is_delivered),
        TEST(the_8259_comes_before_the_local_apic),
        TEST(a_masked_lint0_keeps_the_8259_out),
        TEST(the_priority_register_holds_back),
        TEST(with_interrupts_off_a_window_is_asked_for),
        TEST(a_window_that_opens_delivers),
        TEST(a_window_nobody_needs_is_withdrawn),
        TEST(shadows_hold_back),
        TEST(an_event_that_waits_goes_first),
        TEST(a_spurious_request_of_the_8259_is_no_interrupt),
        TEST(an_nmi_is_delivered_with_interrupts_off),
        TEST(an_nmi_in_an_nmi_waits),
        TEST(an_nmi_in_an_nmi_comes_with_its_iret),
        TEST(one_nmi_is_kept_while_nmis_are_blocked),
        TEST(of_three_nmis_at_once_two_are_delivered),
        TEST(an_nmi_behind_sti_comes_by_the_interrupt_window),
        TEST(an_nmi_goes_before_an_interrupt),
        TEST(an_nmi_by_ipi_arrives),
        TEST(an_init_to_itself_resets),
        TEST(interrupts_for_others_go_nowhere),
        TEST(a_sipi_to_itself_is_ignored),
        TEST(the_first_sipi_counts),
        TEST(an_init_ends_an_nmi_before_it),
        TEST(only_what_matters_leaves_the_loop),
        TEST(unmasking_lint0_lets_the_8259_in),
        TEST(a_run_ends_with_its_slice),
        TEST(a_run_ends_at_the_next_event_of_a_device),
        TEST(a_timer_of_the_guest_does_not_end_its_slice),
        TEST(a_fast_timer_leaves_time_for_the_guest),
        TEST(a_fast_timer_leaves_time_for_the_guest_where_entries_are_slow),
        TEST(an_interrupt_through_the_io_apic_is_there_when_its_timer_is_due),
        TEST(the_guest_is_entered_without_work),
        TEST(a_slice_that_is_over_does_not_run),
        TEST(work_of_the_host_goes_first_once),
        TEST(exits_are_handled_without_leaving_the_loop),
        TEST(hlt_gives_the_cpu_away_until_an_interrupt),
        TEST(a_halted_cpu_wakes_by_its_timer),
        TEST(a_sipi_that_nobody_waits_for_does_not_end_a_hlt),
        TEST(a_halted_cpu_wakes_by_what_is_typed),
        TEST(timers_fire_in_time_whenever_they_are_set),
        TEST(unmasking_a_timer_makes_it_due),
        TEST(a_paused_vm_does_not_run),
        TEST(nothing_is_due_without_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
