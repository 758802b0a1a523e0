// SPDX-License-Identifier: MIT
// NMIs while NMIs are blocked: each handler sends one more NMI, which comes after the handler's
// IRET.
#include "guests/smp/nmi.h"

#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/traps.h"
#include "guests/smp/ipi.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"

#define ROUNDS 20
#define SOON_NS 2000000 // a fifth of a slice: at a slice's end the hypervisor looks anyway

static volatile uint32_t come;
static volatile uint32_t come_inside;
static volatile bool inside;

static void send_to_self(void)
{
    ipi_send(processor_apic_id(0), IPI_NMI | APIC_ICR_ASSERT);
}

static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    come_inside += inside ? 1 : 0;
    if (come++ == 0) {
        inside = true;
        send_to_self();
        inside = false;
    }
}

// SOON_NS in ticks of the TSC, which can be read without an exit. The clock cannot.
static uint64_t ticks_until_soon(void)
{
    const uint64_t start_ns = clock_ns();
    const uint64_t start = tsc_read();
    while (clock_ns() - start_ns < SOON_NS) {
    }
    return tsc_read() - start;
}

// Waits for the NMI without an exit, which would give the hypervisor another occasion to deliver
// it.
static bool comes_within(uint64_t ticks)
{
    come = 0;
    send_to_self();
    const uint64_t start = tsc_read();
    while (come < 2 && tsc_read() - start < ticks) {
    }
    return come == 2;
}

void nmi_check(const char *group)
{
    const uint64_t ticks = ticks_until_soon();
    uint32_t soon = 0;
    check_begin(group, "NMI in the handler of one");
    trap_set_handler(VECTOR_NMI, on_nmi);
    for (unsigned i = 0; i < ROUNDS; i++) {
        soon += comes_within(ticks) ? 1 : 0;
        clock_wait_for_count(&come, 2, NS_PER_S);
        if (come != 2) {
            check_fails("NMIs", 2, come);
        }
    }
    if (come_inside != 0) {
        check_fails("of them inside", 0, come_inside);
    }
    if (soon <= ROUNDS / 2) { // a busy machine below the hypervisor may delay some
        check_fails("of them soon", ROUNDS, soon);
    }
    check_end();
}
