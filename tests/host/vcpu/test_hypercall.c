// SPDX-License-Identifier: MIT
// Tests of Husk's own hypercalls.
#include "vmm/vcpu/hypercall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"

static uint64_t call(uint64_t number, uint64_t argument)
{
    uint64_t *gpr = fake_machine_gpr();
    gpr[GPR_RAX] = number;
    gpr[GPR_RBX] = argument;
    assert_int_equal(fake_machine_exit((struct vm_exit){.kind = EXIT_HYPERCALL}), ADVANCE);
    return gpr[GPR_RAX];
}

static void version_is_the_signature(void **state)
{
    (void)state;
    assert_int_equal(call(HYPERCALL_VERSION, 0), HYPERCALL_SIGNATURE);
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00 + FAKE_INSTRUCTION_BYTES);
}

static void end_gives_the_vm_its_status(void **state)
{
    (void)state;
    call(HYPERCALL_END, 0x123456789a);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_false(fake_machine.vm->failed);
    assert_int_equal(fake_machine.vm->exit_status, 0x123456789a);
    assert_true(fake_machine.vcpu->core.work & WORK_STOP);
    assert_int_equal(fake_host_logged("[web] ended: exit status 78187493530"), 1);
}

static void clock_is_the_vms_own(void **state)
{
    uint64_t first = call(HYPERCALL_CLOCK, 0);
    (void)state;
    assert_int_equal(first, fake_host.now_ns - fake_machine.vm->clock_base_ns);
    fake_host.now_ns += 12345;
    assert_int_equal(call(HYPERCALL_CLOCK, 0), first + 12345);
}

static void unknown_numbers_say_so(void **state)
{
    static const uint64_t numbers[] = {3, 0x80000001, 0x100000001, UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        assert_int_equal(call(numbers[i], 1), HYPERCALL_UNKNOWN);
    }
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
}

static void programs_of_a_guest_may_not_call(void **state)
{
    (void)state;
    for (unsigned cpl = 1; cpl <= 3; cpl++) {
        fake_machine_set_cpl(cpl);
        assert_int_equal(call(HYPERCALL_VERSION, 0), HYPERCALL_NOT_ALLOWED);
        assert_int_equal(call(HYPERCALL_END, 7), HYPERCALL_NOT_ALLOWED);
    }
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version_is_the_signature),
        TEST(end_gives_the_vm_its_status),
        TEST(clock_is_the_vms_own),
        TEST(unknown_numbers_say_so),
        TEST(programs_of_a_guest_may_not_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
