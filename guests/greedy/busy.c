// SPDX-License-Identifier: MIT
// Attacks by what a processor executes: it computes, exits, waits in loops, uses devices, resets.
#include "guests/greedy/attack.h"
#include "guests/lib/cpu.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/rtc.h"

#define KEYBOARD_COMMAND 0x64
#define COMMAND_RESET 0xfe
#define POST_PORT 0x80
#define STRING_BYTES 0xffffU
#define SOMEWHERE 0x100000 // RAM that can be read
#define VGA_CRTC 0x3d4

static void compute(void)
{
    do {
        attack_compute(100);
    } while (!attack_over());
}

static void exit_often(void)
{
    do {
        cpuid(0, 0);
    } while (!attack_over());
}

static void pause(void)
{
    do {
        for (unsigned i = 0; i < 1000; i++) {
            cpu_pause();
        }
    } while (!attack_over());
}

static void use_devices(void)
{
    for (uint8_t i = 0; !attack_over(); i++) {
        out8(PIT_COMMAND, (uint8_t)(i << 4));
        out8(PIT_CHANNEL0, i);
        in8(PIT_CHANNEL2);
        out8(PIC_MASTER_DATA, 0xff);
        cmos_read(i);
        out8(VGA_CRTC, i);
        ioapic_write(IOAPIC_TABLE + i % (2 * IOAPIC_PINS), (uint32_t)ENTRY_MASKED);
        *hpet_timer_at(HPET_TIMER_COMPARATOR, 0) = i;
        (void)*hpet_at(HPET_COUNTER);
    }
}

// The longest repetitions that exit, to a port that takes them.
static void repeat_strings(void)
{
    do {
        uint64_t from = SOMEWHERE;
        uint64_t count = STRING_BYTES;
        __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(POST_PORT) : "memory");
    } while (!attack_over());
}

static void reset(void)
{
    for (;;) {
        out8(KEYBOARD_COMMAND, COMMAND_RESET);
    }
}

static const struct attack attacks[] = {
    {"compute", compute, compute, false},
    {"exits", exit_often, exit_often, false},
    {"pause", pause, pause, false},
    {"devices", use_devices, use_devices, false},
    {"strings", repeat_strings, repeat_strings, false},
    {"reset", reset, NULL, true},
};

const struct attack_group busy_group = {attacks, ARRAY_SIZE(attacks)};
