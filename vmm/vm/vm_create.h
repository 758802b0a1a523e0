// SPDX-License-Identifier: MIT
// Finds VMs by name, and creates them from a configuration or from a linked payload.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;
struct vm_config;
struct vm_payload;
struct vmm;

// To be called on CPU 0, from the main loop. On an error `why` gets a line for the user.

enum status vm_create(struct vmm *vmm, const struct vm_config *config, struct vm **vm,
                      struct reason *why);
// The VM of that name, or NULL.
struct vm *vm_find(struct vmm *vmm, const char *name);
// Creates a VM for the payload of that name which is linked into Husk. The VM has the same name.
enum status vm_create_linked(struct vmm *vmm, const char *payload, struct vm **vm,
                             struct reason *why);

// Adds a payload: the first is what the VM runs, the next are its modules. Returns false if the VM
// has 1 + LOAD_MODULES_MAX already.
MUST_CHECK bool vm_add_payload(struct vm *vm, const struct vm_payload *payload);
// The VM cannot start any more, for this reason. The first reason counts.
void vm_refuse(struct vm *vm, const struct reason *why);
