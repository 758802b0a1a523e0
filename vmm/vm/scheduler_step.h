// SPDX-License-Identifier: MIT
// One turn of a CPU's scheduler.
#pragma once

#include "vmm/util/types.h"

struct scheduler;

// Looks at what is new on this CPU: woken vCPUs, timers, states of VMs. Then it runs the VM that
// has had the least of its share: one of its vCPUs, or a turn of its start or stop. The run ends at
// `until_ns`, when Husk wants the CPU for its own work, but it is not cut too short for the guest
// to get on. Returns false if nothing wants to run. `*wake_ns` is then the latest time at which the
// CPU must look again.
bool scheduler_step(struct scheduler *scheduler, uint64_t until_ns, uint64_t *wake_ns);
