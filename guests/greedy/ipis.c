// SPDX-License-Identifier: MIT
// Attacks by interrupts that processors send each other.
#include "guests/greedy/attack.h"
#include "guests/greedy/processors.h"
#include "guests/lib/apic.h"
#include "guests/lib/trampoline.h"

static void send(uint32_t command)
{
    while (!attack_over()) {
        xapic_send_ipi(0, command);
    }
}

static void halt(void)
{
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

static void to_others(void)
{
    send(IPI_OTHERS | SINK_VECTOR);
}

static void to_itself(void)
{
    send(IPI_SELF | SINK_VECTOR);
}

static void to_all(void)
{
    send(IPI_ALL | SINK_VECTOR);
}

static void nmi_to_others(void)
{
    send(IPI_OTHERS | IPI_NMI);
}

// The others start again and again. Those that come when all numbers are given halt.
static void init_others(void)
{
    while (!attack_over()) {
        xapic_send_ipi(0, IPI_OTHERS | IPI_INIT);
        xapic_send_ipi(0, IPI_OTHERS | IPI_STARTUP | TRAMPOLINE_PAGE);
    }
}

static const struct attack attacks[] = {
    {"ipis", to_others, halt, false},
    {"ipis-to-the-deaf", to_others, attack_halt_deaf, false},
    {"ipis-below-tpr", to_others, attack_halt_above_all, false},
    {"ipis-to-oneself", to_itself, NULL, false},
    {"ipis-by-all", to_all, to_all, false},
    {"nmis", nmi_to_others, attack_halt_deaf, false},
    {"inits", init_others, halt, false},
};

const struct attack_group ipis_group = {attacks, ARRAY_SIZE(attacks)};
