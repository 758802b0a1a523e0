// SPDX-License-Identifier: MIT
// Tests of the state in which a vCPU starts: after power-up, after INIT, after a SIPI (SDM Vol. 3A
// 9.4, table 10-1). The loader's start states are in test_vcpu.c.
#include "vmm/vcpu/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vm/vm_hold.h"

static struct vcpu *ap; // the second vCPU, held and loaded on CPU 1, on which the tests run

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(2);
    ap = fake_machine.vm->vcpus[1];
    fake_host.cpu = 1;
    assert_true(vm_hold(fake_machine.vm, 1));
    fake_backend.ops.load_vcpu(&ap->core);
    return 0;
}

static void send(enum apic_delivery delivery, uint8_t vector)
{
    vcpu_mail_message(ap, &(struct apic_message){.delivery = delivery, .vector = vector});
    vcpu_mail_take(ap);
}

static struct segment segment_of(enum guest_segment which)
{
    struct segment segment;
    fake_backend.ops.get_segment(&ap->core, which, &segment);
    return segment;
}

static uint32_t signature(void)
{
    return cpuid_table_find(&ap->cpuid, 1, 0).eax;
}

static void assert_real_mode_data(enum guest_segment which)
{
    struct segment segment = segment_of(which);
    assert_int_equal(segment.selector, 0);
    assert_int_equal(segment.base, 0);
    assert_int_equal(segment.limit, 0xffff);
    assert_int_equal(segment.attributes, 0x93);
}

static void assert_starts_at(uint8_t vector)
{
    struct segment code = segment_of(SEGMENT_CS);
    assert_int_equal(code.selector, vector << 8);
    assert_int_equal(code.base, vector << 12);
    assert_int_equal(code.limit, 0xffff);
    assert_int_equal(code.attributes, 0x93);
    assert_int_equal(vcpu_register(ap, REG_RIP), 0);
    assert_false(ap->waits_for_startup);
    assert_false(ap->asleep);
    assert_true(vcpu_runnable(ap));
}

// Puts the vCPU into 64-bit mode, with everything changed that INIT undoes.
static void live(void)
{
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        ap->core.registers.gpr[i] = 0x1111ULL * (i + 1);
    }
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        ap->core.backend->segments[i] = (struct segment){0x10, 0xa09b, UINT32_MAX, 0x5000};
    }
    vcpu_set_register(ap, REG_EFER, EFER_LME | EFER_LMA | EFER_SCE);
    vcpu_set_register(ap, REG_CR0, CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET);
    vcpu_set_register(ap, REG_CR2, 0xdead);
    vcpu_set_register(ap, REG_CR3, 0x5000);
    vcpu_set_register(ap, REG_CR4, CR4_PAE | CR4_OSXSAVE);
    cpuid_table_set_cr4(&ap->cpuid, CR4_PAE | CR4_OSXSAVE);
    vcpu_set_register(ap, REG_DR6, 0xffff0ff1);
    vcpu_set_register(ap, REG_DR7, 0x401);
    vcpu_set_register(ap, REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    vcpu_set_register(ap, REG_RIP, 0xffffffff81000000);
    vcpu_set_register(ap, REG_RSP, 0xffffc90000004000);
    vcpu_set_register(ap, REG_PAT, 0x0407050600070106);
    vcpu_set_register(ap, REG_XCR0, 7);
    vcpu_set_register(ap, REG_SYSENTER_EIP, 0x1234);
    vcpu_set_register(ap, REG_INTERRUPT_SHADOW, SHADOW_STI | SHADOW_NMI);
    ap->tsc_adjust = 77;
    ap->emulator_cache.moves[0].access = ACCESS_READ;
}

static void go_live(void)
{
    send(APIC_STARTUP, 0x10);
    live();
}

// ---- After power-up ----

static void all_but_the_first_wait(void **state)
{
    struct vcpu *first = fake_machine.vm->vcpus[0];
    (void)state;
    assert_true(ap->waits_for_startup);
    assert_true(ap->asleep);
    assert_false(ap->halted);
    assert_false(vcpu_runnable(ap));
    assert_false(first->waits_for_startup);
    assert_false(first->asleep);
    assert_int_equal(vcpu_register(ap, REG_CR0), CR0_ET);
    assert_int_equal(vcpu_register(ap, REG_RFLAGS), RFLAGS_FIXED);
    assert_int_equal(vcpu_register(ap, REG_PAT), 0x0007040600070406);
    assert_int_equal(ap->core.registers.gpr[GPR_RDX], signature());
}

static void a_sipi_starts_it_below_1_mib(void **state)
{
    (void)state;
    send(APIC_STARTUP, 0x9f);
    assert_starts_at(0x9f);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        if (i != SEGMENT_CS) {
            assert_real_mode_data(i);
        }
    }
    assert_int_equal(vcpu_register(ap, REG_RSP), 0);
}

static void nothing_else_starts_it(void **state)
{
    (void)state;
    send(APIC_FIXED, 0x41);
    send(APIC_INIT, 0);
    assert_false(vcpu_runnable(ap));
    send(APIC_NMI, 0);
    assert_false(vcpu_runnable(ap));
    assert_true(ap->waits_for_startup);
}

// ---- INIT ----

static void init_leaves_the_reset_state(void **state)
{
    (void)state;
    go_live();
    send(APIC_INIT, 0);
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        assert_int_equal(ap->core.registers.gpr[i], i == GPR_RDX ? signature() : 0);
    }
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        assert_real_mode_data(i);
    }
    assert_int_equal(segment_of(SEGMENT_GDTR).base, 0);
    assert_int_equal(segment_of(SEGMENT_GDTR).limit, 0xffff);
    assert_int_equal(segment_of(SEGMENT_IDTR).limit, 0xffff);
    assert_int_equal(vcpu_register(ap, REG_EFER), 0);
    assert_int_equal(vcpu_register(ap, REG_CR0), CR0_ET);
    assert_int_equal(vcpu_register(ap, REG_CR2), 0);
    assert_int_equal(vcpu_register(ap, REG_CR3), 0);
    assert_int_equal(vcpu_register(ap, REG_CR4), 0);
    assert_int_equal(vcpu_register(ap, REG_DR6), DR6_FIXED);
    assert_int_equal(vcpu_register(ap, REG_DR7), DR7_FIXED);
    assert_int_equal(vcpu_register(ap, REG_RFLAGS), RFLAGS_FIXED);
    assert_int_equal(vcpu_register(ap, REG_RSP), 0);
    assert_int_equal(vcpu_register(ap, REG_INTERRUPT_SHADOW), 0);
    assert_int_equal(cpuid_table_find(&ap->cpuid, 1, 0).ecx & BIT(27), 0); // OSXSAVE follows CR4
    assert_int_equal(ap->emulator_cache.moves[0].access, 0);               // EFER.LME is another
    assert_true(ap->waits_for_startup);
    assert_true(ap->asleep);
}

static void init_keeps_what_it_does_not_touch(void **state)
{
    (void)state;
    go_live();
    send(APIC_INIT, 0);
    assert_int_equal(vcpu_register(ap, REG_PAT), 0x0407050600070106);
    assert_int_equal(vcpu_register(ap, REG_XCR0), 7);
    assert_int_equal(vcpu_register(ap, REG_SYSENTER_EIP), 0x1234);
    assert_int_equal(ap->tsc_adjust, 77);
}

static void init_leaves_caching_as_it_was(void **state)
{
    (void)state;
    go_live();
    vcpu_set_register(ap, REG_CR0, CR0_PE | CR0_CD | CR0_NW | CR0_ET);
    send(APIC_INIT, 0);
    assert_int_equal(vcpu_register(ap, REG_CR0), CR0_CD | CR0_NW | CR0_ET);
}

static void init_resets_the_local_apic_but_not_its_mode(void **state)
{
    uint64_t value;
    (void)state;
    go_live();
    assert_true(lapic_set_base(&ap->lapic, lapic_base(&ap->lapic) | APIC_BASE_X2APIC));
    assert_true(lapic_write(&ap->lapic, LAPIC_SVR, 0x1ff, 0));
    assert_true(lapic_write(&ap->lapic, LAPIC_TPR, 0x20, 0));
    send(APIC_INIT, 0);
    assert_int_equal(lapic_mode(&ap->lapic), LAPIC_X2APIC);
    assert_true(lapic_read(&ap->lapic, LAPIC_SVR, 0, &value));
    assert_int_equal(value, 0xff);
    assert_true(lapic_read(&ap->lapic, LAPIC_TPR, 0, &value));
    assert_int_equal(value, 0);
    assert_true(lapic_read(&ap->lapic, LAPIC_ID, 0, &value));
    assert_int_equal(value, 1);
}

static void init_forgets_events_that_wait(void **state)
{
    (void)state;
    go_live();
    assert_int_equal(vcpu_fault(ap, VECTOR_GP), RETRY);
    ap->nmis_pending = 1;
    ap->halted = true;
    send(APIC_INIT, 0);
    assert_int_equal(vcpu_register(ap, REG_EVENT_WAITING), 0);
    assert_false(ap->nmis_pending);
    send(APIC_STARTUP, 0x20);
    assert_starts_at(0x20);
}

static void a_sipi_where_it_runs_changes_nothing(void **state)
{
    (void)state;
    go_live();
    send(APIC_STARTUP, 0x20);
    assert_int_equal(vcpu_register(ap, REG_RIP), 0xffffffff81000000);
    assert_int_equal(segment_of(SEGMENT_CS).base, 0x5000);
}

// No other vCPU would send the first one a SIPI, so an INIT to it resets the machine.
static void an_init_of_the_first_resets_the_vm(void **state)
{
    struct vcpu *first = fake_machine.vm->vcpus[0];
    (void)state;
    vcpu_mail_message(first, &(struct apic_message){.delivery = APIC_INIT});
    fake_host.cpu = 0;
    assert_true(vm_hold(fake_machine.vm, 0));
    vcpu_mail_take(first);
    assert_true(fake_machine.vm->reset_requested);
    assert_false(first->waits_for_startup);
    assert_true(first->core.work & WORK_STOP);
    assert_true(ap->core.work & WORK_STOP);
}

// ---- In a run ----

static unsigned entries;

static void send_itself_an_init(struct vcpu_core *core)
{
    entries++;
    assert_true(vcpu_write_lapic(vcpu_of(core), LAPIC_ICR, 1ULL << 32 | APIC_INIT << 8 | BIT(14)));
}

static void an_init_ends_the_run(void **state)
{
    (void)state;
    send(APIC_STARTUP, 0x10);
    assert_true(lapic_set_base(&ap->lapic, lapic_base(&ap->lapic) | APIC_BASE_X2APIC));
    entries = 0;
    fake_backend.guest = send_itself_an_init;
    fake_host.host.space_enter(&fake_machine.vm->space);
    vcpu_run(ap, fake_host.now_ns + 1000000);
    assert_true(entries > 0);
    assert_true(ap->waits_for_startup);
    assert_false(vcpu_runnable(ap));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_but_the_first_wait),
        TEST(a_sipi_starts_it_below_1_mib),
        TEST(nothing_else_starts_it),
        TEST(init_leaves_the_reset_state),
        TEST(init_keeps_what_it_does_not_touch),
        TEST(init_leaves_caching_as_it_was),
        TEST(init_resets_the_local_apic_but_not_its_mode),
        TEST(init_forgets_events_that_wait),
        TEST(a_sipi_where_it_runs_changes_nothing),
        TEST(an_init_of_the_first_resets_the_vm),
        TEST(an_init_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
