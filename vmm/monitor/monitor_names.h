// SPDX-License-Identifier: MIT
// The names of VMs, and of guests that can be started.
#pragma once

struct monitor;
struct vmm;

// The name of VM `index`; NULL past the last.
const char *monitor_vm_name(const struct vmm *vmm, unsigned index);
// First the VMs, then the linked payloads without a VM of the same name; NULL past the last.
const char *monitor_startable_name(struct vmm *vmm, unsigned index);
// The startable name that is most like `word`; NULL: none is like it.
const char *monitor_startable_near_miss(struct vmm *vmm, const char *word);
// The VM of that name. NULL: there is none, and the user was told.
struct vm *monitor_find_vm(struct monitor *monitor, const char *name);
