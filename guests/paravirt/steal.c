// SPDX-License-Identifier: MIT
// Reads the steal time of a processor that computes, and of one that sleeps.
#include "guests/paravirt/steal.h"

#include "arch/x86/kvm_interface.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/cpu.h"
#include "guests/lib/print.h"
#include "guests/lib/traps.h"
#include "guests/paravirt/report.h"

#define VECTOR 0x52
#define BUSY_NS (200 * NS_PER_MS)
#define NAPS 10
#define NAPS_A_SECOND 100

static volatile struct kvm_steal_time steal_time __attribute__((aligned(64)));
static volatile uint32_t naps;

static uint64_t stolen_ns(void)
{
    uint32_t version;
    uint64_t ns;
    do {
        version = steal_time.version;
        ns = steal_time.steal;
    } while ((version & 1) != 0 || version != steal_time.version);
    return ns;
}

static void compute(void)
{
    const uint64_t start = clock_ns();
    while (clock_ns() - start < BUSY_NS) {
    }
}

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    naps++;
    apic_write(APIC_EOI, 0);
}

static void sleep(void)
{
    const uint32_t timer_hz = cpuid(CPUID_HYPERVISOR_RATES, 0).ebx * 1000;
    apic_set_mode(APIC_MODE_XAPIC);
    trap_set_handler(VECTOR, on_timer);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, APIC_LVT_PERIODIC | VECTOR);
    apic_write(APIC_TIMER_INITIAL, timer_hz / NAPS_A_SECOND);
    while (naps < NAPS) {
        cpu_wait_for_interrupt();
    }
    apic_write(APIC_TIMER_INITIAL, 0);
}

// Whether so many percent of the time that `work` takes are steal time.
static bool takes_percent(void (*work)(void), uint64_t least, uint64_t most)
{
    const uint64_t start = clock_ns();
    const uint64_t stolen_before = stolen_ns();
    work();
    const uint64_t stolen = stolen_ns() - stolen_before;
    const uint64_t taken = clock_ns() - start;
    const bool right = stolen * 100 >= taken * least && stolen * 100 <= taken * most;
    if (!right) {
        print("paravirt: %lu of %lu ns were stolen\n", stolen, taken);
    }
    return right && steal_time.preempted == 0;
}

void check_steal(bool beside)
{
    msr_write(MSR_KVM_STEAL_TIME, (uint64_t)(uintptr_t)&steal_time | MSR_KVM_ENABLE);
    report("the steal time of who computes",
           takes_percent(compute, beside ? 40 : 0, beside ? 60 : 100));
    report("the steal time of who sleeps", takes_percent(sleep, 0, beside ? 30 : 100));
}
