// SPDX-License-Identifier: MIT
// Counts an exit of a guest, and notes it for a person.
#pragma once

#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

// The empty assembly keeps the kind in one register. The compiler would take two, one for the index
// and one for the byte. The halves of the TSC are stored as they come: to join them would cost two
// instructions.
static inline __attribute__((always_inline)) void flight_note(struct vcpu_core *vcpu,
                                                              enum exit_kind kind)
{
    uint64_t number = kind;
    unsigned place = flight_place(vcpu);
    uint32_t low;
    uint32_t high;
    __asm__("" : "+r"(number));
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    vcpu->exits[number]++;
    vcpu->flight.kind[place] = (uint8_t)number;
    vcpu->flight.time_low[place] = low;
    vcpu->flight.time_high[place] = high;
}

// For an exit that is counted as another one, which follows it.
static inline void flight_skip(struct vcpu_core *vcpu)
{
    vcpu->flight.time_low[flight_place(vcpu)] = 0;
    vcpu->flight.time_high[flight_place(vcpu)] = 0;
}

// Counts an exit that only concerns the host. It takes no place and none of exits_left: its handler
// looks at the clock, or ends the run.
static inline void flight_pass_host(struct vcpu_core *vcpu)
{
    vcpu->exits[EXIT_HOST]++;
    vcpu->exits_left++;
}

// Sets exits_left for a new run. Its low byte goes on where the last run has ended.
static inline void flight_renew(struct vcpu_core *vcpu)
{
    vcpu->exits_left = BACKEND_EXITS_A_RUN - FLIGHT_EXITS + flight_place(vcpu);
}
