// SPDX-License-Identifier: MIT
// Attempts with several processors after which the VM does not go on: all processors end it at
// once, each in its own way.
#include "guests/hostile/groups.h"
#include "guests/hostile/processors.h"
#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/port.h"

#define END_PORT 0xf4
#define STATUS 7
#define RESET_CONTROL 0xcf9
#define RESET_NOW 6
#define KEYBOARD_COMMAND 0x64
#define PULSE_RESET 0xfe
#define SYSTEM_PORT_A 0x92
#define POWER_CONTROL 0x604
#define POWER_OFF 0x3400 // SLP_EN, SLP_TYP of \_S5
#define VGA_PAGE 0xa0U
#define ROM_PAGE 0xffU

static volatile uint32_t ready;

static void end_by_port(void)
{
    out8(END_PORT, STATUS);
}

static void end_by_hypercall(void)
{
    hypercall(HYPERCALL_END, STATUS, 0);
}

static void triple_fault(void)
{
    static const uint64_t gates[64];
    const struct descriptor_table table = {.limit = sizeof(gates) - 1,
                                           .base = (uint64_t)(uintptr_t)gates};
    __asm__ volatile("lidt %0\n\tud2" ::"m"(table) : "memory");
}

static void halt(void)
{
    __asm__ volatile("cli\n\thlt" ::: "memory");
}

static void power_off(void)
{
    out16(POWER_CONTROL, POWER_OFF);
}

static void reset_by_control(void)
{
    out8(RESET_CONTROL, 0);
    out8(RESET_CONTROL, RESET_NOW);
}

static void reset_by_keyboard(void)
{
    out8(KEYBOARD_COMMAND, PULSE_RESET);
}

static void reset_by_port_a(void)
{
    out8(SYSTEM_PORT_A, 0);
    out8(SYSTEM_PORT_A, 1);
}

static void reset_by_triple_fault(void)
{
    const struct descriptor_table table = {.limit = 0, .base = 0};
    __asm__ volatile("lidt %0\n\tud2" ::"m"(table) : "memory");
}

static void init_to_first(void)
{
    ipi_send(0, IPI_INIT);
}

static void interrupt_all(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        ipi_send(0, IPI_ALL | 0x70U);
        ipi_send(0, IPI_OTHERS | IPI_NMI);
    }
}

static void run_on(void)
{
    for (;;) {
        loop_once();
    }
}

// The ways to end the VM. The processors take them in turn, by their numbers, all at the same time.
#define WAYS 4
static void (*const *ways)(void);

static void at_once(unsigned self)
{
    __atomic_add_fetch(&ready, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < processor_count()) {
        loop_once();
    }
    ways[self % WAYS]();
}

static enum outcome all(void (*const *list)(void))
{
    ways = list;
    ready = 0;
    if (!processors_start(at_once)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    at_once(0);
    processors_finish();
    return OUTCOME_DONE;
}

#define RACE(name, ...)                                                                            \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        static void (*const list[WAYS])(void) = {__VA_ARGS__};                                     \
        return all(list);                                                                          \
    }

RACE(ports, end_by_port, end_by_port, end_by_port, end_by_port)
RACE(hypercalls, end_by_hypercall, end_by_hypercall, end_by_hypercall, end_by_hypercall)
RACE(triple_faults, triple_fault, triple_fault, triple_fault, triple_fault)
RACE(each_its_own, end_by_port, end_by_hypercall, triple_fault, power_off)
RACE(end_in_storm, interrupt_all, interrupt_all, end_by_port, interrupt_all)
RACE(halts, halt, halt, halt, halt)
RACE(halts_and_end, halt, halt, halt, end_by_port)
RACE(resets, reset_by_control, reset_by_keyboard, reset_by_port_a, reset_by_triple_fault)
RACE(reset_in_storm, interrupt_all, reset_by_control, interrupt_all, run_on)
RACE(reset_and_end, reset_by_control, end_by_port, reset_by_keyboard, end_by_hypercall)
RACE(init_of_first, run_on, init_to_first, interrupt_all, run_on)

static void park(unsigned self)
{
    (void)self;
}

static enum outcome start_at(uint32_t page)
{
    if (!processors_start(park)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    ipi_send(0, IPI_OTHERS | IPI_INIT);
    ipi_send(0, IPI_OTHERS | IPI_STARTUP | page);
    processors_finish();
    run_on();
    return OUTCOME_DONE;
}

static enum outcome start_outside(void)
{
    return start_at(VGA_PAGE);
}

static enum outcome start_in_rom(void)
{
    return start_at(ROM_PAGE);
}

static const struct attempt attempts[] = {
    {"ports", ports, 0},
    {"hypercalls", hypercalls, 0},
    {"triple-faults", triple_faults, 0},
    {"each-its-own", each_its_own, 0},
    {"end-in-storm", end_in_storm, 0},
    {"halts", halts, 0},
    {"halts-and-end", halts_and_end, 0},
    {"resets", resets, 0},
    {"reset-in-storm", reset_in_storm, 0},
    {"reset-and-end", reset_and_end, 0},
    {"init-of-first", init_of_first, 0},
    {"start-outside", start_outside, 0},
    {"start-in-rom", start_in_rom, 0},
};

const struct attempt_group fatal_races_group = {attempts, ARRAY_SIZE(attempts)};
