// SPDX-License-Identifier: MIT
// Starts several processors, which interrupt each other and share memory. Prints a line a check.
#include "guests/lib/clock.h"
#include "guests/lib/options.h"
#include "guests/lib/pic.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"
#include "guests/smp/ipi.h"
#include "guests/smp/locks.h"
#include "guests/smp/ordering.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"
#include "guests/smp/shootdown.h"

static void tell_processors(void)
{
    print("smp: %u processors, APIC IDs", processor_count());
    for (unsigned i = 0; i < processor_count(); i++) {
        print(" %u", processor_apic_id(i));
    }
    print("\n");
}

static void check_mode(enum apic_mode mode, const char *name)
{
    check_begin(name, "all processors change to it");
    if (!processors_set_mode(mode)) {
        check_fails("processors that answer", processors_all(), 0);
    }
    check_end();
}

static void check_restart(void)
{
    check_begin("x2apic", "INIT and SIPI to all others");
    if (!processors_restart_all()) {
        check_fails("processors that came back", processor_count(), 0);
    }
    check_end();
}

static void check_x2apic(void)
{
    if (!apic_has_x2apic()) {
        check_skip("x2apic", "all", "CPUID has it not");
        return;
    }
    check_mode(APIC_MODE_X2APIC, "x2apic");
    ipi_checks();
    check_restart();
    check_mode(APIC_MODE_XAPIC, "xapic");
}

static void check_all(void)
{
    ipi_checks();
    check_x2apic();
    if (processor_count() > 1) {
        shootdown_checks();
        ordering_checks();
    } else {
        check_skip("TLB shootdown", "all", "1 processor");
        check_skip("memory ordering", "all", "1 processor");
    }
}

uint8_t guest_main(const struct guest *guest)
{
    clock_init();
    pic_init();
    ipi_init();
    processors_init();
    cpu_interrupts_on();
    processors_start_each((unsigned)option_number(guest->command_line, "cpus", PROCESSORS_MAX));
    tell_processors();
    const uint64_t locks_ms = option_number(guest->command_line, "locks", 0);
    if (locks_ms > 0) {
        locks_measure(locks_ms * NS_PER_MS);
    } else {
        check_all();
    }
    print("smp: %u of %u checks failed\n", checks_failed(), checks_made());
    return checks_failed() == 0 ? 0 : 1;
}
