// SPDX-License-Identifier: MIT
// A lock that goes to its waiters in the order of their tickets. One that waits too long halts
// until the holder kicks it, if KVM's interface has that; otherwise it spins on.
#include "guests/smp/locks.h"

#include "arch/x86/kvm_interface.h"
#include "guests/lib/clock.h"
#include "guests/lib/cpu.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/print.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"

#define SPINS 100
#define WORK 300 // in the lock, and again out of it

static uint32_t next;                        // the ticket of the next one that comes
static uint32_t serving;                     // the ticket that has the lock
static uint32_t halted_with[PROCESSORS_MAX]; // 1 + the ticket of a processor that halts, or 0
static uint32_t guarded;
static bool kicks;

static bool is_served(uint32_t ticket)
{
    return __atomic_load_n(&serving, __ATOMIC_SEQ_CST) == ticket;
}

static bool spin(uint32_t ticket)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (is_served(ticket)) {
            return true;
        }
        cpu_pause();
    }
    return false;
}

// A kick that comes before the HLT ends it too.
static void halt(unsigned self, uint32_t ticket)
{
    cpu_interrupts_off();
    __atomic_store_n(&halted_with[self], ticket + 1, __ATOMIC_SEQ_CST);
    if (!is_served(ticket)) {
        cpu_halt();
    }
    __atomic_store_n(&halted_with[self], 0, __ATOMIC_SEQ_CST);
    cpu_interrupts_on();
}

static void take(unsigned self)
{
    const uint32_t ticket = __atomic_fetch_add(&next, 1, __ATOMIC_SEQ_CST);
    while (!spin(ticket)) {
        if (kicks) {
            halt(self, ticket);
        }
    }
}

static void give(void)
{
    const uint32_t ticket = __atomic_add_fetch(&serving, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < processor_count(); i++) {
        if (__atomic_load_n(&halted_with[i], __ATOMIC_SEQ_CST) == ticket + 1) {
            hypercall(KVM_HC_KICK_CPU, 0, processor_apic_id(i));
        }
    }
}

static void work(void)
{
    for (volatile unsigned i = 0; i < WORK; i++) {
    }
}

static void want_the_lock(unsigned self, void *argument)
{
    const uint64_t *end_ns = argument;
    while (clock_ns() < *end_ns) {
        take(self);
        guarded++;
        work();
        give();
        work();
    }
}

static bool has_kicks(void)
{
    return cpuid(CPUID_KVM, 0).eax >= CPUID_KVM_FEATURES &&
           (cpuid(CPUID_KVM_FEATURES, 0).eax & KVM_FEATURE_PV_UNHALT) != 0;
}

void locks_measure(uint64_t duration_ns)
{
    uint64_t end_ns = clock_ns() + duration_ns;
    kicks = has_kicks();
    check_begin("locks", kicks ? "halting" : "spinning");
    if (!processors_run(processors_all(), want_the_lock, &end_ns)) {
        check_fails("processors that finish", processors_all(), 0);
    }
    if (guarded != next) {
        check_fails("count", next, guarded);
    }
    print("smp: locks: %u turns in %lu ms\n", guarded, (uint64_t)(duration_ns / NS_PER_MS));
    check_end();
}
