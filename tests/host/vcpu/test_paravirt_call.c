// SPDX-License-Identifier: MIT
// Tests of KVM's hypercalls: kicks, which end a HLT, and interrupts for sets of vCPUs.
#include "vmm/vcpu/paravirt_call.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/kvm_interface.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/smp_fixture.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vm/vm_hold.h"

#define VCPUS 4
#define ERROR(number) (-(uint64_t)(number))

static struct vm *vm;

static int set_up(void **state)
{
    (void)state;
    smp_begin(VCPUS);
    vm = fake_machine.vm;
    return 0;
}

struct call {
    uint64_t rbx, rcx, rdx, rsi;
};

// A call of vCPU 0, by its instruction.
static uint64_t call(uint64_t number, struct call arguments)
{
    struct vcpu *vcpu = smp_on(0);
    uint64_t *gpr = vcpu->core.registers.gpr;
    gpr[GPR_RAX] = number;
    gpr[GPR_RBX] = arguments.rbx;
    gpr[GPR_RCX] = arguments.rcx;
    gpr[GPR_RDX] = arguments.rdx;
    gpr[GPR_RSI] = arguments.rsi;
    assert_int_equal(fake_backend_exit(&vcpu->core, (struct vm_exit){.kind = EXIT_HYPERCALL}),
                     ADVANCE);
    return gpr[GPR_RAX];
}

static void kick(unsigned index)
{
    assert_int_equal(call(KVM_HC_KICK_CPU, (struct call){.rcx = index}), 0);
}

// ---- Kicks ----

static void a_kick_ends_a_halt(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        smp_halt(1, i ? RFLAGS_IF : 0);
        assert_false(smp_runnable(1));
        kick(1);
        assert_true(smp_runnable(1));
        assert_false(vm->vcpus[1]->halted || vm->vcpus[1]->asleep || vm->vcpus[1]->kicked);
        smp_halt(1, i ? RFLAGS_IF : 0); // the next one is not ended
        assert_false(smp_runnable(1));
        kick(1);
        assert_true(smp_runnable(1));
    }
}

static void a_kick_that_is_early_ends_the_next_halt(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        kick(1);
        kick(1); // counts once
        assert_true(smp_runnable(1));
        smp_halt(1, i ? RFLAGS_IF : 0);
        assert_true(smp_runnable(1));
        smp_halt(1, i ? RFLAGS_IF : 0);
        assert_false(smp_runnable(1));
        kick(1);
        assert_true(smp_runnable(1));
    }
}

// A halt that ended by something else takes the kick with it, as in KVM.
static void another_reason_takes_the_kick_too(void **state)
{
    (void)state;
    smp_halt(1, RFLAGS_IF);
    kick(1);
    vcpu_mail_message(vm->vcpus[1], &(struct apic_message){.vector = 0x41});
    assert_true(smp_runnable(1));
    assert_false(vm->vcpus[1]->kicked);
}

static void a_kick_is_no_sipi(void **state)
{
    (void)state;
    smp_send(1, APIC_INIT, 0x10);
    assert_false(smp_runnable(1));
    kick(1);
    assert_false(smp_runnable(1));
    assert_true(vm->vcpus[1]->asleep);
    smp_send(1, APIC_STARTUP, 0x10);
    assert_true(smp_runnable(1));
    smp_halt(1, 0);
    assert_false(smp_runnable(1)); // nothing is left of the kick
}

static void an_init_ends_a_kick(void **state)
{
    (void)state;
    kick(1);
    smp_send(1, APIC_INIT, 0x10);
    smp_send(1, APIC_STARTUP, 0x10);
    assert_true(smp_runnable(1));
    smp_halt(1, 0);
    assert_false(smp_runnable(1));
}

static void nobody_can_be_kicked(void **state)
{
    (void)state;
    assert_int_equal(call(KVM_HC_KICK_CPU, (struct call){.rcx = VCPUS}), 0);
    assert_int_equal(call(KVM_HC_KICK_CPU, (struct call){.rcx = UINT32_MAX}), 0);
    assert_int_equal(call(KVM_HC_KICK_CPU, (struct call){.rcx = UINT64_MAX}), 0);
    for (unsigned i = 1; i < VCPUS; i++) {
        smp_halt(i, 0);
        assert_false(smp_runnable(i));
    }
}

// The one that is kicked runs again, so the VM does not sleep for ever. Then it does.
static void a_kick_counts_where_all_others_sleep(void **state)
{
    (void)state;
    for (unsigned i = 1; i < VCPUS; i++) {
        smp_halt(i, 0);
        assert_false(smp_runnable(i));
    }
    kick(2);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_true(smp_runnable(2));
    smp_halt(2, 0);
    assert_int_equal(vm->state, VM_ENDED);
    assert_int_equal(fake_host_logged("halted for ever"), 1);
}

static void a_kick_of_its_own_counts_too(void **state)
{
    (void)state;
    for (unsigned i = 1; i < VCPUS; i++) {
        smp_halt(i, 0);
    }
    kick(0);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_true(smp_runnable(0));
}

// ---- Interrupts ----

static bool requested(unsigned index, uint8_t vector)
{
    struct vcpu *vcpu = smp_on(index);
    vcpu_mail_take(vcpu);
    return lapic_word(&vcpu->lapic, LAPIC_REQUESTED, vector / 32) & BIT(vector % 32);
}

static void assert_requested(uint8_t vector, unsigned set)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(requested(i, vector), (set >> i & 1) != 0);
    }
}

static void long_mode(void)
{
    struct vcpu *vcpu = smp_on(0);
    vcpu->core.backend->segments[SEGMENT_CS] =
        (struct segment){.selector = 8, .attributes = 0xa09b, .limit = UINT32_MAX};
    vcpu_set_register(vcpu, REG_EFER, EFER_LME | EFER_LMA);
}

static uint64_t interrupt(struct call arguments)
{
    return call(KVM_HC_SEND_IPI, arguments);
}

static void a_set_gets_an_interrupt(void **state)
{
    (void)state;
    long_mode();
    assert_int_equal(interrupt((struct call){.rbx = 0xb, .rsi = 0x41}), 3); // itself too
    assert_requested(0x41, 0xb);
    assert_int_equal(interrupt((struct call){.rbx = 0x3, .rdx = 2, .rsi = 0x4042}), 2);
    assert_requested(0x42, 0xc);
    assert_int_equal(interrupt((struct call){.rsi = 0x43}), 0);
    assert_requested(0x43, 0);
}

static void it_wakes(void **state)
{
    (void)state;
    smp_halt(1, RFLAGS_IF);
    smp_halt(2, 0);
    assert_false(smp_runnable(1) || smp_runnable(2));
    assert_int_equal(interrupt((struct call){.rbx = 6, .rsi = 0x41}), 2);
    assert_true(smp_runnable(1));
    assert_false(smp_runnable(2));
    assert_int_equal(interrupt((struct call){.rbx = 4, .rsi = 0x400}), 1);
    assert_true(smp_runnable(2));
    assert_int_equal(vm->vcpus[2]->nmis_pending, 1);
}

static void halves_of_the_set_have_the_modes_width(void **state)
{
    (void)state;
    assert_int_equal(interrupt((struct call){.rbx = BIT(32) | 1, .rcx = BIT(33) | 2, .rsi = 0x41}),
                     1); // of 32 bits each: APIC IDs 0 and 33
    assert_requested(0x41, 1);
    long_mode();
    assert_int_equal(interrupt((struct call){.rcx = 1, .rdx = 0, .rsi = 0x42}), 0); // APIC ID 64
    assert_int_equal(interrupt((struct call){.rbx = 2, .rdx = BIT(32) | 1, .rsi = 0x42}), 1);
    assert_requested(0x42, 4);
}

static void ids_that_nobody_has_are_left_out(void **state)
{
    (void)state;
    long_mode();
    assert_int_equal(interrupt((struct call){UINT64_MAX, UINT64_MAX, 0, 0x41}), VCPUS);
    assert_requested(0x41, 0xf);
    assert_int_equal(interrupt((struct call){UINT64_MAX, UINT64_MAX, VCPUS, 0x42}), 0);
    assert_int_equal(interrupt((struct call){UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x42}), 0);
    assert_requested(0x42, 0);
}

static void only_fixed_interrupts_and_nmis_are_sent(void **state)
{
    static const uint64_t refused[] = {0x141, 0x241, 0x341,   0x500,   0x610,
                                       0x700, 0x841, 0x40041, 0x80041, 0xc0041};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        assert_int_equal(interrupt((struct call){.rbx = 0xf, .rsi = refused[i]}),
                         ERROR(KVM_ERROR_INVAL));
    }
    assert_requested(0x41, 0);
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_false(vm->vcpus[i]->waits_for_startup);
    }
}

// ---- Both ----

static void without_paravirt_there_are_none(void **state)
{
    (void)state;
    vm->config.no_paravirt = true;
    smp_halt(1, 0);
    assert_int_equal(call(KVM_HC_KICK_CPU, (struct call){.rcx = 1}), ERROR(KVM_ERROR_NOSYS));
    assert_int_equal(interrupt((struct call){.rbx = 2, .rsi = 0x400}), ERROR(KVM_ERROR_NOSYS));
    assert_false(smp_runnable(1));
}

static void others_do_not_exist(void **state)
{
    (void)state;
    for (uint64_t number = 3; number < 64; number++) {
        if (number != KVM_HC_KICK_CPU && number != KVM_HC_SEND_IPI) {
            assert_int_equal(call(number, (struct call){1, 1, 1, 1}), ERROR(KVM_ERROR_NOSYS));
        }
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kick_ends_a_halt),
        TEST(a_kick_that_is_early_ends_the_next_halt),
        TEST(another_reason_takes_the_kick_too),
        TEST(a_kick_is_no_sipi),
        TEST(an_init_ends_a_kick),
        TEST(nobody_can_be_kicked),
        TEST(a_kick_counts_where_all_others_sleep),
        TEST(a_kick_of_its_own_counts_too),
        TEST(a_set_gets_an_interrupt),
        TEST(it_wakes),
        TEST(halves_of_the_set_have_the_modes_width),
        TEST(ids_that_nobody_has_are_left_out),
        TEST(only_fixed_interrupts_and_nmis_are_sent),
        TEST(without_paravirt_there_are_none),
        TEST(others_do_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
