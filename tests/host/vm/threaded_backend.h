// SPDX-License-Identifier: MIT
// A back end for CPUs that are threads: its guests make random exits, most of which reach other
// vCPUs or the devices that all of them share.
#pragma once

#include "vmm/util/types.h"

// Not 0. Each thread has its own.
extern _Thread_local uint32_t threaded_seed;

// A number below `end`.
unsigned threaded_random(unsigned end);
// Puts the functions of this back end into fake_backend.ops, except those that make and destroy.
void threaded_backend_init(void);
// Whether the CPU that asks was kicked since the last call. The test program defines it.
bool threaded_take_kick(void);
