// SPDX-License-Identifier: MIT
// Errata of real CPUs, and whether their workarounds are in force here.
#pragma once

#include "vmm/util/types.h"

enum erratum {
    ERRATUM_TSC_DEADLINE, // Intel: the timer's TSC-deadline mode, with old microcode
    ERRATUM_SELF_SNOOP,   // Intel: caches do not agree on a page that has two memory types
    ERRATUM_FP_POINTERS,  // AMD: FXRSTOR and XRSTOR leave the x87 error pointers as they are
    ERRATUM_C1E,          // AMD 400, 669: the APIC timer does not end the C1E state
    ERRATUM_383,          // AMD: a TLB may match twice
    ERRATUM_793,          // AMD: write-combining and locked accesses may hang a core
    ERRATUM_1235,         // AMD: AVIC may lose an IPI to a vCPU that has just stopped
    ERRATUM_COUNT
};

// Sets of them: a bit for each.
struct errata {
    uint32_t in_force;
    uint32_t open; // the workaround is a register's, and a CPU has refused it
};

// Finds out which of them this CPU has, does what its registers allow against them, and adds them
// to the sets. Needs the IDT.
void errata_find(struct errata *errata);

// The same for this machine: each CPU calls it while it is set up, one after another.
void errata_apply(void);
// Whether a CPU that is set up has it.
bool erratum_in_force(enum erratum erratum);
bool erratum_is_open(enum erratum erratum);

// Gives the text of the next one that is in force: what it is, and what Husk does. `*next` must be
// 0 at the first call. False: there are no more.
bool errata_describe(unsigned *next, char *text, size_t size);
