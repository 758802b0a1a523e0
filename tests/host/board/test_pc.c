// SPDX-License-Identifier: MIT
// Tests of how a VM's devices are wired: to ports, interrupt controllers, terminal and reset line.
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_time.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_timers.h"

#define MS 1000000ULL
#define UART 0x3f8

static struct pc *pc(void)
{
    return fake_machine.vm->pc;
}

// The vector that the local APIC would deliver after it has taken its mail; -1 if there is none.
static int pending(void)
{
    vcpu_mail_take(fake_machine.vcpu);
    return lapic_pending(&fake_machine.vcpu->lapic);
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)fake_machine_in(port, 1);
}

static void out(uint16_t port, uint8_t value)
{
    fake_machine_out(port, 1, value);
}

static void advance_to(uint64_t ns)
{
    fake_host.now_ns = ns;
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
}

// ---- Ports ----

static void every_device_answers_at_its_ports(void **state)
{
    static const uint16_t readable[] = {
        0x20,  0x21,  0x40,  0x60,  0x61,  0x64,  0x70,  0x71,  0x80,  0x92,  0xa0,  0xa1,
        0xe9,  0xf4,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x4d0, 0x4d1,
        0x3b4, 0x3c0, 0x3d4, 0x3da, 0x600, 0x60b, 0xcf8, 0xcf9, 0xcfc, 0xcff};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(readable); i++) {
        in(readable[i]);
        assert_int_equal(pc()->io.unclaimed, 0);
    }
}

static void what_a_pc_has_not_is_counted(void **state)
{
    static const uint16_t absent[] = {0x1f0, 0x2f8, 0x300, 0x3e0, 0x510, 0x62,
                                      0x65,  0x72,  0x22,  0x4d2, 0x402, 0x5658};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        assert_int_equal(in(absent[i]), 0xff);
        assert_int_equal(pc()->io.unclaimed, i + 1);
        assert_int_equal(pc()->io.last_unclaimed, absent[i]);
    }
}

static void each_port_reaches_its_own_device(void **state)
{
    (void)state;
    out(0x21, 0xaa);
    out(0xa1, 0x55);
    out(0x4d0, 0x20);
    out(0x4d1, 0x40);
    out(0x80, 0x77);
    out(UART + 7, 0x66);
    assert_int_equal(in(0x21), 0xaa);
    assert_int_equal(in(0xa1), 0x55);
    assert_int_equal(in(0x4d0), 0x20);
    assert_int_equal(in(0x4d1), 0x40);
    assert_int_equal(in(0x80), 0x77);
    assert_int_equal(in(UART + 7), 0x66);
    assert_int_equal(in(0xe9), 0xe9);
    assert_int_equal(in(UART + 5), 0x60); // nothing received, transmitter empty
    assert_int_equal(in(0x92) & 2, 2);    // A20
    assert_true(in(0x64) & 0x10);
}

static void the_cursor_is_the_adapters(void **state)
{
    (void)state;
    fake_machine_out(0x3d4, 2, 0x120e); // index and data at once
    fake_machine_out(0x3d4, 2, 0x340f);
    assert_int_equal(vga_view(&pc()->vga).cursor, 0x1234);
    assert_int_equal((uint16_t)fake_machine_in(0x3d4, 2), 0x340f);
}

static void cmos_tells_the_memory(void **state)
{
    (void)state;
    out(0x70, 0x15);
    assert_int_equal(in(0x71), 640 & 0xff);
    out(0x70, 0x16);
    assert_int_equal(in(0x71), 640 >> 8);
    out(0x70, 0x17);
    unsigned low = in(0x71);

    out(0x70, 0x18);
    assert_int_equal(in(0x71) << 8 | low, (FAKE_VM_BYTES - MIB) / KIB);
    out(0x70, 0x5b);
    assert_int_equal(in(0x71), 0);
}

static void cmos_tells_the_machines_date(void **state)
{
    (void)state;
    out(0x70, 0x09);
    assert_int_equal(in(0x71), 0x26); // 2026
    out(0x70, 0x08);
    assert_int_equal(in(0x71), 0x01);
}

// ---- Interrupt lines ----

static void program_controllers(void)
{
    fake_machine_program_pics();
    for (uint32_t pin = 1; pin < IOAPIC_PINS; pin++) { // vector 0x60 + pin, to APIC ID 0
        fake_machine_ioapic_write(0, 0x10 + 2 * pin);
        fake_machine_ioapic_write(0x10, 0x60 + pin);
    }
}

// Checks the vectors that an interrupt gives at the 8259s and, through the I/O APIC, at the local
// APIC.
static void assert_raised(uint8_t vector, uint8_t apic_vector)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    assert_true(pic_pending(&pc()->pic));
    assert_true(fake_machine.vcpu->core.work & WORK_EVENTS);
    assert_int_equal(pic_acknowledge(&pc()->pic), vector);
    assert_int_equal(pending(), apic_vector);
    lapic_accept(lapic, apic_vector);
    lapic_eoi(lapic);
    assert_int_equal(pending(), -1);
}

static void the_pit_is_irq_0_and_pin_2(void **state)
{
    (void)state;
    out(0x43, 0x34); // OUT rises now, before the guest unmasks it
    program_controllers();
    fake_machine.vcpu->core.work = 0;
    out(0x40, 0xa9); // 1193 ticks, about 1 ms
    out(0x40, 0x04);
    assert_int_not_equal(fake_machine.vcpu->core.work, 0); // the deadline has changed
    uint64_t due_ns = fake_machine_next_event_ns(fake_machine.vcpu);

    assert_in_range(due_ns, fake_host.now_ns + 990000, fake_host.now_ns + 1010000);
    advance_to(due_ns - 1000);
    assert_false(pic_pending(&pc()->pic));
    fake_machine.vcpu->core.work = 0;
    advance_to(due_ns);
    assert_raised(0x20, 0x62);
}

static void the_rtc_is_irq_8(void **state)
{
    (void)state;
    program_controllers();
    out(0x70, 0x0b);
    out(0x71, 0x42); // periodic interrupt, 24 hours
    uint64_t due_ns = fake_machine_next_event_ns(fake_machine.vcpu);

    assert_in_range(due_ns, fake_host.now_ns + 1, fake_host.now_ns + 2 * MS);
    advance_to(due_ns);
    assert_raised(0x28, 0x68);
    fake_machine.vcpu->core.work = 0;
    out(0x70, 0x0c);
    in(0x71);
    assert_true(fake_machine.vcpu->core.work & WORK_TIMERS); // the next one has its deadline
}

static void the_uart_is_irq_4(void **state)
{
    (void)state;
    program_controllers();
    out(UART + 4, 0x08); // OUT2 lets the line through
    out(UART + 1, 0x01);
    assert_true(terminal_type(&fake_machine.vm->terminal, 'x'));
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
    assert_raised(0x24, 0x64);
    assert_int_equal(in(UART), 'x');
}

static void the_keyboard_is_irq_1(void **state)
{
    (void)state;
    program_controllers();
    out(0x64, 0x60);
    out(0x60, 0x41); // interrupts on
    out(0x60, 0xee); // echo
    assert_int_equal(in(0x60), 0xee);
    out(0x60, 0xee);
    assert_raised(0x21, 0x61);
}

static void a_masked_8259_is_silent(void **state)
{
    (void)state;
    out(0x43, 0x34);
    out(0x40, 0xa9);
    out(0x40, 0x04);
    out(0x21, 0xff);
    advance_to(fake_host.now_ns + 10 * MS);
    assert_false(pic_pending(&pc()->pic));
}

static void lint0_may_deliver_the_8259_as_a_fixed_interrupt(void **state)
{

    (void)state;
    program_controllers();
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_LINT0, 0x70));
    out(0x64, 0x60);
    out(0x60, 0x41);
    fake_machine_ioapic_write(0, 0x12);
    fake_machine_ioapic_write(0x10, BIT(16)); // pin 1 is masked there
    out(0x60, 0xee);
    assert_int_equal(pending(), 0x70);
}

static void nmis_of_the_io_apic_reach_the_cpu(void **state)
{
    (void)state;
    fake_machine_ioapic_write(0, 0x12);
    fake_machine_ioapic_write(0x10, APIC_NMI << 8);
    out(0x64, 0x60);
    out(0x60, 0x41);
    out(0x60, 0xee);
    vcpu_mail_take(fake_machine.vcpu);
    assert_true(fake_machine.vcpu->nmis_pending);
}

static void messages_to_other_apics_are_dropped(void **state)
{
    (void)state;
    program_controllers();
    fake_machine_ioapic_write(0, 0x13);
    fake_machine_ioapic_write(0x10, 5U << 24); // to APIC ID 5
    out(0x64, 0x60);
    out(0x60, 0x41);
    out(0x60, 0xee);
    assert_int_equal(pending(), -1);
}

static void a_level_interrupt_comes_again_until_its_line_falls(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    fake_machine_ioapic_write(0, 0x18); // pin 4, level-triggered
    fake_machine_ioapic_write(0x10, BIT(15) | 0x64);
    out(UART + 4, 0x08);
    out(UART + 1, 0x01);
    assert_true(terminal_type(&fake_machine.vm->terminal, 'x'));
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
    assert_int_equal(pending(), 0x64);
    lapic_accept(lapic, 0x64);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_EOI, 0));
    assert_int_equal(pending(), 0x64); // by ioapic_eoi
    lapic_accept(lapic, 0x64);
    assert_int_equal(in(UART), 'x');
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_EOI, 0));
    assert_int_equal(pending(), -1);
}

static void the_power_button_is_irq_9(void **state)
{
    (void)state;
    program_controllers();
    out(0x4d1, 0x02); // IRQ 9 is level-triggered
    fake_machine_ioapic_write(0, 0x10 + 2 * 9);
    fake_machine_ioapic_write(0x10, BIT(15) | 0x69);
    fake_machine_out(0x602, 2, BIT(8));
    acpi_pm_press_power_button(&pc()->acpi_pm);
    assert_true(pic_pending(&pc()->pic));
    assert_int_equal(pending(), 0x69);
    fake_machine_out(0x600, 2, BIT(8));
    assert_false(pic_pending(&pc()->pic));
}

static void the_pm_timer_has_its_deadline(void **state)
{
    uint64_t half_ns = BIT(31) * 1000 * MS / ACPI_PM_TIMER_HZ; // 600 s
    (void)state;
    program_controllers();
    fake_machine_out(0x602, 2, BIT(0));
    uint64_t due_ns = fake_machine_next_event_ns(fake_machine.vcpu);

    assert_in_range(due_ns, fake_host.now_ns + half_ns, fake_host.now_ns + half_ns + 1);
    advance_to(due_ns);
    assert_raised(0x29, 0x69);
    assert_int_equal(fake_machine_in(0x608, 4), BIT(31));
}

static void hpet_write_at(unsigned offset, uint64_t value)
{
    assert_true(pc_memory_write(pc(), gpa(HPET_BASE + offset), 8, value));
}

static void the_hpet_interrupts_by_its_own_route(void **state)
{
    (void)state;
    program_controllers();
    hpet_write_at(0x140, 4 | 20 << 9); // timer 2 to input 20
    hpet_write_at(0x148, 1000);
    fake_machine.vcpu->core.work = 0;
    hpet_write_at(0x10, 1);
    assert_int_not_equal(fake_machine.vcpu->core.work, 0); // the deadline has changed
    uint64_t due_ns = fake_machine_next_event_ns(fake_machine.vcpu);

    assert_int_equal(due_ns, fake_host.now_ns + 10000);
    advance_to(due_ns);
    assert_int_equal(pending(), 0x74);
    assert_false(pic_pending(&pc()->pic));
}

static void the_hpet_replaces_the_pit_and_the_rtc(void **state)
{
    (void)state;
    out(0x43, 0x34);
    program_controllers();
    out(0x40, 0xa9); // about 1 ms
    out(0x40, 0x04);
    out(0x70, 0x0b);
    out(0x71, 0x42); // and the RTC's periodic interrupt
    hpet_write_at(0x100, 4);
    hpet_write_at(0x108, 500000); // 5 ms
    hpet_write_at(0x120, 4);
    hpet_write_at(0x128, 600000);
    hpet_write_at(0x10, 3);
    uint64_t started_ns = fake_host.now_ns;

    assert_int_equal(fake_machine_next_event_ns(fake_machine.vcpu), started_ns + 5 * MS);
    advance_to(started_ns + 5 * MS - 1);
    assert_false(pic_pending(&pc()->pic));
    advance_to(started_ns + 5 * MS);
    assert_raised(0x20, 0x62);
    out(0x20, 0x20);
    advance_to(started_ns + 6 * MS);
    assert_raised(0x28, 0x68);
    hpet_write_at(0x10, 0); // now PIT and RTC are heard again
    out(0xa0, 0x20);
    out(0x20, 0x20);
    advance_to(started_ns + 7 * MS);
    assert_true(pic_pending(&pc()->pic));
}

static void other_addresses_are_nobodys(void **state)
{
    static const uint64_t absent[] = {0xfeafffff, 0xfec01000, 0xfecfffff, 0xfed00400,
                                      0xfee00000, 0xc0000000, UINT64_MAX};
    uint64_t value;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        assert_false(pc_memory_read(pc(), gpa(absent[i]), 4, &value));
        assert_false(pc_memory_write(pc(), gpa(absent[i]), 4, 0));
    }
}

// ---- Reset and end ----

static void assert_reset_asked_for(void)
{
    assert_true(fake_machine.vm->reset_requested);
    assert_true(fake_machine.vcpu->core.work & WORK_STOP);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
}

static void the_i8042_resets(void **state)
{
    (void)state;
    out(0x64, 0xfe);
    assert_reset_asked_for();
}

static void port_92_resets(void **state)
{
    (void)state;
    out(0x92, in(0x92));
    assert_false(fake_machine.vm->reset_requested);
    out(0x92, 3);
    assert_reset_asked_for();
}

static void port_cf9_resets(void **state)
{
    (void)state;
    out(0xcf9, 2);
    assert_false(fake_machine.vm->reset_requested);
    out(0xcf9, 6);
    assert_reset_asked_for();
}

static void the_pci_address_is_no_reset(void **state)
{
    (void)state;
    fake_machine_out(0xcf8, 4, 0x80000600); // its second byte alone would ask for a reset
    assert_false(fake_machine.vm->reset_requested);
    assert_int_equal(fake_machine_in(0xcf8, 4), 0x80000600);
    fake_machine_out(0xcf8, 4, 0x80000000);
    assert_int_equal(fake_machine_in(0xcfc, 4), 0x12378086);
    assert_int_equal((uint16_t)fake_machine_in(0xcfe, 2), 0x1237);
}

static void s5_ends_the_vm_by_its_own_wish(void **state)
{
    (void)state;
    fake_machine.vm->exit_status = 7;
    fake_machine_out(0x604, 2, BIT(13) | ACPI_PM_SLEEP_TYPE_S5 << 10);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_false(fake_machine.vm->failed);
    assert_int_equal(fake_machine.vm->exit_status, 0);
    assert_string_equal(fake_machine.vm->ended.text, "powered off");
}

static void assert_ends_with(uint8_t width, uint32_t written, uint64_t status)
{
    fake_machine_out(0xf4, width, written);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_false(fake_machine.vm->failed);
    assert_int_equal(fake_machine.vm->exit_status, status);
}

static void port_f4_ends_with_a_byte(void **state)
{
    (void)state;
    assert_ends_with(1, 0x12345678, 0x78);
    assert_string_equal(fake_machine.vm->ended.text, "exit status 120");
}

static void port_f4_ends_with_a_word(void **state)
{
    (void)state;
    assert_ends_with(2, 0x12345678, 0x5678);
}

static void port_f4_ends_with_a_double_word(void **state)
{
    (void)state;
    assert_ends_with(4, 0x12345678, 0x12345678);
    assert_int_equal(fake_host_logged("[web] ended: exit status 305419896"), 1);
}

// ---- The terminal ----

static void output_kicks_the_console_once(void **state)
{
    struct terminal *terminal = &fake_machine.vm->terminal;
    unsigned kicks = fake_host.kicks[0];
    (void)state;
    out(UART, 'a');
    assert_int_equal(fake_host.kicks[0], kicks + 1);
    out(UART, 'b');
    out(0xe9, 'c');
    assert_int_equal(fake_host.kicks[0], kicks + 1);
    assert_int_equal(terminal_take(terminal), 'a');
    assert_int_equal(terminal_take(terminal), 'b');
    assert_int_equal(terminal_take(terminal), 'c');
    fake_host.now_ns += 1000000;
    assert_int_equal(fake_machine.vmm.talking, 1);
    out(UART, 'x');
    assert_int_equal(fake_host.kicks[0], kicks + 1); // CPU 0 has not looked yet
    fake_machine.vmm.talking = 0;
    out(UART, 'd');
    assert_int_equal(fake_host.kicks[0], kicks + 2);
}

static bool is_full(const struct terminal *terminal)
{
    return terminal->output_head - terminal->output_tail == TERMINAL_OUTPUT_BYTES;
}

static void output_waits_for_a_full_terminal(void **state)
{
    struct terminal *terminal = &fake_machine.vm->terminal;
    (void)state;
    for (unsigned i = 0; i < TERMINAL_OUTPUT_BYTES; i++) {
        out(UART, '.');
    }
    assert_true(is_full(terminal));
    assert_int_equal(in(UART + 5) & 0x20, 0x20);
    out(UART, 'z');
    assert_int_equal(in(UART + 5) & 0x20, 0); // it waits in the UART
    assert_int_equal(fake_machine_next_event_ns(fake_machine.vcpu), NEVER_NS);
    while (terminal_has_output(terminal)) {
        assert_int_equal(terminal_take(terminal), '.');
    }
    assert_true(terminal_take_room_wanted(terminal));
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
    assert_int_equal(terminal_take(terminal), 'z');
    assert_int_equal(in(UART + 5) & 0x20, 0x20);
}

static void a_guest_that_polls_finds_the_room_by_itself(void **state)
{
    struct terminal *terminal = &fake_machine.vm->terminal;
    (void)state;
    while (!is_full(terminal)) {
        out(UART, '.');
    }
    out(UART, 'z');
    assert_int_equal(in(UART + 5) & 0x20, 0);
    assert_int_equal(terminal_take(terminal), '.');
    assert_int_equal(in(UART + 5) & 0x20, 0x20);
    assert_true(is_full(terminal));
}

static void input_comes_as_the_guest_reads(void **state)
{
    struct terminal *terminal = &fake_machine.vm->terminal;
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        assert_true(terminal_type(terminal, (uint8_t)('A' + i)));
    }
    for (unsigned i = 0; i < 40; i++) {
        assert_true(in(UART + 5) & 1);
        assert_int_equal(in(UART), 'A' + i);
        assert_false(in(UART + 5) & 1); // the next one is on its way
        fake_host.now_ns += 2 * MS;
    }
    assert_false(in(UART + 5) & 1);
    assert_int_equal(in(UART + 5) & 2, 0); // no overrun
}

static void loop_back_keeps_what_is_typed(void **state)
{
    (void)state;
    out(UART + 4, 0x10);
    assert_true(terminal_type(&fake_machine.vm->terminal, 'k'));
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
    assert_false(in(UART + 5) & 1);
    out(UART, 'l');
    assert_int_equal(in(UART), 'l');
    out(UART + 4, 0);
    pc_advance(pc(), vm_now_ns(fake_machine.vm));
    assert_int_equal(in(UART), 'k');
}

// ---- Time ----

static void an_event_that_was_seen_is_over(void **state)
{
    uint64_t seed = 1;
    (void)state;
    program_controllers();
    for (unsigned i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        out(0x43, (uint8_t)((seed >> 40 & 0x0e) | 0x30));
        out(0x40, (uint8_t)(seed >> 56));
        out(0x40, seed >> 33 & 1 ? 0 : (uint8_t)(seed >> 48));
        out(0x70, 0x0a);
        out(0x71, (uint8_t)(0x20 | (seed >> 36 & 0xf)));
        out(0x70, 0x0b);
        out(0x71, (uint8_t)(seed >> 25 & 0x70));
        for (unsigned j = 0; j < 5; j++) {
            uint64_t next_ns = fake_machine_next_event_ns(fake_machine.vcpu);

            if (next_ns == NEVER_NS) {
                break;
            }
            assert_true(next_ns > fake_host.now_ns || j == 0);
            advance_to(MAX(next_ns, fake_host.now_ns));
            assert_true(fake_machine_next_event_ns(fake_machine.vcpu) > fake_host.now_ns);
            out(0x70, 0x0c);
            in(0x71);
        }
        fake_host.now_ns += seed >> 44;
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_device_answers_at_its_ports),
        TEST(what_a_pc_has_not_is_counted),
        TEST(each_port_reaches_its_own_device),
        TEST(the_cursor_is_the_adapters),
        TEST(cmos_tells_the_memory),
        TEST(cmos_tells_the_machines_date),
        TEST(the_pit_is_irq_0_and_pin_2),
        TEST(the_rtc_is_irq_8),
        TEST(the_uart_is_irq_4),
        TEST(the_keyboard_is_irq_1),
        TEST(the_power_button_is_irq_9),
        TEST(the_pm_timer_has_its_deadline),
        TEST(the_hpet_interrupts_by_its_own_route),
        TEST(the_hpet_replaces_the_pit_and_the_rtc),
        TEST(other_addresses_are_nobodys),
        TEST(a_masked_8259_is_silent),
        TEST(lint0_may_deliver_the_8259_as_a_fixed_interrupt),
        TEST(nmis_of_the_io_apic_reach_the_cpu),
        TEST(messages_to_other_apics_are_dropped),
        TEST(a_level_interrupt_comes_again_until_its_line_falls),
        TEST(the_i8042_resets),
        TEST(port_92_resets),
        TEST(port_cf9_resets),
        TEST(the_pci_address_is_no_reset),
        TEST(s5_ends_the_vm_by_its_own_wish),
        TEST(port_f4_ends_with_a_byte),
        TEST(port_f4_ends_with_a_word),
        TEST(port_f4_ends_with_a_double_word),
        TEST(output_kicks_the_console_once),
        TEST(output_waits_for_a_full_terminal),
        TEST(a_guest_that_polls_finds_the_room_by_itself),
        TEST(input_comes_as_the_guest_reads),
        TEST(loop_back_keeps_what_is_typed),
        TEST(an_event_that_was_seen_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
