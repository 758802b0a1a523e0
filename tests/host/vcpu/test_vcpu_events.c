// SPDX-License-Identifier: MIT
// Tests of interrupts that the I/O APIC brings from the 8259s to a vCPU. test_vcpu.c has the
// others.
#include "vmm/vcpu/vcpu_events.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_registers.h"

static void raise_irq(unsigned irq)
{
    pic_set_line(&fake_machine.vm->pc->pic, irq, false);
    pic_set_line(&fake_machine.vm->pc->pic, irq, true);
}

static void run_with_interrupts_on(void)
{
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    fake_machine_run();
}

static void assert_delivered(unsigned count, uint8_t vector)
{
    assert_int_equal(fake_backend.event_count, count);
    assert_int_equal(fake_backend.events[count - 1].type, EVENT_INTERRUPT);
    assert_int_equal(fake_backend.events[count - 1].vector, vector);
}

// Virtual wire through the I/O APIC: input 0 has the 8259s' INTR.
static void let_the_8259_in_by_the_io_apic(void)
{
    fake_machine_program_pics();
    assert_true(lapic_write(&fake_machine.vcpu->lapic, LAPIC_LVT_LINT0, BIT(16), 0));
    fake_machine_ioapic_write(0, 0x10);
    fake_machine_ioapic_write(0x10, APIC_EXTINT << 8);
}

static void the_io_apic_brings_in_the_8259(void **state)
{
    (void)state;
    let_the_8259_in_by_the_io_apic();
    raise_irq(4);
    run_with_interrupts_on();
    assert_delivered(1, 0x24);
    run_with_interrupts_on();
    assert_int_equal(fake_backend.event_count, 1);
    fake_machine_out(0x20, 1, 0x20);
    raise_irq(1);
    run_with_interrupts_on();
    assert_delivered(2, 0x21);
}

// INTR stays high between two requests if the first one needs no EOI.
static void the_io_apic_brings_in_all_of_the_8259(void **state)
{
    (void)state;
    let_the_8259_in_by_the_io_apic();
    fake_machine_out(0x20, 1, 0x11);
    fake_machine_out(0x21, 1, 0x20);
    fake_machine_out(0x21, 1, 4);
    fake_machine_out(0x21, 1, 3); // automatic EOI
    raise_irq(4);
    raise_irq(1);
    for (unsigned i = 0; i < 3; i++) {
        run_with_interrupts_on();
    }
    assert_delivered(2, 0x24);
    assert_int_equal(fake_backend.events[0].vector, 0x21);
}

static void an_extint_without_a_request_is_spurious(void **state)
{
    (void)state;
    let_the_8259_in_by_the_io_apic();
    raise_irq(4);
    fake_machine_out(0x21, 1, 0xff);
    run_with_interrupts_on();
    assert_delivered(1, 0x27);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_io_apic_brings_in_the_8259),
        TEST(the_io_apic_brings_in_all_of_the_8259),
        TEST(an_extint_without_a_request_is_spurious),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
