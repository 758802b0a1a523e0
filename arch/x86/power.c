// SPDX-License-Identifier: MIT
// Power-off and reset: tries each way in turn until one works.
#include "arch/x86/power.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_register.h"
#include "arch/x86/instructions.h"
#include "arch/x86/io.h"
#include "arch/x86/log.h"
#include "arch/x86/time.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define SETTLE_NS (200 * NS_PER_MS)
#define ACPI_ENABLE_POLLS 300 // of a millisecond each

// ACPI 4.8.3.2.1 and 4.8.3.7.
#define PM1_WOKEN BIT(15) // in the status register; writing it clears it
#define PM1_SCI_ENABLE BIT(0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE BIT(13)
#define SLEEP_STATUS_WOKEN BIT(7)
#define SLEEP_CONTROL_TYPE_SHIFT 2
#define SLEEP_CONTROL_ENABLE BIT(5)

#define BOCHS_SHUTDOWN_PORT 0x8900
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_INPUT_FULL BIT(1)
#define KEYBOARD_PULSE_RESET 0xfe
#define KEYBOARD_POLLS 10000
#define RESET_CONTROL_PORT 0xcf9
#define RESET_HARD 0x02
#define RESET_NOW 0x06

static const struct acpi_info *acpi;
static void (*flush_consoles)(void);
static struct acpi_access pm1a_status;
static struct acpi_access pm1b_status;
static struct acpi_access pm1a;
static struct acpi_access pm1b;
static struct acpi_access sleep_status;
static struct acpi_access sleep_control;
static struct acpi_access reset;

void power_init(const struct acpi_info *info, void (*flush)(void))
{
    acpi = info;
    flush_consoles = flush;
    pm1a_status = acpi_register_map(&info->pm1a_status);
    pm1b_status = acpi_register_map(&info->pm1b_status);
    pm1a = acpi_register_map(&info->pm1a_control);
    pm1b = acpi_register_map(&info->pm1b_control);
    sleep_status = acpi_register_map(&info->sleep_status);
    sleep_control = acpi_register_map(&info->sleep_control);
    reset = acpi_register_map(&info->reset);
}

// Before each way that may work: until then lines may have been logged.
static void flush(void)
{
    if (flush_consoles) {
        flush_consoles();
    }
}

// PM1 is one register in two halves. The second half may be missing (ACPI 4.8.1).
static bool in_acpi_mode(void)
{
    return ((acpi_register_read(&pm1a) | acpi_register_read(&pm1b)) & PM1_SCI_ENABLE) != 0;
}

// In legacy mode the firmware owns the PM1 registers (ACPI 4.8.2.5).
static void enter_acpi_mode(void)
{
    if (acpi->smi_command_port == 0 || acpi->acpi_enable == 0 || in_acpi_mode()) {
        return;
    }
    outb(acpi->smi_command_port, acpi->acpi_enable);
    for (unsigned i = 0; i < ACPI_ENABLE_POLLS; i++) {
        if (in_acpi_mode()) {
            return;
        }
        time_delay_ns(NS_PER_MS);
    }
    log_line("power: the firmware does not enter ACPI mode");
}

static void write_pm1(const struct acpi_access *control, uint8_t type, bool enable)
{
    uint32_t value = acpi_register_read(control) & ~(PM1_SLEEP_TYPE_MASK | PM1_SLEEP_ENABLE);
    value |= (uint32_t)type << PM1_SLEEP_TYPE_SHIFT;
    acpi_register_write(control, value | (enable ? (uint32_t)PM1_SLEEP_ENABLE : 0));
}

// Writes the type first, then the type with the enable bit (ACPI 16.1.2). A wake-up that is not
// acknowledged would end the sleep at once.
static void off_by_pm1(void)
{
    enter_acpi_mode();
    flush();
    acpi_register_write(&pm1a_status, (uint32_t)PM1_WOKEN);
    acpi_register_write(&pm1b_status, (uint32_t)PM1_WOKEN);
    write_pm1(&pm1a, acpi->s5_a, false);
    write_pm1(&pm1b, acpi->s5_b, false);
    write_pm1(&pm1a, acpi->s5_a, true);
    write_pm1(&pm1b, acpi->s5_b, true);
}

static void off_by_sleep_control(void)
{
    flush();
    acpi_register_write(&sleep_status, (uint32_t)SLEEP_STATUS_WOKEN);
    acpi_register_write(&sleep_control, (uint32_t)acpi->s5_a << SLEEP_CONTROL_TYPE_SHIFT |
                                            (uint32_t)SLEEP_CONTROL_ENABLE);
}

static void off_by_acpi(void)
{
    if (!acpi || !acpi->has_s5 || !(pm1a.where.present || sleep_control.where.present)) {
        log_line("power: ACPI has no way to switch this machine off");
        return;
    }
    if (pm1a.where.present) {
        off_by_pm1();
    } else {
        off_by_sleep_control();
    }
    time_delay_ns(SETTLE_NS);
    log_line("power: ACPI S5 did not switch the machine off");
}

static void off_by_bochs(void)
{
    flush();
    for (const char *text = "Shutdown"; *text != '\0'; text++) {
        outb(BOCHS_SHUTDOWN_PORT, (uint8_t)*text);
    }
}

_Noreturn void power_off(void)
{
    interrupts_disable();
    off_by_acpi();
    off_by_bochs();
    log_line("It is now safe to turn the machine off.");
    flush();
    for (;;) {
        halt();
    }
}

static void reset_by_acpi(void)
{
    if (!reset.where.present) {
        return;
    }
    flush();
    acpi_register_write(&reset, acpi->reset_value);
    time_delay_ns(SETTLE_NS);
    log_line("power: ACPI's reset register did nothing");
}

static void reset_by_8042(void)
{
    if (acpi && !acpi->has_8042) {
        return;
    }
    for (unsigned i = 0; i < KEYBOARD_POLLS; i++) {
        if ((inb(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL) == 0) {
            break;
        }
    }
    flush();
    outb(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    time_delay_ns(SETTLE_NS);
    log_line("power: the 8042 did not reset the machine");
}

static void reset_by_chipset(void)
{
    flush();
    outb(RESET_CONTROL_PORT, RESET_HARD);
    outb(RESET_CONTROL_PORT, RESET_NOW);
    time_delay_ns(SETTLE_NS);
    log_line("power: port 0xcf9 did not reset the machine");
}

_Noreturn void power_reset(void)
{
    const struct descriptor_table no_idt = {0};
    interrupts_disable();
    // The 8042 comes last. It resets only the CPU, and some BIOSes (Bochs') do not restart from
    // that.
    reset_by_acpi();
    reset_by_chipset();
    reset_by_8042();
    flush();
    load_idt(&no_idt);
    for (;;) {
        __asm__ volatile("int3");
    }
}
