// SPDX-License-Identifier: MIT
// The VMs that the boot loader's lines ask for.
#pragma once

#include "vmm/util/types.h"

struct boot_info;
struct husk_config;
struct vmm;

// Creates a VM for each name in guests= and each module line; a line that is wrong is reported in
// the log and costs its VM only.
void guests_create(struct vmm *vmm, const struct boot_info *info, const struct husk_config *config);

// Begins to start all that are to be started.
void guests_start(struct vmm *vmm);

// True if none is starting, running, paused or about to be restarted.
bool guests_all_ended(const struct vmm *vmm);
