// SPDX-License-Identifier: MIT
// Reads kvm-clock and compares it with the VM's other clocks.
#include "guests/paravirt/clock.h"

#include "arch/x86/kvm_interface.h"
#include "guests/lib/clock.h"
#include "guests/lib/cpu.h"
#include "guests/lib/pit.h"
#include "guests/lib/print.h"
#include "guests/lib/rtc.h"
#include "guests/paravirt/report.h"

#define READS 5000
#define ROUNDING_NS 20
#define PIT_TICKS 59659 // 50 ms
#define PIT_NS (50 * NS_PER_MS)
#define PIT_ROUNDS 6ULL
#define PIT_TOLERANCE_NS (10 * NS_PER_MS) // the CPU may be taken away at both ends
#define RATE_TOLERANCE 1000               // a thousandth
#define DATE_TOLERANCE_S 2U

static volatile struct kvm_system_time system_time;
static volatile struct kvm_wall_clock wall_clock;

// The clock when the TSC read `tsc`.
static uint64_t clock_at(uint64_t tsc)
{
    uint32_t version;
    uint64_t ns;
    do {
        version = system_time.version;
        uint64_t ticks = tsc - system_time.tsc_timestamp;
        const int shift = system_time.tsc_shift;
        ticks = shift < 0 ? ticks >> -shift : ticks << shift;
        ns = system_time.system_time +
             (uint64_t)((unsigned __int128)ticks * system_time.tsc_to_system_mul >> 32);
    } while ((version & 1) != 0 || version != system_time.version);
    return ns;
}

// The clocks agree if a reading of one lies between two of the other. They may be rounded in
// different ways.
static bool is_the_vms(void)
{
    for (unsigned i = 0; i < READS; i++) {
        const uint64_t before = clock_ns();
        const uint64_t now = clock_at(tsc_read());
        const uint64_t after = clock_ns();
        if (now + ROUNDING_NS < before || now > after + ROUNDING_NS) {
            print("paravirt: %lu is not between %lu and %lu\n", now, before, after);
            return false;
        }
    }
    return true;
}

static bool is_as_fast_as_the_pit(void)
{
    const uint64_t start = clock_at(tsc_read());
    for (unsigned i = 0; i < PIT_ROUNDS; i++) {
        pit_wait(PIT_TICKS);
    }
    const uint64_t taken = clock_at(tsc_read()) - start;
    const bool right = taken >= PIT_ROUNDS * PIT_NS - PIT_TOLERANCE_NS &&
                       taken <= 2 * PIT_ROUNDS * PIT_NS + PIT_TOLERANCE_NS;
    if (!right) {
        print("paravirt: %lu ns\n", taken);
    }
    return right;
}

// The rate that CPUID gives and the one in the clock's factor.
static bool rates_agree(void)
{
    const uint64_t khz = cpuid(CPUID_HYPERVISOR_RATES, 0).eax;
    const uint64_t start = clock_at(0);
    const uint64_t second = clock_at(khz * 1000) - start;
    return second >= NS_PER_S - NS_PER_S / RATE_TOLERANCE &&
           second <= NS_PER_S + NS_PER_S / RATE_TOLERANCE;
}

static bool date_is_the_rtcs(void)
{
    msr_write(MSR_KVM_WALL_CLOCK, (uint64_t)(uintptr_t)&wall_clock);
    const uint64_t began_ns = wall_clock.seconds * NS_PER_S + wall_clock.nanoseconds;
    const uint64_t now_s = (began_ns + clock_at(tsc_read())) / NS_PER_S;
    const uint64_t ahead =
        (now_s + SECONDS_A_DAY + DATE_TOLERANCE_S - rtc_second_of_day()) % SECONDS_A_DAY;
    return (wall_clock.version & 1) == 0 && ahead <= DATE_TOLERANCE_S + DATE_TOLERANCE_S;
}

void check_clock(void)
{
    msr_write(MSR_KVM_SYSTEM_TIME, (uint64_t)(uintptr_t)&system_time | MSR_KVM_ENABLE);
    report("the TSC's rate", rates_agree());
    report("the clock is the VM's", is_the_vms());
    report("the clock is as fast as the 8254", is_as_fast_as_the_pit());
    report("the date", date_is_the_rtcs());
}
