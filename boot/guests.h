// SPDX-License-Identifier: MIT
// The VMs that the boot loader's lines describe.
#pragma once

#include "vmm/util/types.h"

struct boot_info;
struct husk_config;
struct vmm;

// Creates a VM for each name in guests= and for each VM of the module lines. A wrong line is
// reported in the log and costs only its own VM.
void guests_create(struct vmm *vmm, const struct boot_info *info, const struct husk_config *config);

// Begins to start all VMs whose line does not say start=no.
void guests_start(struct vmm *vmm);

// True if no VM is starting, running, paused or about to be restarted.
bool guests_all_ended(const struct vmm *vmm);
