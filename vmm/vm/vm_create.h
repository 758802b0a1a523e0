// SPDX-License-Identifier: MIT
// The set of VMs: found by name, made from a configuration or a linked payload.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;
struct vm_config;
struct vm_payload;
struct vmm;

// All on CPU 0, from the main loop. Errors: `why` has a line for the user.

enum status vm_create(struct vmm *vmm, const struct vm_config *config, struct vm **vm,
                      struct reason *why);
// A VM by name, or NULL.
struct vm *vm_find(struct vmm *vmm, const char *name);
// A new VM, named like the payload, from a payload that is linked into Husk.
enum status vm_create_linked(struct vmm *vmm, const char *payload, struct vm **vm,
                             struct reason *why);

// What the VM runs (the first), and its modules. False: it has 1 + LOAD_MODULES_MAX already.
MUST_CHECK bool vm_add_payload(struct vm *vm, const struct vm_payload *payload);
