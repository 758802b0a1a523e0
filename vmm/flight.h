// SPDX-License-Identifier: MIT
// What a back end notes of each exit of a vCPU.
#pragma once

#include "vmm/util/types.h"

// The last exits of a vCPU, for a person (vmm/debug/flight_text.h). The place of an exit is the low
// byte of vcpu_core.exits_left at that time, so the next exit has the place below. An exit that
// only concerns the host takes no place.
#define FLIGHT_EXITS 256

struct flight {
    uint32_t time_low[FLIGHT_EXITS]; // of the CPU's TSC; both 0: none was noted there
    uint32_t time_high[FLIGHT_EXITS];
    uint64_t rip[FLIGHT_EXITS];    // of the instruction that exited
    uint64_t detail[FLIGHT_EXITS]; // the port, the address or the MSR, if the kind has one
    uint8_t kind[FLIGHT_EXITS];    // enum exit_kind
};
