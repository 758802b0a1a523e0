// SPDX-License-Identifier: MIT
// Kicks a processor out of HLT, and interrupts two of them by one call.
#include "guests/paravirt/calls.h"

#include "arch/x86/kvm_interface.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/trampoline.h"
#include "guests/lib/traps.h"
#include "guests/paravirt/report.h"

#define OTHER 1U // the other processor's APIC ID
#define ROUNDS 8
#define VECTOR 0x51
#define AFTER_INIT_NS (10 * NS_PER_MS)
#define PATIENCE_NS (5 * NS_PER_S)

static volatile uint32_t halts; // how often the other processor was about to halt
static volatile bool halts_no_more;
static volatile uint32_t interrupts[2]; // by APIC ID

static uint64_t call(uint64_t number, uint64_t rbx, uint64_t rcx, uint64_t rdx, uint64_t rsi)
{
    if (cpu_is_amd()) {
        __asm__ volatile("vmmcall"
                         : "+a"(number)
                         : "b"(rbx), "c"(rcx), "d"(rdx), "S"(rsi)
                         : "memory");
    } else {
        __asm__ volatile("vmcall"
                         : "+a"(number)
                         : "b"(rbx), "c"(rcx), "d"(rdx), "S"(rsi)
                         : "memory");
    }
    return number;
}

// The other processor: halts with interrupts off, then takes interrupts.
void processor_entry(uint64_t number)
{
    (void)number;
    apic_set_mode(APIC_MODE_XAPIC);
    while (!halts_no_more) {
        __atomic_add_fetch(&halts, 1, __ATOMIC_RELEASE);
        cpu_halt();
    }
    __atomic_add_fetch(&halts, 1, __ATOMIC_RELEASE);
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

static void on_interrupt(struct trap_frame *frame)
{
    (void)frame;
    __atomic_add_fetch(&interrupts[apic_read(APIC_ID) >> APIC_ID_SHIFT & 1], 1, __ATOMIC_RELEASE);
    apic_write(APIC_EOI, 0);
}

static bool start_other(void)
{
    apic_set_mode(APIC_MODE_XAPIC);
    trampoline_prepare();
    xapic_send_ipi(OTHER, IPI_INIT);
    const uint64_t start = clock_ns();
    while (clock_ns() - start < AFTER_INIT_NS) {
    }
    xapic_send_ipi(OTHER, IPI_STARTUP | TRAMPOLINE_PAGE);
    return clock_wait_for_count(&halts, 1, PATIENCE_NS);
}

static bool kick(void)
{
    return call(KVM_HC_KICK_CPU, 0, OTHER, 0, 0) == 0;
}

// A kick that comes before the HLT ends that one too.
static bool kicks_end_halts(void)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (!kick() || !clock_wait_for_count(&halts, i + 1, PATIENCE_NS)) {
            return false;
        }
    }
    halts_no_more = true;
    return kick() && clock_wait_for_count(&halts, ROUNDS + 2, PATIENCE_NS);
}

static bool one_call_interrupts_both(void)
{
    trap_set_handler(VECTOR, on_interrupt);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        cpu_interrupts_on();
        const uint64_t count = call(KVM_HC_SEND_IPI, 3, 0, 0, VECTOR);
        const bool come = clock_wait_for_count(&interrupts[0], i, PATIENCE_NS) &&
                          clock_wait_for_count(&interrupts[1], i, PATIENCE_NS);
        cpu_interrupts_off();
        if (count != 2 || !come || interrupts[0] != i || interrupts[1] != i) {
            return false;
        }
    }
    return true;
}

void check_calls(void)
{
    const bool started = start_other();
    report("a kick ends a HLT", started && kicks_end_halts());
    report("one call interrupts both processors", started && one_call_interrupts_both());
}
