// SPDX-License-Identifier: MIT
// Attempts on the devices: every value to every register.
#include "guests/hostile/groups.h"
#include "guests/hostile/health.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"
#include "guests/lib/rtc.h"

#define BYTE_VALUES 256U
#define UART 0x3f8
#define UART_REGISTERS 8
#define UART_SCRATCH 7
#define KEYBOARD_DATA 0x60
#define KEYBOARD_COMMAND 0x64
#define COMMAND_WRITE_OUTPUT_PORT 0xd1
#define COMMAND_A20_OFF 0xdd
#define COMMAND_PULSE_FIRST 0xf0
#define OUTPUT_PORT_NO_RESET BIT(0)
#define IOAPIC_SELECT 0xfec00000ULL
#define IOAPIC_WINDOW 0xfec00010ULL
#define IOAPIC_REDIRECTION_FIRST 0x10
#define IOAPIC_MASKED BIT(16)
#define APIC_PAGE_BYTES 0x1000U

static void write_all_values(uint16_t port)
{
    for (unsigned value = 0; value < BYTE_VALUES; value++) {
        out8(port, (uint8_t)value);
        in8(port);
    }
}

// Writes each pair of command words: initialisation that stops half-way, polls, reads.
static enum outcome pic_values(void)
{
    static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        write_all_values(ports[i]);
    }
    for (unsigned first = 0; first < BYTE_VALUES; first += 5) {
        for (unsigned second = 0; second < BYTE_VALUES; second += 7) {
            out8(0x20, (uint8_t)first);
            out8(0x21, (uint8_t)second);
            in8(0x20);
        }
    }
    return devices_work();
}

static enum outcome pit_values(void)
{
    for (unsigned command = 0; command < BYTE_VALUES; command++) {
        out8(0x43, (uint8_t)command);
        for (uint16_t channel = 0x40; channel < 0x43; channel++) {
            out8(channel, (uint8_t)(command & 1));
            in8(channel);
            out8(channel, 0);
            in8(channel);
        }
    }
    write_all_values(0x61);
    return devices_work();
}

static enum outcome rtc_values(void)
{
    static const uint8_t values[] = {0x00, 0x59, 0x7f, 0x80, 0xa5, 0xff};
    for (unsigned index = 0; index < BYTE_VALUES; index++) {
        for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
            out8(CMOS_INDEX, (uint8_t)index);
            out8(CMOS_DATA, values[i]);
            cmos_read((uint8_t)index);
        }
    }
    return devices_work();
}

static bool pulls_the_rug(unsigned command)
{
    return command == COMMAND_A20_OFF ||
           (command >= COMMAND_PULSE_FIRST && (command & OUTPUT_PORT_NO_RESET) == 0);
}

// Sends all commands, each with a byte of data, except those that reset the machine or hide the odd
// megabytes (A20 off).
static enum outcome keyboard_values(void)
{
    for (unsigned command = 0; command < BYTE_VALUES; command++) {
        if (pulls_the_rug(command)) {
            continue;
        }
        out8(KEYBOARD_COMMAND, (uint8_t)command);
        out8(KEYBOARD_DATA, (uint8_t)(command | OUTPUT_PORT_NO_RESET | BIT(1)));
        in8(KEYBOARD_DATA);
        in8(KEYBOARD_COMMAND);
    }
    for (unsigned value = 0; value < BYTE_VALUES; value++) {
        out8(KEYBOARD_DATA, (uint8_t)value);
        in8(KEYBOARD_DATA);
    }
    return devices_work();
}

// With the loop-back on, bytes do not leave the UART.
static enum outcome uart_values(void)
{
    print_flush();
    out8(UART + 4, 0x10);
    for (uint16_t reg = 0; reg < UART_REGISTERS; reg++) {
        for (unsigned value = 0; value < BYTE_VALUES; value++) {
            out8((uint16_t)(UART + 4), 0x10);
            out8((uint16_t)(UART + reg), (uint8_t)(reg == 4 ? value | 0x10 : value));
            in8((uint16_t)(UART + reg));
        }
    }
    out8(UART + UART_SCRATCH, 0x42);
    const uint8_t scratch = in8(UART + UART_SCRATCH);
    return scratch == 0x42 ? OUTCOME_DONE : attempt_wrong("scratch register", scratch);
}

static enum outcome ioapic_values(void)
{
    volatile uint32_t *select = (volatile uint32_t *)IOAPIC_SELECT;
    volatile uint32_t *window = (volatile uint32_t *)IOAPIC_WINDOW;
    for (unsigned index = 0; index < BYTE_VALUES; index++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            *select = index;
            *window = (uint32_t)BIT(bit);
            *window = UINT32_MAX;
            (void)*window;
        }
        *window = (uint32_t)IOAPIC_MASKED;
    }
    return devices_work();
}

// Writes every aligned register of the page, except the ICR, which has attempts of its own.
static enum outcome apic_values(void)
{
    for (unsigned offset = 0; offset < APIC_PAGE_BYTES; offset += 16) {
        if (offset == APIC_ICR) {
            continue;
        }
        for (unsigned bit = 0; bit < 32; bit++) {
            xapic_write(offset, (uint32_t)BIT(bit));
            xapic_read(offset);
        }
        xapic_write(offset, UINT32_MAX);
        xapic_write(offset, 0);
    }
    return devices_work();
}

static void write_x2apic(void *argument)
{
    const uint64_t *pair = argument;
    msr_write((uint32_t)pair[0], pair[1]);
    msr_read((uint32_t)pair[0]);
}

// In x2APIC mode, reserved registers and bits raise #GP. No other exception may come.
static enum outcome x2apic_values(void)
{
    if (!apic_has_x2apic()) {
        return OUTCOME_DONE;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
        if (msr == APIC_X2APIC_MSR(APIC_ICR)) {
            continue;
        }
        for (unsigned bit = 0; bit < 64; bit++) {
            uint64_t pair[] = {msr, BIT(bit)};
            const enum outcome outcome = attempt_fault(write_x2apic, pair);
            if (outcome != OUTCOME_DONE && outcome != (enum outcome)VECTOR_GP) {
                return attempt_wrong("MSR", msr);
            }
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"every value to the 8259s", pic_values, DONE},
    {"every value to the 8254", pit_values, DONE},
    {"every byte of the CMOS", rtc_values, DONE},
    {"every command to the keyboard controller", keyboard_values, DONE},
    {"every value to the UART", uart_values, DONE},
    {"every register of the I/O APIC", ioapic_values, DONE},
    {"every register of the local APIC", apic_values, DONE},
    {"every register of the x2APIC", x2apic_values, DONE},
};

const struct attempt_group devices_group = {attempts, ARRAY_SIZE(attempts)};
