// SPDX-License-Identifier: MIT
// A guest that never halts and never yields: it keeps its CPU with interrupts off.
#include "guests/lib/cpu.h"
#include "guests/lib/options.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

// Keeps the CPU in the guest.
static _Noreturn void spin(void)
{
    for (;;) {
        __asm__ volatile("" ::: "memory");
    }
}

// Keeps the CPU in the hypervisor: the guest executes hardly an instruction between two exits.
static _Noreturn void spin_exiting(void)
{
    for (;;) {
        cpuid(0, 0);
    }
}

uint8_t guest_main(const struct guest *guest)
{
    cpu_interrupts_off();
    if (option_word(guest->command_line, "exits")) {
        print("hog: exiting with interrupts off\n");
        spin_exiting();
    }
    print("hog: spinning with interrupts off\n");
    spin();
}
